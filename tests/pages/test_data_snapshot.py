"""The page of rows behind the grid: positions, changes, what was written and what is not sent again."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.dataset.edits import Change
from core.dataset.examples import Example, Kind, Split, Status, content_hash, dump
from pages.parts.snapshot import (
    Snapshot,
    addition,
    cells,
    frame_of,
    marks,
    pending,
    picked,
    refresh,
    removal,
    settle,
    touches,
)
from pages.parts.wrapping import Wrap


def row(number: int, question: str = "Q", answer: str = "A", system: str = "", **fields: Any) -> Example:
    messages = [{"role": "system", "content": system}] if system else []
    messages += [{"role": "user", "content": question}, {"role": "assistant", "content": answer}]
    raw = dump({"messages": messages})
    values: dict[str, Any] = {
        "id": number, "dataset_id": 1, "position": number, "kind": Kind.CHAT, "raw": raw, "label": answer,
        "split": Split.NONE, "status": Status.NEW, "revision": 1, "tokens": 9, "answer_tokens": 2, "issues": (),
        "content_hash": content_hash(raw),
    }  # fmt: skip
    return Example(**{**values, **fields})


def snapshot(*rows: Example) -> Snapshot:
    return Snapshot(1, 1, (), frame_of(rows, Wrap()), {r.id: r for r in rows}, len(rows), 1, 1)


def test_the_index_is_the_rows_id_and_texts_are_strings_even_where_all_are_empty() -> None:
    frame = frame_of([row(7, "", ""), row(3, "", "")], Wrap())
    assert list(frame.index) == [7, 3]
    assert {str(frame[name].dtype) for name in ("user", "assistant", "split", "status")} == {"string"}
    assert list(frame_of([], Wrap()).columns)[:2] == ["picked", "open"]


def test_columns_that_would_say_nothing_are_left_out() -> None:
    plain = frame_of([row(1), row(2)], Wrap())
    assert not {"issues", "system", "label"} & set(plain.columns)
    rich = frame_of([row(1, system="be short"), row(2, label="other", issues=("empty_content",))], Wrap())
    assert {"system", "label"} <= set(rich.columns)


def test_issues_are_told_by_severity_and_advice_is_not_shown_in_the_grid() -> None:
    from core.checks import Severity, issue_table

    of = {severity: next(c for c, s in issue_table().items() if s is severity) for severity in Severity}
    assert marks([of[Severity.ERROR], of[Severity.WARNING], of[Severity.ADVICE]]) == "✖ 1 ⚠ 1"
    assert marks([of[Severity.ADVICE]]) == ""


def test_changes_carry_the_id_behind_the_position_and_the_revision_that_was_seen() -> None:
    shown = snapshot(row(7, revision=4), row(3, revision=2))
    changes = pending(shown, {1: {"user": "new", "picked": True}, "0": {"picked": True}})
    assert changes == [Change(3, 2, {"user": "new"})]
    assert type(changes[0].example_id) is int
    assert picked(shown, {1: {"picked": True}, 0: {"picked": False}}) == [3]


def test_a_change_is_sent_once_and_a_later_one_again() -> None:
    shown = snapshot(row(1))
    edited: dict[int, dict[str, Any]] = {0: {"assistant": "B"}}
    settle(shown, pending(shown, edited))
    assert pending(shown, edited) == []
    edited[0]["assistant"] = "A"
    assert [c.fields for c in pending(shown, edited)] == [{"assistant": "A"}]


def test_a_question_is_written_with_the_words_that_the_grid_leaves_out() -> None:
    wrap = Wrap("Sort this message:\n", "\nClass:")
    rows = [row(1, "Sort this message:\nhello\nClass:"), row(2, "free")]
    shown = Snapshot(1, 1, (), frame_of(rows, wrap), {r.id: r for r in rows}, 2, 1, 1, wrap)
    assert list(shown.frame["user"]) == ["hello", "free"]
    changes = pending(shown, {0: {"user": "bye"}, 1: {"user": "new"}})
    assert [c.fields for c in changes] == [{"user": "Sort this message:\nbye\nClass:"}, {"user": "new"}]
    settle(shown, changes)
    assert pending(shown, {0: {"user": "bye"}, 1: {"user": "new"}}) == []


def test_an_emptied_cell_is_an_empty_text_and_an_unchanged_one_nothing() -> None:
    shown = snapshot(row(1))
    assert [c.fields for c in pending(shown, {0: {"user": None}})] == [{"user": ""}]
    assert pending(shown, {0: {"user": "Q", "tokens": 5}}) == []


def test_after_a_write_the_next_change_builds_on_the_revision_it_made() -> None:
    shown = snapshot(row(1))
    stored = row(1, answer="B", revision=3, tokens=20)
    refresh(shown, [stored, row(99)], {1: 2})  # somebody wrote right behind us: 3 is not ours
    assert shown.revisions == {1: 2}
    assert (shown.frame.at[1, "assistant"], shown.frame.at[1, "tokens"]) == ("B", 20)
    refresh(shown, [stored], {})
    assert shown.revisions == {1: 3}


def test_a_refresh_keeps_what_the_editor_must_not_lose() -> None:
    shown = snapshot(row(1), row(2))
    before = shown.frame
    refresh(shown, [row(2, answer="C", revision=2)], {2: 2})
    assert list(shown.frame.index) == list(before.index) and list(shown.frame.dtypes) == list(before.dtypes)
    assert before.at[2, "assistant"] == "A"
    assert touches(shown, {1: {"user": "x"}}, 2) and not touches(shown, {1: {"picked": True}}, 2)


@given(st.lists(st.tuples(st.integers(0, 2), st.sampled_from(["user", "assistant", "label"]), st.text(max_size=4))))
def test_every_last_value_is_sent_exactly_once_whatever_is_typed(edits: list[tuple[int, str, str]]) -> None:
    shown = snapshot(row(1), row(2), row(3, label="other"))
    edited: dict[int, dict[str, Any]] = {}
    sent: dict[tuple[int, str], str] = {}
    for position, name, value in edits:
        edited.setdefault(position, {})[name] = value
        if name not in shown.frame.columns:
            edited[position].pop(name)
            continue
        changes = pending(shown, edited)
        assert sum(len(change.fields) for change in changes) <= 1
        for change in changes:
            for field, text in change.fields.items():
                sent[change.example_id, field] = text or ""
        settle(shown, changes)
    for position, fields in edited.items():
        for name, value in fields.items():
            number = shown.ids[position]
            assert sent.get((number, name), cells(shown.rows[number], Wrap())[name]) == value


def test_rows_are_added_after_another_with_the_same_instruction_and_split() -> None:
    after = row(5, system="be short", split=Split.TRAIN)
    (added,) = addition(Kind.CHAT, after, after).added
    assert added.after_id == 5 and added.draft.split is Split.TRAIN
    assert added.draft.body["messages"][0] == {"role": "system", "content": "be short"}
    assert [m["role"] for m in added.draft.body["messages"]] == ["system", "user", "assistant"]


@pytest.mark.parametrize(("locked", "split"), [(False, Split.TEST), (True, Split.NONE)])
def test_a_row_below_a_locked_test_row_is_in_no_part_yet(locked: bool, split: Split) -> None:
    after = row(5, split=Split.TEST)
    (added,) = addition(Kind.CHAT, after, after, locked).added
    assert added.after_id == 5 and added.draft.split is split


@pytest.mark.parametrize(
    ("kind", "key"),
    [(Kind.COMPLETION, "prompt"), (Kind.PREFERENCE, "preferred_output"), (Kind.REINFORCEMENT, "messages")],
)
def test_an_added_row_has_the_shape_of_its_format(kind: Kind, key: str) -> None:
    (added,) = addition(kind, None, None).added
    assert key in added.draft.body and added.after_id is None


def test_rows_are_removed_as_they_were_seen() -> None:
    shown = snapshot(row(1, revision=3), row(2))
    assert [(r.example_id, r.revision) for r in removal(shown, [1]).removed] == [(1, 3)]

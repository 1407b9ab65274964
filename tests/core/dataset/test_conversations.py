"""Conversations that stand in several rows: put together by their id, in the order of their turns."""

from __future__ import annotations

import random
from collections.abc import Sequence

import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.dataset import mapping
from core.dataset.examples import Draft, Kind
from core.dataset.readers import Reject, Row
from core.dataset.recipes import Mode, Recipe, Sample
from core.dataset.vocabulary import Role
from core.errors import BadInput

SPOKEN = {"id": Role.CONVERSATION, "turn": Role.TURN, "who": Role.SPEAKER, "text": Role.USER}
PAIRS = {"id": Role.CONVERSATION, "turn": Role.TURN, "q": Role.USER, "a": Role.ASSISTANT}


def rows(columns: str, *cells: Sequence[str]) -> list[Row]:
    return [Row(n, dict(zip(columns.split(), row, strict=True))) for n, row in enumerate(cells, start=2)]


def told(recipe: Recipe, given: list[Row]) -> list[list[str] | tuple[int, str]]:
    """The texts of each example, or the row and column of each reject."""
    return [
        [m["role"][0] + ":" + m["content"] for m in d.body["messages"]] if isinstance(d, Draft) else (d.row, d.column)
        for d in mapping.apply(recipe, given)
    ]


def test_rows_that_share_an_id_are_one_example_in_the_order_of_their_turns() -> None:
    given = rows(
        "id turn who text",
        ("A", "10", "assistant", "d"), ("A", "2", "user", "c"), ("B", "1", "客户", "x"), ("A", "1", "Bot", "b"),
        ("B", "2", "客服", "y"), ("A", "0", "human", "a"), ("A", "-1", "system", "s"),
    )  # fmt: skip
    assert told(Recipe(roles=SPOKEN), given) == [["s:s", "u:a", "a:b", "u:c", "a:d"], ["u:x", "a:y"]]


def test_a_row_may_hold_a_question_and_its_answer() -> None:
    given = rows("id turn q a", ("1", "2", "c", "d"), ("1", "1", "a", "b"), ("1", "3", "e", ""))
    assert told(Recipe(roles=PAIRS), given) == [["u:a", "a:b", "u:c", "a:d", "u:e"]]


def test_turns_may_be_dates_or_missing() -> None:
    dated = rows("id turn q a", ("1", "2026-02-01", "c", "d"), ("1", "2026-01-31", "a", "b"))
    assert told(Recipe(roles=PAIRS), dated) == [["u:a", "a:b", "u:c", "a:d"]]
    plain = {column: role for column, role in PAIRS.items() if column != "turn"}
    assert told(Recipe(roles=plain), dated) == [["u:c", "a:d", "u:a", "a:b"]]


def test_what_cannot_be_used_is_listed_with_its_row() -> None:
    given = rows(
        "id turn who text",
        ("", "1", "user", "a"), ("A", "1", "alien", "a"), ("B", "1", "user", ""), ("C", "1", "user", "only asked"),
        ("D", "1", "user", "a"), ("D", "2", "gpt", "b"),
    )  # fmt: skip
    assert told(Recipe(roles=SPOKEN), given) == [(2, "id"), (3, "who"), (4, ""), (5, ""), ["u:a", "a:b"]]


def test_samples_count_conversations_and_the_origin_is_the_first_row() -> None:
    given = rows("id turn q a", ("1", "1", "a", "b"), ("2", "1", "c", "d"), ("1", "2", "e", "f"), ("3", "1", "g", "h"))
    for mode in (Mode.FIRST, Mode.LAST, Mode.RANDOM):
        found = list(mapping.apply(Recipe(roles=PAIRS, sample=Sample(mode, 2, 1)), given))
        assert len(found) == 2
    done = list(mapping.apply(Recipe(roles=PAIRS), given))
    assert [d.origin.row for d in done if isinstance(d, Draft)] == [2, 3, 5]


def test_a_preview_shows_the_whole_conversation_of_a_row() -> None:
    from pathlib import Path

    from core.dataset.readers import Format, Source

    given = rows("id turn q a", ("1", "1", "a", "b"), ("2", "1", "c", "d"), ("1", "2", "e", "f"))
    source = Source(Path("x"), "x", Format.CSV, 1, columns=("id", "turn", "q", "a"), sample=tuple(given))
    draft = mapping.preview(Recipe(roles=PAIRS), given[2], source=source)
    assert isinstance(draft, Draft) and len(draft.body["messages"]) == 4


@pytest.mark.parametrize(
    ("recipe", "words"),
    [
        (Recipe(roles={"turn": Role.TURN, "q": Role.USER, "a": Role.ASSISTANT}), "none the conversation"),
        (Recipe(kind=Kind.COMPLETION, roles=PAIRS), "need the chat format"),
        (Recipe(roles={"id": Role.CONVERSATION, "q": Role.USER}), "No column gives the assistant"),
    ],
)
def test_a_mapping_that_cannot_work_is_said(recipe: Recipe, words: str) -> None:
    with pytest.raises(BadInput, match=words):
        mapping.check(recipe, ("id", "turn", "q", "a"))


@pytest.mark.parametrize(
    ("header", "roles"),
    [
        ("session_id turn role content", ["conversation", "turn", "speaker", "user"]),
        ("会话ID 时间 角色 内容", ["conversation", "turn", "speaker", "user"]),
        ("conversation_id turn question answer", ["conversation", "turn", "user", "assistant"]),
    ],
)
def test_the_columns_of_conversations_are_guessed(header: str, roles: list[str]) -> None:
    given = rows(header, *[(str(n // 2), str(n), "user" if n % 2 else "gpt", f"text {n}") for n in range(10)])
    found = mapping.guess(tuple(header.split()), given).roles
    assert [found[column].value for column in header.split()] == roles


def test_an_id_that_is_never_repeated_makes_no_conversations() -> None:
    given = rows("session_id turn question answer", *[(str(n), "1", f"q {n}", f"a {n}") for n in range(10)])
    found = mapping.guess(("session_id", "turn", "question", "answer"), given).roles
    assert set(found.values()) == {Role.USER, Role.ASSISTANT, Role.IGNORE}


@given(st.lists(st.tuples(st.integers(0, 4), st.text("ab ", max_size=3), st.text("cd ", max_size=3)), max_size=20),
       st.integers())  # fmt: skip
def test_the_order_of_the_rows_in_the_file_does_not_matter(cells: list[tuple[int, str, str]], seed: int) -> None:
    given = [
        Row(n, {"id": str(key), "turn": str(n), "q": question, "a": answer})
        for n, (key, question, answer) in enumerate(cells)
    ]
    shuffled = random.Random(seed).sample(given, len(given))

    def bodies(rows: list[Row]) -> list[str]:
        return sorted(d.raw for d in mapping.apply(Recipe(roles=PAIRS), rows) if isinstance(d, Draft))

    assert bodies(given) == bodies(shuffled)
    assert all(isinstance(d, Draft | Reject) for d in mapping.apply(Recipe(roles=PAIRS), shuffled))

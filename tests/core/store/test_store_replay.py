"""Any order of edits, undo and redo: the store agrees with a model in memory, and history leads to the present."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import invariant, precondition, rule
from store_samples import draft, make

from core.dataset.edits import Added, Change, Edits, Removed
from core.dataset.examples import Kind, Split, load, user_text
from core.store import Filter
from core.store.tally import differences
from tests.core.store.taking_turns import TakingTurns

Row = tuple[str, str, str]  # question, label, split
WORDS = st.sampled_from(["甲", "b", "", "100%", "x\ny", "\x00"])


@dataclass(frozen=True)
class Found:
    """An issue of a row."""

    code: str
    severity: str


def judge(raws: Sequence[str], encoding: str, kind: Kind) -> list[Judged]:
    """Rules of these tests alone: another encoding counts other tokens, and short rows have issues."""
    details = [Found("short", "error"), Found("small", "error"), Found("brief", "advice")]
    return [Judged(len(raw) - len(encoding), len(raw) % 5, details[: len(raw) % 4]) for raw in raws]


@dataclass(frozen=True)
class Judged:
    """What is known of a row."""

    tokens: int
    answer_tokens: int
    details: Sequence[Found]


@dataclass
class Model:
    """A dataset as a list, with every state that undo and redo lead to."""

    rows: list[tuple[int, Row]]
    past: list[list[tuple[int, Row]]] = field(default_factory=list)
    future: list[list[tuple[int, Row]]] = field(default_factory=list)

    def become(self, rows: list[tuple[int, Row]]) -> None:
        self.past.append(self.rows)
        self.future.clear()
        self.rows = rows


class Editing(TakingTurns):
    """One dataset, beside a model of it."""

    def __init__(self) -> None:
        super().__init__(judge)
        self.dataset = make(self.stores[0], [draft(f"q{i}", f"a{i}") for i in range(3)])
        self.imported = {row.id: row for row in self.stores[0].examples(self.dataset.id)}
        self.model = Model(self._present())
        self.known = {id: row.revision for id, row in self.imported.items()}

    def _present(self) -> list[tuple[int, Row]]:
        rows = self.store.examples(self.dataset.id)
        return [(r.id, (load(r.raw)["messages"][0]["content"], r.label, r.split.value)) for r in rows]

    @precondition(lambda self: self.model.rows)
    @rule(data=st.data(), question=WORDS, label=WORDS, split=st.sampled_from(["", "train", "test"]))
    def change(self, data: st.DataObject, question: str, label: str, split: str) -> None:
        place = data.draw(st.integers(0, len(self.model.rows) - 1))
        id, before = self.model.rows[place]
        fields = {"user": question, "label": label, "split": split}
        edits = Edits([Change(id, self.store.example(id).revision, fields)])
        applied = self.store.apply(self.dataset.id, edits, "ann")
        assert applied.saved == 1 and applied.conflicts == ()
        after = (question, label.replace("\x00", ""), split)
        if after != before:
            self.model.become([*self.model.rows[:place], (id, after), *self.model.rows[place + 1 :]])

    @rule(data=st.data(), question=WORDS, count=st.integers(1, 3))
    def add(self, data: st.DataObject, question: str, count: int) -> None:
        place = data.draw(st.integers(-1, len(self.model.rows) - 1))
        after = self.model.rows[place][0] if place >= 0 else None
        edits = Edits(added=[Added(after, draft(question))] * count)
        ids = self.store.apply(self.dataset.id, edits, "bob").added_ids
        new = [(id, (question, "", "")) for id in ids]
        cut = place + 1 if place >= 0 else len(self.model.rows)
        self.model.become([*self.model.rows[:cut], *new, *self.model.rows[cut:]])

    @precondition(lambda self: self.model.rows)
    @rule(data=st.data())
    def remove(self, data: st.DataObject) -> None:
        gone = data.draw(st.sets(st.sampled_from([id for id, _ in self.model.rows]), min_size=1, max_size=2))
        removals = [Removed(id, self.store.example(id).revision) for id in gone]
        assert self.store.apply(self.dataset.id, Edits(removed=removals), "cat").saved == len(gone)
        self.model.become([row for row in self.model.rows if row[0] not in gone])

    @precondition(lambda self: self.model.rows)
    @rule(data=st.data(), question=st.sampled_from(["stale 1", "stale 2"]))
    def change_what_is_not_there_any_more(self, data: st.DataObject, question: str) -> None:
        id, _ = data.draw(st.sampled_from(self.model.rows))
        stale = Edits([Change(id, self.store.example(id).revision - 1, {"user": question})])
        assert len(self.store.apply(self.dataset.id, stale, "dan").conflicts) == 1

    @precondition(lambda self: self.model.rows)
    @rule(split=st.sampled_from(["", "train", "validation"]), every=st.integers(1, 3))
    def split_rows(self, split: str, every: int) -> None:
        chosen = [id for id, _ in self.model.rows[::every]]
        self.store.assign_splits(self.dataset.id, dict.fromkeys(chosen, Split(split)), "fay")
        after = [(id, (*row[:2], split) if id in chosen else row) for id, row in self.model.rows]
        if after != self.model.rows:
            self.model.become(after)

    @rule(encoding=st.sampled_from(["o200k_base", "cl100k"]))
    def recount(self, encoding: str) -> None:
        self.store.set_encoding(self.dataset.id, encoding)

    @precondition(lambda self: self.model.rows)
    @rule(data=st.data())
    def crowd(self, data: st.DataObject) -> None:
        """So many rows after one that there is no place left between it and the next."""
        id, _ = data.draw(st.sampled_from(self.model.rows))
        for _ in range(22):
            self.store.apply(self.dataset.id, Edits(added=[Added(id, draft("x"))]), "gus")
            place = [row for row, _ in self.model.rows].index(id)
            new = [row for row in self._present() if row[0] not in {known for known, _ in self.model.rows}]
            self.model.become([*self.model.rows[: place + 1], *new, *self.model.rows[place + 1 :]])

    @rule()
    def undo(self) -> None:
        assert self.store.can_undo(self.dataset.id) is bool(self.model.past)
        assert self.store.undo(self.dataset.id, "eve").conflicts == ()
        if self.model.past:
            self.model.future.append(self.model.rows)
            self.model.rows = self.model.past.pop()

    @rule()
    def redo(self) -> None:
        assert self.store.can_redo(self.dataset.id) is bool(self.model.future)
        assert self.store.redo(self.dataset.id, "eve").conflicts == ()
        if self.model.future:
            self.model.past.append(self.model.rows)
            self.model.rows = self.model.future.pop()

    @invariant()
    def the_store_holds_what_the_model_holds(self) -> None:
        assert self._present() == self.model.rows
        assert self.store.dataset(self.dataset.id).rows == len(self.model.rows)

    @invariant()
    def what_is_kept_is_what_the_rows_give(self) -> None:
        with self.store.database.read() as connection:
            assert differences(connection, self.dataset.id) == set()
        rows = list(self.store.examples(self.dataset.id))
        assert self.store.label_counts(self.dataset.id) == Counter(row.label for row in rows)
        assert self.store.issue_counts(self.dataset.id) == Counter(code for row in rows for code in row.issues)
        tokens, answers = self.store.token_values(self.dataset.id, "train")
        assert tokens == sorted(row.tokens for row in rows if row.split == "train")
        assert answers == sorted(row.answer_tokens for row in rows if row.split == "train")

    @invariant()
    def pages_and_searches_find_what_is_there(self) -> None:
        rows = list(self.store.examples(self.dataset.id))
        for text in ("甲", "B", "q1", "stale 2", "nowhere"):
            page = self.store.page(self.dataset.id, Filter(text=text), size=1_000)
            assert list(page.examples) == [row for row in rows if text.lower() in user_text(row.body) + row.label]
        by_tokens = self.store.page(self.dataset.id, sort="tokens", size=1_000).examples
        assert list(by_tokens) == sorted(rows, key=lambda row: (row.tokens, row.position))
        for row in rows[:2]:
            page = self.store.page(self.dataset.id, size=2, page=self.store.position_page(self.dataset.id, row.id, 2))
            assert row in page.examples
        errors = self.store.page(self.dataset.id, Filter(severity="error"), size=1_000).examples
        assert list(errors) == [row for row in rows if {"short", "small"} & set(row.issues)]

    @invariant()
    def revisions_only_grow(self) -> None:
        for row in self.store.examples(self.dataset.id):
            assert row.revision >= self.known.get(row.id, 0)
            self.known[row.id] = row.revision

    @invariant()
    def history_replayed_on_the_import_gives_the_present(self) -> None:
        names = ("raw", "label", "split", "status")
        rows: dict[int, dict[str, Any]] = {
            id: {name: getattr(row, name) for name in names} for id, row in self.imported.items()
        }
        for entry in reversed(self.store.history(self.dataset.id, limit=100_000)):
            if entry.action == "remove":
                assert rows.pop(entry.example_id) == entry.before
            elif entry.action == "add":
                assert entry.example_id not in rows
                rows[entry.example_id] = dict(entry.after or {})
            else:
                row = rows[entry.example_id]
                assert all(row[name] == value for name, value in (entry.before or {}).items())
                row.update(entry.after or {})
        present = self.store.examples(self.dataset.id)
        assert rows == {row.id: {name: getattr(row, name) for name in names} for row in present}


TestAnyOrderOfEdits = Editing.TestCase
TestAnyOrderOfEdits.settings = settings(
    max_examples=25, stateful_step_count=15, deadline=None, suppress_health_check=list(HealthCheck)
)

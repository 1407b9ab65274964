"""Any order of edits, undo and redo: the store agrees with a model in memory, and history leads to the present."""

from __future__ import annotations

import tempfile
from dataclasses import dataclass, field
from typing import Any

from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule
from store_samples import draft, make

from core.dataset.edits import Added, Change, Edits, Removed
from core.dataset.examples import load
from core.settings import Settings
from core.store import Store

Row = tuple[str, str, str]  # question, label, split
WORDS = st.sampled_from(["甲", "b", "", "100%", "x\ny", "\x00"])


class Unjudged:
    """What is known of a row when nothing was counted."""

    tokens, answer_tokens, details = -1, -1, ()


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


class Editing(RuleBasedStateMachine):
    """Two stores on one database, used in turn."""

    def __init__(self) -> None:
        super().__init__()
        self.folder = tempfile.TemporaryDirectory()
        home = Settings.from_env({"LUOPAN_HOME": self.folder.name})
        judge: Any = lambda raws, encoding, kind: [Unjudged()] * len(raws)  # noqa: E731
        self.stores = [Store.open(home, judge), Store.open(home, judge)]
        self.dataset = make(self.stores[0], [draft(f"q{i}", f"a{i}") for i in range(3)])
        self.imported = {row.id: row for row in self.stores[0].examples(self.dataset.id)}
        self.model = Model(self._present())
        self.known = {id: row.revision for id, row in self.imported.items()}

    def teardown(self) -> None:
        for store in self.stores:
            store.close()
        self.folder.cleanup()

    @property
    def store(self) -> Store:
        self.stores.reverse()
        return self.stores[0]

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

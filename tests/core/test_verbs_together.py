"""Everything that writes rows, in any order: what is kept is what the rows give, and a locked test set stays."""

from __future__ import annotations

import csv
import json
from collections import Counter
from contextlib import suppress

from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import initialize, invariant, precondition, rule

from core import privacy
from core.checks import judge
from core.dataset import bringing, doubting, importing, leftovers, mending, splitting, updating, workbook
from core.dataset.edits import Added, Change, Edits, Removed
from core.dataset.examples import Draft, Example, Kind, Split, load
from core.dataset.recipes import Recipe
from core.dataset.updating import Choice
from core.dataset.vocabulary import Role
from core.errors import BadInput
from core.store import Filter
from core.store.database import run
from core.store.doubts import LabelDoubt
from core.store.part import text_columns
from core.store.splits import SplitPlan
from core.store.tally import differences
from tests.core.store.taking_turns import TakingTurns

RECIPE = Recipe(roles={"q": Role.USER, "a": Role.ASSISTANT})
QUESTIONS = st.sampled_from(
    ["where is it", "call 13812345678", "call 13912345678 now", "  blank ends ", "甲乙", "q" * 40]
)
ANSWERS = st.sampled_from(["sports", "news", "tech", ""])
PARTS = st.sampled_from(["", "train", "test"])
ROWS = st.lists(st.tuples(QUESTIONS, ANSWERS), min_size=4, max_size=12)


class Verbs(TakingTurns):
    """One dataset, and everything that can be done with its rows."""

    def __init__(self) -> None:
        super().__init__()
        self.path = self.folder / "t.csv"
        self.tested: set[int] | None = None  # the locked rows

    def write(self, rows: list[tuple[str, str]]) -> None:
        with self.path.open("w", newline="", encoding="utf-8") as file:
            csv.writer(file).writerows([("q", "a"), *rows])

    @initialize(rows=ROWS)
    def bring(self, rows: list[tuple[str, str]]) -> None:
        self.write([("first", "news"), *rows])
        self.id = importing.import_file(self.store, self.path, RECIPE).id
        self.imported = self.contents()

    def rows(self) -> list[Example]:
        return list(self.store.examples(self.id))

    def contents(self) -> list[tuple[str, str, str, str]]:
        return [(row.raw, row.label, row.split.value, row.status.value) for row in self.rows()]

    def one(self, data: st.DataObject) -> Example | None:
        rows = self.rows()
        return data.draw(st.sampled_from(rows)) if rows else None

    @rule(data=st.data(), user=QUESTIONS, label=ANSWERS, split=PARTS, status=st.sampled_from(["", "approved"]))
    def edit(self, data: st.DataObject, user: str, label: str, split: str, status: str) -> None:
        if row := self.one(data):
            fields = {"user": user, "label": label, "split": split, "status": status}
            self.store.apply(self.id, Edits([Change(row.id, row.revision, fields)]), "ann")

    @rule(data=st.data(), split=PARTS)
    def add(self, data: st.DataObject, split: str) -> None:
        row = self.one(data)
        said = [{"role": "user", "content": "added"}, {"role": "assistant", "content": "news"}]
        new = Draft(json.dumps({"messages": said}), Kind.CHAT, "", Split(split))
        ids = self.store.apply(self.id, Edits(added=[Added(row.id if row else None, new)]), "ann").added_ids
        assert len(ids) == 1

    @rule(data=st.data())
    def remove_by_hand(self, data: st.DataObject) -> None:
        if row := self.one(data):
            self.store.apply(self.id, Edits(removed=[Removed(row.id, row.revision)]), "ann")
            if self.tested:
                self.tested.discard(row.id)

    @rule(answer=ANSWERS, question=st.sampled_from(["mended", ""]))
    def mend_what_was_left_out(self, answer: str, question: str) -> None:
        for item in self.store.rejects(self.id, 2):
            assert isinstance(item.kept, dict)
            cells = {**item.kept, "q": question or item.kept["q"], "a": answer}
            leftovers.add(self.store, self.id, {item.id: cells}, "bob")

    @rule(rows=ROWS, groups=st.sets(st.sampled_from(updating.GROUPS)))
    def bring_the_file_again(self, rows: list[tuple[str, str, str]], groups: set[str]) -> None:
        self.write(rows)
        brought = bringing.look(self.store, self.id, self.path, "t.csv")
        choice = Choice({group: group in groups for group in updating.GROUPS})
        updating.apply(self.store, self.id, brought, choice, "eve")

    @rule()
    def bring_the_workbook_back(self) -> None:
        path = self.folder / "t.xlsx"
        workbook.write(path, self.store.dataset(self.id), self.rows(), list(self.store.label_counts(self.id)))
        assert not bringing.look(self.store, self.id, path, "t.xlsx").difference

    @rule()
    def mask(self) -> None:
        privacy.scan_dataset(self.store, self.id)
        privacy.fix(self.store, self.id, list(self.store.findings.counts(self.id)), "fay")

    @rule()
    def fix(self) -> None:
        dataset = self.store.dataset(self.id)
        found = [one for one in mending.advice(self.store, dataset, 30) if one.fix]
        mending.mend(self.store, self.id, found, "gus")

    @rule(data=st.data(), label=ANSWERS)
    def accept_a_doubt(self, data: st.DataObject, label: str) -> None:
        if row := self.one(data):
            doubt = LabelDoubt(0, row.id, row.content_hash, row.label, label, 0.1, 0.9, [])
            doubting.accept(self.store, self.id, doubt, "hal")

    @rule(share=st.sampled_from([0.0, 0.3]), seed=st.integers(0, 3), anew=st.booleans())
    def split(self, share: float, seed: int, anew: bool) -> None:
        with suppress(BadInput):  # so few rows cannot always be divided so
            if anew:
                splitting.split(self.store, self.id, SplitPlan(0.2, share, seed), "ivy")
            else:
                splitting.place_new(self.store, self.id, "ivy")

    @rule(locked=st.booleans())
    def lock(self, locked: bool) -> None:
        if locked == (self.tested is None):
            held_out = dict.fromkeys([row.id for row in self.rows()[::3]], Split.TEST)
            self.store.assign_splits(self.id, held_out if locked else {}, "jan")
            self.store.splits.set_lock(self.id, locked, "jan")
            self.tested = {row.id for row in self.rows() if row.split is Split.TEST} if locked else None

    @rule(encoding=st.sampled_from(["o200k_base", "cl100k_base"]))
    def recount(self, encoding: str) -> None:
        self.store.set_encoding(self.id, encoding)

    @precondition(lambda self: self.tested is None)
    @rule()
    def undo(self) -> None:
        assert self.store.undo(self.id, "kim").conflicts == ()

    @precondition(lambda self: self.tested is None)
    @rule()
    def redo(self) -> None:
        assert self.store.redo(self.id, "kim").conflicts == ()

    @precondition(lambda self: self.tested is None)
    @rule()
    def undo_all(self) -> None:
        while self.store.can_undo(self.id):
            assert self.store.undo(self.id, "kim").conflicts == ()
        assert self.contents() == self.imported

    @invariant()
    def what_is_kept_is_what_the_rows_give(self) -> None:
        dataset, rows = self.store.dataset(self.id), self.rows()
        assert dataset.rows == len(rows)
        judged = judge([row.raw for row in rows], dataset.encoding, dataset.kind)
        for row, found in zip(rows, judged, strict=True):
            assert (row.tokens, row.answer_tokens) == (found.tokens, found.answer_tokens)
            assert set(row.issues) == set(found.issues)
        with self.store.database.read() as connection:
            assert differences(connection, self.id) == set()
            placed = "SELECT i.example_id FROM example_issue i LEFT JOIN example e ON e.id = i.example_id"
            astray = "e.dataset_id IS NULL OR e.dataset_id <> i.dataset_id OR e.position <> i.position"
            assert run(connection, f"{placed} WHERE {astray}") == []
            names = "question, answer, other, raw, content_hash"
            for row in run(connection, f"SELECT {names} FROM example WHERE dataset_id = ?", (self.id,)):
                assert dict(zip(names.split(", "), row, strict=True)) == text_columns(row[3])
        assert self.store.label_counts(self.id) == Counter(row.label for row in rows)
        assert self.store.issue_counts(self.id) == Counter(code for row in rows for code in row.issues)

    @invariant()
    def searches_find_what_is_there(self) -> None:
        rows = self.rows()
        for text in ("13812345678", "甲", "mended", "added", "news", "nowhere"):
            page = self.store.page(self.id, Filter(text=text), size=1_000)
            wanted = [
                row.id for row in rows if text in json.dumps(load(row.raw), ensure_ascii=False) or text in row.label
            ]
            assert page.exact and [row.id for row in page.examples] == wanted

    @invariant()
    def a_locked_test_set_stays(self) -> None:
        tested = {row.id for row in self.rows() if row.split is Split.TEST}
        assert (self.tested or set()) <= tested

    @invariant()
    def a_row_that_was_left_out_is_left_out_or_there(self) -> None:
        here = {row.id for row in self.rows()}
        mended, left = self.store.mended(self.id), self.store.rejects(self.id)
        assert set(mended) <= here and len(left) == self.store.count_rejects(self.id)
        assert not {item.id for item in mended.values()} & {item.id for item in left}


TestVerbsTogether = Verbs.TestCase
TestVerbsTogether.settings = settings(
    max_examples=15, stateful_step_count=12, deadline=None, suppress_health_check=list(HealthCheck)
)

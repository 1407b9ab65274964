"""One batch while it is being written: rows, their history, and what could not be done."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from functools import cache, cached_property
from typing import Any, NamedTuple

from sqlalchemy import Connection, delete, func, select, update

from core.dataset.edits import Applied, Conflict, Content, Problem
from core.dataset.examples import Split, dump
from core.errors import AppError
from core.store.database import now, run, run_insert, run_many, written_moment
from core.store.part import (
    Held,
    Judge,
    Judgement,
    Seen,
    chunks,
    insert_issues,
    issues_of,
    judged,
    judged_columns,
    load_examples,
    shown_texts,
    text_columns,
)
from core.store.schema import BATCH_IDS, batch, example, example_issue, history, steps_of
from core.store.splits import locked_since
from core.store.tally import Counted, add_difference, as_counted, count_again, counted, with_severities
from core.store.words import add_words, new_text, read_words, texts_of
from core.words import T, Text

MANY = 5_000  # rows of a batch beyond which counting all rows again is not worse than their differences
CONTENT = Content._fields
_HELD = T(
    "{n} {n:row|rows} of the locked test set {n:was left as it is|were left as they are}. Unlock it under "
    "Check and split to move {n:it|them}."
)
_BATCH = "INSERT INTO batch (dataset_id, at, who, kind, target_id, undone) VALUES (?, ?, ?, ?, ?, ?)"
_STEP = "INSERT INTO history (id, batch_id, dataset_id, example_id, action, before, after) VALUES (?, ?, ?, ?, ?, ?, ?)"
_GROW = "UPDATE dataset SET rows = rows + ?, revision = revision + 1 WHERE id = ?"
Values = Mapping[str, Any]


class _Note(NamedTuple):
    """A line of history that waits for its batch."""

    example_id: int
    action: str
    before: Values | None
    after: Values | None


class _Update(NamedTuple):
    """New values of a row, and what they were where that is known."""

    revision: int
    before: Values
    after: Values
    seen: Seen | None = None


class Writer:
    """Collects what a batch does and writes it in one go, inside the caller's transaction."""

    def __init__(self, connection: Connection, dataset: Held, who: str, judge: Judge) -> None:
        self.connection, self.dataset, self.who, self.judge = connection, dataset, who, judge
        self.saved = 0
        self.revisions: dict[int, int] = {}
        self._notes: list[_Note] = []
        self._updates: dict[int, _Update] = {}
        self._conflicts: list[Conflict] = []
        self._problems: list[Problem] = []
        self._grown = 0
        self._held: list[int] = []
        self._before: dict[int, Counted] = {}
        self._after: dict[int, Counted] = {}
        self._touched: set[int] = set()
        self._new_texts: list[tuple[int, str]] = []
        self._renumbered = False

    @cached_property
    def _locked(self) -> bool:
        return locked_since(self.connection, self.dataset.id) is not None

    def change(self, example_id: int, revision: int, before: Values, after: Values, seen: Seen | None = None) -> None:
        """Give a row new values for the fields in `after`; `seen` is the row, where it has been read.

        A row of a locked test set stays in it.
        """
        if before.get("split") == Split.TEST and after.get("split", Split.TEST) != Split.TEST and self._locked:
            self._held.append(example_id)
            return
        self._touch(example_id, seen)
        self._updates[example_id] = _Update(revision + 1, before, after, seen)
        self._note(_Note(example_id, "change", before, after), revision + 1)

    def holds(self, row: Seen) -> bool:
        """Whether a row stays because its test set is locked; that is told."""
        held = row.split is Split.TEST and self._locked
        self._held += [row.id] * held
        return held

    def note_added(self, row: Values) -> None:
        """Remember that this row was made."""
        self._touched.add(row["id"])
        self._grown += 1
        self._note(_Note(row["id"], "add", None, {name: row[name] for name in CONTENT}), row["revision"])

    def remove(self, example_id: int) -> None:
        """Take a row out; its place and content are kept for undo."""
        self._touch(example_id)
        row = self.connection.execute(
            update(example)
            .where(example.c.id == example_id)
            .values(dataset_id=None, removed_from=self.dataset.id, revision=example.c.revision + 1)
            .returning(*(example.c[name] for name in CONTENT))
        ).one()
        self.connection.execute(delete(example_issue).where(example_issue.c.example_id == example_id))
        self._grown -= 1
        self._note(_Note(example_id, "remove", dict(row._mapping), None))

    def restore(self, example_id: int, values: Values) -> None:
        """Bring a removed row back to its place."""
        self._touched.add(example_id)
        row = self.connection.execute(
            update(example)
            .where(example.c.id == example_id)
            .values(dataset_id=self.dataset.id, removed_from=None)
            .returning(example.c.revision)
        ).one()
        self._grown += 1
        self._updates[example_id] = _Update(row.revision + 1, {}, values)
        self._note(_Note(example_id, "add", None, values), row.revision + 1)

    def conflict(self, example_id: int, fields: Mapping[str, str | None]) -> None:
        """Tell that a row is not what the person had seen, and who changed it when."""
        theirs = load_examples(self.connection, [example_id]).get(example_id)
        if theirs and theirs.dataset_id != self.dataset.id:
            theirs = None
        who, at = last_touch(self.connection, example_id)
        self._conflicts.append(Conflict(example_id, dict(fields), theirs, who, at))

    def problem(self, example_id: int, error: AppError) -> None:
        """Tell that a change cannot be made."""
        message = error.message if isinstance(error.message, Text) else T("{reason}", reason=error.message)
        self._problems.append(Problem(example_id, message))

    def renumbered(self) -> None:
        """Remember that rows were given other places: what is counted by place is counted again."""
        self._renumbered = True

    def turn_around(self, batch_id: int) -> None:
        """Do the opposite of a batch to every row that is still as it left it.

        What joined a test set while that was locked already may leave it again.
        """
        done_at = self.connection.execute(select(batch.c.at).where(batch.c.id == batch_id)).scalar_one()
        since = locked_since(self.connection, self.dataset.id)
        self._locked = since is not None and done_at < since
        wanted = select(history).where(steps_of(batch_id)).order_by(history.c.id)
        entries = self.connection.execute(wanted).all()
        names = sorted({name for entry in entries for name in (entry.before or entry.after)})
        columns = [example.c[name] for name in ("id", "dataset_id", "removed_from", "revision", *names)]
        rows: dict[int, Any] = {}
        for some in chunks([entry.example_id for entry in entries]):
            found = self.connection.execute(select(*columns).where(example.c.id.in_(some)))
            rows.update((row.id, row._mapping) for row in found)
        for entry in entries:
            self._turn_row(entry, rows[entry.example_id])

    def _turn_row(self, entry: Any, row: Values) -> None:
        here = row["dataset_id"] == self.dataset.id
        untouched = entry.after is not None and all(row[name] == value for name, value in entry.after.items())
        if entry.action == "remove" and row["removed_from"] == self.dataset.id:
            self.restore(entry.example_id, entry.before)
        elif entry.action == "add" and here and untouched:
            self.remove(entry.example_id)
        elif entry.action == "change" and here and untouched:
            self.change(entry.example_id, row["revision"], entry.after, entry.before)
        else:
            self.conflict(entry.example_id, entry.before or {})

    def finish(self, kind: str, target: int | None = None, added_ids: tuple[int, ...] = ()) -> Applied:
        """Write it all. A batch without any row is only written for an undo or redo that has a target."""
        batch_id = None
        if self._notes or target is not None:
            self._write_rows()
            batch_id = self._write_history(kind, target)
            self._keep_counts()
            run(self.connection, _GROW, (self._grown, self.dataset.id))
        if self._held:
            self._problems.append(Problem(self._held[0], T(_HELD.sentence, n=len(self._held))))
        conflicts, problems = tuple(self._conflicts), tuple(self._problems)
        return Applied(batch_id, self.saved, added_ids, conflicts, problems, self.revisions)

    def _note(self, note: _Note, revision: int | None = None) -> None:
        self._notes.append(note)
        self.saved += 1
        if revision is not None:
            self.revisions[note.example_id] = revision

    def _write_rows(self) -> None:
        judgements = self._judge_again()
        alike: dict[tuple[str, ...], list[tuple[Any, ...]]] = {}
        with_others: list[tuple[int, Judgement]] = []
        for example_id, change in self._updates.items():
            row = {"revision": change.revision, **change.after}
            before, judgement = self._before.get(example_id), judgements.get(example_id)
            issues = before.issues if before else {}
            if judgement is not None:
                found = issues_of(judgement)
                row |= text_columns(row["raw"], getattr(judgement, "said", None))
                row |= judged_columns(judgement, found)
                if before is None or found.keys() != issues.keys():
                    with_others.append((example_id, judgement))
                    before, issues = before and with_severities(self.connection, example_id, before), found
            self._note_text(example_id, change, row)
            if before is not None:
                self._note_count(example_id, before, row, issues)
            alike.setdefault(tuple(row), []).append((*row.values(), example_id))
        for names, group in alike.items():
            run_many(self.connection, _changing(names), group)
        if with_others:
            others = [(example_id,) for example_id, _ in with_others]
            run_many(self.connection, "DELETE FROM example_issue WHERE example_id = ?", others)
            insert_issues(self.connection, self.dataset.id, with_others)

    def _judge_again(self) -> dict[int, Judgement]:
        """Judge the rows whose lines are others."""
        raws = {id: change.after["raw"] for id, change in self._updates.items() if "raw" in change.after}
        if not raws:
            return {}
        judgements = judged(self.judge, list(raws.values()), self.dataset.encoding, self.dataset.kind)
        return dict(zip(raws, judgements, strict=True))

    def _note_text(self, example_id: int, change: _Update, row: Values) -> None:
        """Remember the texts that are new in a row: searches must find them."""
        before = change.before
        if change.seen:
            before = change.seen._asdict()
        elif "raw" in before:
            before = {**before, **shown_texts(before["raw"])}
        text = new_text(before, row)
        if text:
            known = self._before.get(example_id)
            place = "SELECT position FROM example WHERE id = ?"
            position = known.position if known else run(self.connection, place, (example_id,))[0][0]
            self._new_texts.append((position, text))

    def _note_count(self, example_id: int, before: Counted, row: dict[str, Any], issues: Values) -> None:
        """Remember how a row is counted from now on. Numbers that stay leave it: no index is written for them."""
        place, label, split, status, tokens, answer_tokens, _ = before
        named = (row.get("label", label), row.get("split", split), row.get("status", status))
        numbers = (row.get("tokens", tokens), row.get("answer_tokens", answer_tokens))
        self._before[example_id], self._after[example_id] = before, Counted(place, *named, *numbers, issues)
        if row.get("tokens") == tokens:
            del row["tokens"]
        if row.get("answer_tokens") == answer_tokens:
            del row["answer_tokens"]

    def _touch(self, example_id: int, seen: Seen | None = None) -> None:
        """Note how a row is counted before it changes, unless so many change that all are counted again."""
        if example_id not in self._touched and not self._many():
            if seen:
                self._before[example_id] = as_counted(seen)
            else:
                self._before.update(counted(self.connection, self.dataset.id, [example_id]))
        self._touched.add(example_id)

    def _many(self) -> bool:
        return len(self._touched) > MANY and len(self._touched) > self.dataset.rows // 10

    def _keep_counts(self) -> None:
        connection, number = self.connection, self.dataset.id
        if self._renumbered or self._many():
            count_again(connection, number)
        else:
            read = counted(connection, number, self._touched - self._after.keys())
            add_difference(connection, number, self._before, {**self._after, **read})
        if self._renumbered:
            read_words(connection, number)
            return
        added = [note.example_id for note in self._notes if note.action == "add"]
        texts = [*self._new_texts, *texts_of(connection, added)] if added else self._new_texts
        add_words(connection, number, texts)

    def _write_history(self, kind: str, target: int | None) -> int:
        at = written_moment(self.connection, now())
        batch_id = run_insert(self.connection, _BATCH, (self.dataset.id, at, self.who, kind, target, False))
        lines = [
            (number, batch_id, self.dataset.id, n.example_id, n.action, _json(n.before), _json(n.after))
            for number, n in enumerate(self._notes, batch_id * BATCH_IDS)
        ]
        run_many(self.connection, _STEP, lines)
        return batch_id


@cache
def _changing(names: tuple[str, ...]) -> str:
    return f"UPDATE example SET {', '.join(f'{name} = ?' for name in names)} WHERE id = ?"


def _json(values: Values | None) -> str | None:
    return None if values is None else dump(dict(values))


def last_touch(connection: Connection, example_id: int) -> tuple[str, datetime | None]:
    """Who changed a row last, and when; nobody where it is as it was imported."""
    newest = select(func.max(history.c.id)).where(history.c.example_id == example_id).scalar_subquery()
    wanted = (
        select(batch.c.who, batch.c.at).join(history, history.c.batch_id == batch.c.id).where(history.c.id == newest)
    )
    row = connection.execute(wanted).one_or_none()
    return (row.who, row.at) if row else ("", None)

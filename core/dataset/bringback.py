"""A workbook that was edited in Excel, brought back: compared with the rows it was written of, field by field."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import replace
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

from core.dataset import exceltraces, workbook
from core.dataset.difference import Coming, FieldChange, Known, New, compare, key
from core.dataset.edits import apply_change
from core.dataset.examples import Body, Draft, Example, Kind, Origin, Split, Status, dump
from core.dataset.readers import Reject, excerpt
from core.dataset.updating import EVERY_STEP, REPORT_EVERY, Brought, Progress, reporter
from core.errors import BadInput
from core.words import T, Text

if TYPE_CHECKING:
    from core.store import Dataset, HistoryEntry, Store

TEXTS = ("system", "user", "assistant")
_ONLY_TO_READ = T("This cell is only to read in Excel. It stays as it is; edit it in Luopan.")
_NO_SUCH_WORD = T("This is none of the words of the drop-down. The cell stays as it is.")
_NO_QUESTION = T("The user's message is empty. Fill the cell, or leave the row out.")
_NO_ANSWER = T("The assistant's message is empty. Fill the cell, or leave the row out.")
_NOT_HERE = T("Rows of this format cannot be written in Excel. Add it in Luopan.")
_DELETED = T("This row was deleted here since the workbook was written.")
_EMPTIED = T("The cell is empty now. To take the whole row out, delete it.")
_EDITED = T("This row was edited here since the workbook was written.")


def compare_workbook(
    store: Store,
    dataset: Dataset,
    path: Path,
    name: str,
    mark: workbook.Mark,
    progress: Progress | None = None,
    cancelled: Callable[[], bool] = lambda: False,
) -> Brought:
    """A workbook of a dataset that was edited, beside what is stored. Raises BadInput where it is not its workbook."""
    if (mark.dataset_id, mark.made) != (dataset.id, dataset.created_at.isoformat()):
        raise BadInput(
            T("{file} was exported from another dataset: “{name}”.", file=name, name=mark.name),
            T("Bring it back there, or import it as a new dataset."),
        )
    lines = list(workbook.read_lines(path, name, mark))
    return _Return(store, dataset, mark, lines).brought(name, reporter(progress, cancelled, dataset.rows))


class _Return:
    """One workbook on its way back."""

    def __init__(self, store: Store, dataset: Dataset, mark: workbook.Mark, lines: Sequence[workbook.Line]) -> None:
        self._store, self._dataset, self._mark, self._lines = store, dataset, mark, lines
        self._mark_ids = mark.all_ids()
        self._copied: dict[int, Example] = {}  # rows of which the workbook has several
        self._problems: list[Reject] = []
        self._notes: dict[str, Text] = {}
        self._closed: dict[int, dict[str, str]] = {}  # row -> what its cells show that are only to read
        self._history = store.history(dataset.id, limit=EVERY_STEP) if dataset.revision > mark.revision else []
        self._titles = {field: title for title, field in mark.columns.items()}

    def brought(self, name: str, report: Callable[[int], None]) -> Brought:
        known = self._known(report)
        by_id = {row.id: row for row in known}
        coming = [self._coming(line, by_id.get(line.id), name) for line in self._lines]
        found = compare(known, coming)
        deleted = self._mark_ids - by_id.keys()
        drafts = (self._with_draft(entry, deleted) for entry in found.new)
        new = [entry for entry in drafts if entry is not None]
        for entry in found.changed:
            doubts = (_doubt(change) for change in entry.fields)
            if seen := next(filter(None, doubts), None):
                self._notes[key(entry)] = seen
        gone = [row for row in found.gone if row.id in self._mark_ids]
        self._note_touched(gone)
        return Brought(replace(found, new=new, gone=gone), self._dataset.revision, tuple(self._problems), self._notes)

    def _known(self, report: Callable[[int], None]) -> list[Known]:
        """The rows that were in the workbook and are still there, and those added since: it may be brought twice."""
        named = {line.id: line.revision for line in self._lines if line.id}
        newest = max(self._mark_ids, default=0)
        several = {id for id, times in Counter(line.id for line in self._lines).items() if id and times > 1}
        known: list[Known] = []
        stale: dict[int, tuple[int, Example]] = {}  # the place among `known`, the row
        for number, example in enumerate(self._store.examples(self._dataset.id), start=1):
            if number % REPORT_EVERY == 0:
                report(number)
            if example.id not in self._mark_ids and example.id < newest:
                continue
            if example.id in several:
                self._copied[example.id] = example
            if named.get(example.id, example.revision) != example.revision:
                stale[example.id] = len(known), example
            known.append(self._row(example, example))
        if stale:
            steps = {id: example.revision - named[id] for id, (_place, example) in stale.items()}
            for id, values in _before(self._history, steps).items():
                place, example = stale[id]
                known[place] = self._row(example, _as_it_was(example, values))
        return known

    def _row(self, example: Example, base: Example) -> Known:
        fields = workbook.fields_of(example)
        was = fields if base is example else workbook.fields_of(base)
        closed = workbook.locked(example, fields) | (set() if base is example else workbook.locked(base, was))
        if closed:
            self._closed[example.id] = {name: workbook.shown(was[name]) for name in closed}
            fields = {name: value for name, value in fields.items() if name not in closed}
            was = {name: value for name, value in was.items() if name not in closed}
        asked = dict.fromkeys(side["user"] for side in (was, fields) if "user" in side)
        return Known(example.id, example.revision, fields, was, tuple(asked))

    def _coming(self, line: workbook.Line, known: Known | None, name: str) -> Coming:
        closed = self._closed.get(line.id, {})
        fields = {}
        for field_name, cell in line.cells.items():
            if field_name in closed:
                if _even(cell) != _even(closed[field_name]):
                    self._leave_out(line.row, field_name, _ONLY_TO_READ, cell)
            elif cell not in _ALLOWED.get(field_name, (cell,)):
                self._leave_out(line.row, field_name, _NO_SUCH_WORD, cell)
            else:
                fields[field_name] = _as_known(field_name, cell, known) if known else cell
        if known is not None:
            _both_or_none(fields, known.base)
        elif self._dataset.answers_closed:  # of classes one of the two is enough
            fields["assistant"] = fields.get("assistant") or fields.get("label", "")
            fields["label"] = fields.get("label") or fields["assistant"]
        return Coming(fields, line.cells.get("user", ""), line.id, (name, "", line.row))

    def _leave_out(self, row: int, name: str, reason: Text, cell: str) -> None:
        self._problems.append(Reject(row, self._titles.get(name, name), reason, excerpt(cell)))

    def _with_draft(self, entry: New, deleted: Collection[int]) -> New | None:
        """A new row with the line it becomes; None (and why) where it becomes none."""
        coming = entry.coming
        try:
            draft = self._draft(coming)
        except _Unusable as fault:
            self._leave_out(coming.row, fault.field, fault.reason, coming.question)
            return None
        entry = New(coming._replace(draft=draft), entry.below)
        if coming.id in deleted:
            self._notes[key(entry)] = _DELETED
        return entry

    def _draft(self, coming: Coming) -> Draft:
        """A copied row keeps the turns and keys of its original that the workbook does not show."""
        fields, origin = dict(coming.fields), Origin(coming.place[0], coming.row, "", dict(coming.fields))
        label, split, status = fields.get("label", ""), Split(fields.get("split", "")), Status(fields.get("status", ""))
        original = self._copied.get(coming.id)
        if original is not None:
            raw = apply_change(original, {name: fields[name] for name in TEXTS if name in fields}).raw
            return Draft(raw, original.kind, label, split, origin, status)
        if self._dataset.kind not in (Kind.CHAT, Kind.COMPLETION):
            raise _Unusable("user", _NOT_HERE)
        for name, reason in (("user", _NO_QUESTION), ("assistant", _NO_ANSWER)):
            if not fields.get(name, "").strip():
                raise _Unusable(name, reason)
        return Draft(dump(_body(self._dataset.kind, fields)), self._dataset.kind, label, split, origin, status)

    def _note_touched(self, gone: Sequence[Known]) -> None:
        """Rows that are gone from the workbook and were edited here since it was written: look twice."""
        written = datetime.fromisoformat(self._mark.written)
        touched = {entry.example_id for entry in self._history if entry.at > written}
        self._notes |= {key(row): _EDITED for row in gone if row.id in touched}


class _Unusable(Exception):
    """A new row that cannot be added: which field, and why."""

    def __init__(self, field: str, reason: Text) -> None:
        super().__init__(field)
        self.field = field
        self.reason = reason


_ALLOWED: Mapping[str, tuple[str, ...]] = {"split": tuple(map(str, Split)), "status": tuple(map(str, Status))}


def _both_or_none(fields: dict[str, str], base: Mapping[str, str]) -> None:
    """A label that is the answer changes with it, whichever of the two cells was edited."""
    was = base.get("label")
    if was and was == base.get("assistant") and {"label", "assistant"} <= fields.keys():
        label, answer = fields["label"], fields["assistant"]
        if was in (label, answer):
            fields["label"] = fields["assistant"] = answer if label == was else label


def _doubt(change: FieldChange) -> Text | None:
    """Why a changed cell should be looked at twice."""
    if change.name in ("user", "assistant") and change.old.strip() and not change.new.strip():
        return _EMPTIED
    return exceltraces.trace(change.old, change.new)


def _even(text: str) -> str:
    """A text with the line breaks that spreadsheets agree on."""
    return text.replace("\r\n", "\n").replace("\r", "\n")


def _as_known(name: str, cell: str, known: Known) -> str:
    """The stored text where a cell says the same but for the kind of its line breaks."""
    for side in (known.fields, known.base):
        text = side.get(name)
        if text is not None and (text == cell or _even(text) == _even(cell)):
            return text
    return cell


def _body(kind: Kind, fields: Mapping[str, str]) -> Body:
    if kind is Kind.COMPLETION:
        return {"prompt": fields["user"], "completion": fields["assistant"]}
    said = [{"role": name, "content": fields[name]} for name in TEXTS if fields.get(name)]
    return {"messages": said}


def _before(history: Sequence[HistoryEntry], steps: Mapping[int, int]) -> dict[int, dict[str, Any]]:
    """The values of rows so many steps ago, where they differ from now; `history` begins with the newest."""
    left, values = dict(steps), dict[int, dict[str, Any]]()
    for entry in history:
        if left.get(entry.example_id, 0) > 0:
            left[entry.example_id] -= 1
            values.setdefault(entry.example_id, {}).update(entry.before or {})
    return values


def _as_it_was(example: Example, values: Mapping[str, Any]) -> Example:
    was = {name: values.get(name, getattr(example, name)) for name in ("raw", "label")}
    split, status = values.get("split", example.split), values.get("status", example.status)
    return replace(example, **was, split=Split(split), status=Status(status))

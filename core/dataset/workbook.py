"""A workbook to edit in Excel and bring back: pleasant to work in, and telling where each of its rows belongs.

The first sheet has a row for each example: system, question, answer, label, split and status can be edited, what
Excel cannot hold or the three texts cannot say is there to read only. A hidden column names each row and its
revision, a hidden sheet the dataset and which of its rows were written.
"""

from __future__ import annotations

import itertools
import json
import re
import zipfile
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, NamedTuple, Protocol

from core.dataset import sheetwriting
from core.dataset.examples import Example, Kind, answer_text, messages_of, system_text, text_of, user_text
from core.dataset.export import MAX_ROWS
from core.dataset.readers import sheets
from core.dataset.replacing import replacing
from core.errors import BadInput
from core.words import T, _

FIELDS = ("system", "user", "assistant", "label", "split", "status")
HIDDEN = "luopan"  # the sheet that says whose rows these are
_ID, _EARLIER, _REMARK = "#", "earlier", "remark"
_COLUMNS = (_ID, *FIELDS, _EARLIER, _REMARK)
_WIDTHS = {"system": 32, "user": 52, "assistant": 52, "label": 18, "split": 12, "status": 14, _EARLIER: 36, _REMARK: 36}
SHEET = "examples"
_MARK, _VERSION = "luopan-workbook", 1
_LAST = MAX_ROWS - 1
_LOOK = 4_000  # characters of earlier turns that are shown
_CHUNK = 30_000  # characters of a cell of the hidden sheet
_LABELS = 1_000  # labels that are offered
_HEAD = 10  # rows in which the names of the columns are looked for
_LOOKED_AT = 200  # rows that tell which columns are worth their place
_OLDER = b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1"  # how an .xls begins
_ASKED = re.compile(r"(\d{1,15}):(\d{1,9})")


class Owner(Protocol):
    """The dataset whose rows are written."""

    @property
    def id(self) -> int: ...
    @property
    def name(self) -> str: ...
    @property
    def revision(self) -> int: ...
    @property
    def created_at(self) -> datetime: ...


@dataclass(frozen=True)
class Mark:
    """What a workbook says of itself: the dataset, its revision when it was written, the ids of its rows."""

    dataset_id: int
    made: str  # when the dataset was made: another computer may have one of the same number
    name: str
    revision: int
    written: str  # when the workbook was
    columns: Mapping[str, str]  # what stands above a column -> the field
    values: Mapping[str, Mapping[str, str]]  # field -> word -> value
    ids: Sequence[Sequence[int]] = ()  # first and last of each run

    def all_ids(self) -> set[int]:
        """The rows that were in the workbook when it was written."""
        return {number for first, last in self.ids for number in range(first, last + 1)}


class Line(NamedTuple):
    """A row of a workbook that was brought back: its number, the id and revision it names (0: none), its cells."""

    row: int
    id: int
    revision: int
    cells: Mapping[str, str]


@dataclass
class _Runs:
    """Ids as runs of neighbours."""

    runs: list[list[int]] = field(default_factory=list)

    def add(self, number: int) -> None:
        if self.runs and self.runs[-1][1] == number - 1:
            self.runs[-1][1] = number
        else:
            self.runs.append([number, number])


def titles() -> dict[str, str]:
    """What stands above each column, in the language of whoever exports."""
    return {
        _ID: "#",
        "system": _("Instruction (system)"),
        "user": _("Question (user)"),
        "assistant": _("Answer (assistant)"),
        "label": _("Label"),
        "split": _("Split"),
        "status": _("Status"),
        _EARLIER: _("Earlier turns (only to read)"),
        _REMARK: _("Remark (only to read)"),
    }


def words() -> dict[str, dict[str, str]]:
    """The words of splits and status, each with its value."""
    return {
        "split": {_("Train"): "train", _("Validation"): "validation", _("Test"): "test"},
        "status": {_("Approved"): "approved", _("Needs work"): "needs_work"},
    }


def fields_of(example: Example) -> dict[str, str]:
    """What the workbook says of a row, by field."""
    texts = {"system": "", "user": "", "assistant": ""}
    try:
        body = example.body
        texts = {"system": system_text(body), "user": user_text(body), "assistant": answer_text(body)}
    except ValueError:
        pass  # no JSON: only label, split and status can be edited
    return {**texts, "label": example.label, "split": str(example.split), "status": str(example.status)}


def locked(example: Example, fields: Mapping[str, str]) -> set[str]:
    """The fields of a row that cannot be edited in a workbook."""
    found = {name for name, text in fields.items() if not sheetwriting.is_writable(text)}
    return found | {name for name in ("system", "user", "assistant") if not _is_text(example, name)}


def _is_text(example: Example, name: str) -> bool:
    """Whether a field is the plain text of a message (or of a prompt), or may become one."""
    try:
        body = example.body
    except ValueError:
        return False
    if example.kind == Kind.COMPLETION:
        key = {"user": "prompt", "assistant": "completion"}.get(name)
        return key is not None and isinstance(body.get(key, ""), str)
    if example.kind != Kind.CHAT and not (example.kind == Kind.REINFORCEMENT and name != "assistant"):
        return False
    roles = ("system", "developer") if name == "system" else (name,)
    said = [message for message in messages_of(body) if message.get("role") in roles]
    return not said or isinstance(said[0 if name == "system" else -1].get("content"), str | list)


def shown(text: str) -> str:
    """A text as its cell shows it: one that does not fit by its beginning, with its length before it."""
    if sheetwriting.length(text) <= sheetwriting.MAX_CELL:
        return text
    return f"⟦{len(text):,}⟧ {text[:200]}…"


def write(path: Path, dataset: Owner, examples: Iterable[Example], labels: Sequence[str]) -> int:
    """Write a workbook of these examples of a dataset; the number of rows.

    Raises BadInput where there are more rows than a sheet holds.
    """
    runs, named, written = _Runs(), words(), datetime.now(UTC).isoformat()
    rest = iter(examples)
    first = [example for _n, example in zip(range(_LOOKED_AT), rest, strict=False)]

    def rows() -> Iterator[sheetwriting.Line]:
        for number, example in enumerate(itertools.chain(first, rest), start=2):
            if number > MAX_ROWS:
                raise BadInput(
                    T("A sheet holds {limit} rows at most.", limit=MAX_ROWS - 1), T("Export one split at a time.")
                )
            runs.add(example.id)
            yield _row(example, named)

    def hidden() -> Iterator[sheetwriting.Line]:
        text = _mark(dataset, written, runs.runs, named)
        yield [text[start : start + _CHUNK] for start in range(0, len(text), _CHUNK)], ()
        yield from (([label], ()) for label in _offered(labels))

    with replacing(path) as part:
        design = _Design(named, _empty(first), len(_offered(labels)))
        return sheetwriting.write(part, design, **{SHEET: rows(), HIDDEN: hidden()})


def _offered(labels: Sequence[str]) -> list[str]:
    """The labels of the drop-down, as long as there are not too many to choose from."""
    given = [label for label in labels if label and sheetwriting.is_writable(label)]
    return given if len(given) <= _LABELS else []


def _row(example: Example, named: Mapping[str, Mapping[str, str]]) -> sheetwriting.Line:
    fields = fields_of(example)
    closed = locked(example, fields)
    cells = [f"{example.id}:{example.revision}"]
    for name in FIELDS:
        words_of = {value: word for word, value in named.get(name, {}).items()}
        cells.append(words_of.get(fields[name], shown(fields[name])))
    marked = {place for place, name in enumerate(FIELDS, start=1) if name in closed}
    cells += [_earlier(example), _remark(fields, closed)]
    return cells, {*marked, len(FIELDS) + 1, len(FIELDS) + 2}


def _earlier(example: Example) -> str:
    """The turns that the other columns do not show, as a person reads them; of other formats the whole line."""
    try:
        messages = messages_of(example.body)
    except ValueError:
        return _short(example.raw)
    if example.kind not in (Kind.CHAT, Kind.COMPLETION):
        return _short(example.raw)
    last = {message.get("role"): number for number, message in enumerate(messages)}
    shown_ones = {last.get("user"), last.get("assistant")}
    turns = [m for number, m in enumerate(messages) if number not in shown_ones]
    if turns and turns[0].get("role") in ("system", "developer"):
        del turns[0]
    return _short("\n".join(f"{turn.get('role', '')}: {text_of(turn.get('content'))}" for turn in turns))


def _short(text: str) -> str:
    text = text if len(text) <= _LOOK else text[:_LOOK] + "…"
    return shown(text)


def _remark(fields: Mapping[str, str], closed: set[str]) -> str:
    """Which cells of a row are only to read, and why."""
    names = titles()
    long = [names[name] for name in FIELDS if name in closed and not sheetwriting.is_writable(fields[name])]
    other = [names[name] for name in FIELDS if name in closed and names[name] not in long]
    said = [_("Too long for Excel, stays as it is: {columns}.", columns=", ".join(long))] if long else []
    said += [_("Only to read here, edit it in Luopan: {columns}.", columns=", ".join(other))] if other else []
    return " ".join(said)


def _empty(examples: Sequence[Example]) -> set[str]:
    """The columns in which the first rows have nothing."""
    found = {"system"} if not any(fields_of(example)["system"] for example in examples) else set()
    if not any(map(_earlier, examples)):
        found.add(_EARLIER)
    if not any(locked(example, fields_of(example)) for example in examples):
        found.add(_REMARK)
    return found


@dataclass(frozen=True)
class _Design:
    """How the workbook looks."""

    named: Mapping[str, Mapping[str, str]]
    empty: set[str]
    labels: int

    def __call__(self, book: Any, sheets: Mapping[str, Any]) -> tuple[Any, Any]:
        sheet, hidden = sheets[SHEET], sheets[HIDDEN]
        text = book.add_format({"num_format": "@", "text_wrap": True, "valign": "top"})
        reading = book.add_format(
            {"num_format": "@", "text_wrap": True, "valign": "top", "font_color": "#6b7280", "bg_color": "#f3f4f6"}
        )
        head = book.add_format({"bold": True, "font_color": "#ffffff", "bg_color": "#1f4e79", "valign": "vcenter"})
        spoken = titles()
        for place, name in enumerate(_COLUMNS):
            options = {"hidden": True} if name == _ID or name in self.empty else {}
            sheet.set_column(place, place, _WIDTHS.get(name, 8), text, options)
            sheet.write_string(0, place, spoken[name], head)
        sheet.set_row(0, 24)
        sheet.freeze_panes(1, 0)
        sheet.autofilter(0, 0, _LAST, len(_COLUMNS) - 1)
        lists = {name: {"source": list(values)} for name, values in self.named.items()}
        if self.labels:
            lists["label"] = {"source": f"={HIDDEN}!$A$3:$A${self.labels + 2}", "show_error": False}  # type: ignore[dict-item]
        for name, offer in lists.items():
            place = _COLUMNS.index(name)
            sheet.data_validation(1, place, _LAST, place, {"validate": "list", "ignore_blank": True, **offer})
        hidden.very_hidden()
        return text, reading


def _mark(dataset: Owner, written: str, runs: Sequence[Sequence[int]], named: Mapping[str, Mapping[str, str]]) -> str:
    facts = {
        _MARK: _VERSION,
        "dataset": dataset.id,
        "made": dataset.created_at.isoformat(),
        "name": dataset.name,
        "revision": dataset.revision,
        "written": written,
        "columns": {title: name for name, title in titles().items()},
        "values": named,
        "ids": runs,
    }
    return json.dumps(facts, ensure_ascii=True)


def read_mark(path: Path, name: str) -> Mark | None:
    """What a workbook says of itself; None where it is none of ours."""
    if not zipfile.is_zipfile(path) and not _is_older(path):
        return None
    names = sheets.guarded_names(path, name)
    if HIDDEN not in names or len(names) < 2:
        return None
    text = next(("".join(cells) for _row, cells in _rows(path, name, HIDDEN) if any(cells)), "")
    try:
        facts = json.loads(text)
        if facts[_MARK] != _VERSION:
            return None
        columns, values = dict(facts["columns"]), {field: dict(named) for field, named in facts["values"].items()}
        whose = int(facts["dataset"]), str(facts["made"]), str(facts["name"]), int(facts["revision"])
        runs = [[int(first), int(last)] for first, last in facts["ids"]]
        return Mark(*whose, str(facts["written"]), columns, values, runs)
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError):
        return None


def _is_older(path: Path) -> bool:
    """Whether it was saved in the format that came before XLSX."""
    with path.open("rb") as file:
        return file.read(len(_OLDER)) == _OLDER


def read_lines(path: Path, name: str, mark: Mark) -> Iterator[Line]:
    """The rows of a workbook that was brought back; one whose texts were all emptied is left out.

    Raises BadInput where its columns are not found again.
    """
    found, rows = _columns(path, name, mark)
    for row, cells in rows:
        values = {field: cells[place] if place < len(cells) else "" for field, place in found.items()}
        asked = _ASKED.fullmatch(values.pop(_ID, "").strip())
        told = {field: _value(mark, field, values[field]) for field in FIELDS if field in values}
        if any(told[field] for field in ("system", "user", "assistant") if field in told) or _untouched(values, told):
            yield Line(row, int(asked[1]) if asked else 0, int(asked[2]) if asked else 0, told)


def _columns(path: Path, name: str, mark: Mark) -> tuple[dict[str, int], Iterator[tuple[int, list[str]]]]:
    """Where the columns stand, and the rows below them: a title may stand above, and other sheets beside."""
    names = [sheet for sheet in sheets.sheet_names(path, name) if sheet != HIDDEN]
    for sheet in sorted(names, key=lambda sheet: sheet != SHEET):
        rows = _rows(path, name, sheet)
        for _row, cells in itertools.islice(rows, _HEAD):
            found = {mark.columns[cell.strip()]: n for n, cell in enumerate(cells) if cell.strip() in mark.columns}
            if found.keys() & {"user", "assistant", "label"}:
                return found, rows
    raise BadInput(
        T("The first row of {file} no longer names its columns.", file=name),
        T("Write the names back as they were exported: {names}.", names=", ".join(mark.columns)),
    )


def _rows(path: Path, name: str, sheet: str) -> Iterator[tuple[int, list[str]]]:
    """The rows of a sheet with their numbers."""
    for run in sheets.records(path, name, sheet):
        yield from enumerate(run.rows, start=run.number)


def _untouched(values: Mapping[str, str], told: Mapping[str, str]) -> bool:
    """Whether a row without texts was written so: the whole line then stands among what is only to read."""
    return bool(values.get(_EARLIER) or values.get(_REMARK)) or not told.keys() & {"system", "user", "assistant"}


def _value(mark: Mark, field: str, cell: str) -> str:
    """What a cell says: the value of a word of the drop-down, whatever its case."""
    words_of = {word.casefold(): value for word, value in mark.values.get(field, {}).items()}
    return words_of.get(cell.strip().casefold(), cell.strip()) if words_of else cell

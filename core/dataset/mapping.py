"""A recipe at work: rows in, examples or reasons out, one by one."""

from __future__ import annotations

import random
import sys
from collections import Counter, deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import TypeVar

from core.dataset import conversations, mojibake, ownrows, templates
from core.dataset.conversations import Conversation, Turn
from core.dataset.examples import Body, Draft, Kind, Origin, chat_line, dump, load
from core.dataset.guessing import guess, pairs, suggest
from core.dataset.readers import objects
from core.dataset.readers.values import Format, Reject, Row, Source, excerpt
from core.dataset.recipes import Mode, Recipe, Sample
from core.dataset.shapes import Shape, Unfit, convert, opened
from core.dataset.vocabulary import Role
from core.errors import BadInput
from core.words import T, Text

__all__ = ["apply", "check", "guess", "label_counts", "pairs", "preview", "suggest"]
Progress = Callable[[int], None]
Unit = Row | Conversation  # what one example is made of
Read = TypeVar("Read")
_REPORT_EVERY = 1_000
_AS_IS_KEYS = {
    Kind.CHAT: ("messages",),
    Kind.COMPLETION: ("prompt", "completion"),
    Kind.PREFERENCE: ("preferred_output", "non_preferred_output"),
    Kind.REINFORCEMENT: ("messages",),
}


def apply(
    recipe: Recipe, rows: Iterable[Row | Reject], progress: Progress | None = None, *, source: Source | None = None
) -> Iterator[Draft | Reject]:
    """Examples in the file's order, rejected rows among them: drop classes, then sample, then map.

    `progress` is told the number of rows read. Raises BadInput where the recipe does not fit the columns.
    """
    mapper = _Mapper(recipe, source)
    if source and not recipe.as_is:
        check(recipe, source.columns)
    kept = _kept(recipe, _counted(rows, progress))
    units: Iterator[Unit | Reject] = mapper.conversations(kept) if mapper.groups else kept
    for unit in _sampled(units, recipe.sample):
        yield unit if isinstance(unit, Reject) else mapper.draft(unit)


def lines(recipe: Recipe, source: Source, progress: Progress | None = None) -> Iterator[Draft | Reject] | None:
    """What `apply` makes of a JSON Lines file whose lines are examples already; None where a recipe does more."""
    whole = recipe.as_is and not recipe.mend and not recipe.shape and recipe.sample.mode is Mode.ALL
    if not whole or source.parts or source.format is not Format.JSONL:
        return None
    return _as_they_are(recipe, source, progress)


def _as_they_are(recipe: Recipe, source: Source, progress: Progress | None) -> Iterator[Draft | Reject]:
    mapper, keys, names = _Mapper(recipe, source), _AS_IS_KEYS[recipe.kind], dict[str, str]()
    for found in _counted(objects.items(source), progress):
        if isinstance(found, Reject):
            yield found
        elif not found.body.keys().isdisjoint(keys):
            yield Draft(found.raw, recipe.kind, origin=Origin(source.name, found.number, source.sheet))
        else:
            yield mapper.draft(objects.row_of(found, source.columns, names))


def preview(recipe: Recipe, row: Row, *, source: Source | None = None) -> Draft | Reject:
    """What one row becomes. Raises BadInput where the recipe does not fit the row's columns."""
    if not recipe.as_is:
        check(recipe, tuple(row.cells))
    mapper = _Mapper(recipe, source)
    if not mapper.groups:
        return mapper.draft(row)
    others = source.sample if source else (row,)
    together = [unit for unit in mapper.conversations(iter(others)) if _holds(unit, row)]
    unit = together[0] if together else next(mapper.conversations(iter((row,))))
    return unit if isinstance(unit, Reject) else mapper.draft(unit)


def _holds(unit: Conversation | Reject, row: Row) -> bool:
    if isinstance(unit, Reject):
        return (unit.file, unit.row) == (row.file, row.number)
    return unit.first.file == row.file and any(turn.row == row.number for turn in unit.turns)


def label_counts(recipe: Recipe, rows: Iterable[Row | Reject]) -> dict[str, int]:
    """How often each label stands in the file, as it stands there, the commonest first; dropped ones too."""
    column = recipe.label_column
    if column is None:
        return {}
    counts = Counter(row.cells.get(column, "").strip() for row in rows if isinstance(row, Row))
    counts.pop("", None)
    return dict(counts.most_common())


def check(recipe: Recipe, columns: Sequence[str]) -> None:
    """Raise BadInput where a recipe asks for columns that a file lacks, or leaves a required part without text."""
    if recipe.kind not in (Kind.CHAT, Kind.COMPLETION):
        message = T("Rows cannot be mapped to the format {kind}.", kind=recipe.kind.value)
        raise BadInput(message, T("Choose chat or completion."))
    for column, role in recipe.roles.items():
        if role is not Role.IGNORE and column not in columns:
            message = T('The recipe asks for a column "{column}".', column=column)
            raise BadInput(message, T("The columns are: {columns}.", columns=", ".join(columns)))
    for role, text in recipe.templates.items():
        templates.check(text, columns, f" ({role.value})")
    grouping = recipe.conversation_column is not None
    if grouping and recipe.kind is not Kind.CHAT:
        raise BadInput(T("Conversations from several rows need the chat format."), T("Choose chat."))
    if not grouping and set(recipe.roles.values()) & {Role.TURN, Role.SPEAKER}:
        message = T("A column gives the turn or the speaker, but none the conversation.")
        raise BadInput(message, T("Choose the column whose value the rows of one conversation share."))
    spoken = grouping and bool(recipe.columns_for(Role.SPEAKER))
    for role in (Role.USER,) if spoken else (Role.USER, Role.ASSISTANT):
        if not _has_text(recipe, role):
            raise BadInput(*_MISSING[role])


_MISSING: dict[Role, tuple[Text, Text]] = {
    Role.USER: (T("No column gives the user's message."), T("Choose one, or write a template.")),
    Role.ASSISTANT: (T("No column gives the assistant's message."), T("Choose one, or choose a label column.")),
}


def _has_text(recipe: Recipe, role: Role) -> bool:
    given = recipe.templates.get(role) or recipe.constants.get(role) or recipe.columns_for(role)
    return bool(given or (role is Role.ASSISTANT and recipe.label_column))


def _counted(rows: Iterable[Read], progress: Progress | None) -> Iterator[Read]:
    count = 0
    for count, row in enumerate(rows, start=1):
        if progress and count % _REPORT_EVERY == 0:
            progress(count)
        yield row
    if progress:
        progress(count)


def _kept(recipe: Recipe, rows: Iterator[Row | Reject]) -> Iterator[Row | Reject]:
    column, dropped = recipe.label_column, frozenset(recipe.dropped)
    if column is None or not dropped or recipe.as_is:
        return rows
    return (r for r in rows if isinstance(r, Reject) or r.cells.get(column, "").strip() not in dropped)


def _sampled(rows: Iterator[Unit | Reject], sample: Sample) -> Iterator[Unit | Reject]:
    """The sample in the file's order. Rejected rows that were met go along and do not count."""
    if sample.mode is Mode.ALL:
        yield from rows
    elif sample.mode is Mode.FIRST:
        yield from _first(rows, sample.n)
    else:
        chosen: deque[tuple[int, Unit]] = deque(maxlen=min(sample.n, sys.maxsize))
        reservoir: list[tuple[int, Unit]] = []
        chance = random.Random(sample.seed)
        count = 0
        for row in rows:
            if isinstance(row, Reject):
                yield row
                continue
            if sample.mode is Mode.LAST:
                chosen.append((count, row))
            elif count < sample.n:
                reservoir.append((count, row))
            elif (place := chance.randrange(count + 1)) < sample.n:
                reservoir[place] = (count, row)
            count += 1
        places = sorted(reservoir, key=lambda pair: pair[0]) if sample.mode is Mode.RANDOM else chosen
        yield from (row for _, row in places)


def _first(rows: Iterator[Unit | Reject], n: int) -> Iterator[Unit | Reject]:
    taken = 0
    while taken < n and (row := next(rows, None)) is not None:
        taken += not isinstance(row, Reject)
        yield row


@dataclass(frozen=True)
class _Part:
    """How one role's text is made."""

    columns: tuple[str, ...] = ()
    template: templates.Template | None = None
    constant: str = ""

    def text(self, cells: dict[str, str]) -> str:
        if self.template:
            filled = not self.columns or any(cells.get(column) for column in self.columns)
            return self.template.render(cells) if filled else ""
        return self.constant or "\n".join(cell for column in self.columns if (cell := cells.get(column, "")))


class _Mapper:
    """A recipe made ready: templates parsed once, columns looked up once."""

    def __init__(self, recipe: Recipe, source: Source | None) -> None:
        self._recipe = recipe
        self._file, self._sheet = (source.name, source.sheet) if source else ("", "")
        self._guarded = source is not None and source.format in (Format.CSV, Format.TSV)
        self._sheets = {part.name: part.sheet for part in source.parts} if source else {}
        sheets = (source.parts or (source,)) if source else ()
        self._uncalculated = {sheet.name: sheet.uncalculated for sheet in sheets}
        self._parts = {role: _part(recipe, role) for role in (Role.SYSTEM, Role.USER, Role.ASSISTANT)}
        self._label = recipe.label_column
        self._turn_column = next(iter(recipe.columns_for(Role.TURN)), "")
        self._speaker = next(iter(recipe.columns_for(Role.SPEAKER)), "")
        self._answer_is_label = self._parts[Role.ASSISTANT] == _Part()
        self.groups = "" if recipe.as_is else recipe.conversation_column or ""

    def draft(self, unit: Unit) -> Draft | Reject:
        if isinstance(unit, Conversation):
            return self._conversation(unit)
        made = self._as_is(unit) if self._recipe.as_is else self._mapped(unit)
        return made.keeping(unit.raw, None if unit.raw else unit.cells) if isinstance(made, Reject) else made

    def conversations(self, rows: Iterator[Row | Reject]) -> Iterator[Conversation | Reject]:
        """The rows put together by their conversation, those without one rejected."""
        return conversations.grouped(row if isinstance(row, Reject) else self._turn(row) for row in rows)

    def _origin(self, row: Row, fields: dict[str, str]) -> Origin:
        return Origin(row.file or self._file, row.number, self._sheets.get(row.file, self._sheet), fields)

    def _as_is(self, row: Row) -> Draft | Reject:
        if self._recipe.shape is Shape.TABLE:
            return self._exported(row)
        raw = row.raw or dump(dict(row.cells))
        body = load(raw)
        if self._recipe.mend:
            mended = mojibake.mended_value(body)
            if lost := mojibake.lost_in(body, mended):
                return Reject(row.number, "", _LOST, excerpt(lost), row.file)
            raw, body = raw if mended == body else dump(mended), mended
        keys = _AS_IS_KEYS[self._recipe.kind]
        if self._recipe.shape:
            try:
                raw = dump(convert(self._recipe.shape, body if row.raw else opened(body)))
            except Unfit as fault:
                return Reject(row.number, fault.field, fault.reason, excerpt(raw), row.file)
        elif not row.raw or not any(key in body for key in keys):
            reason = T("The line has no {keys}. Add it, or import the file with a mapping.", keys=" / ".join(keys))
            seen = excerpt(row.raw or " | ".join(row.cells.values()))
            return Reject(row.number, keys[0], reason, seen, row.file)
        return Draft(raw, self._recipe.kind, origin=self._origin(row, {}))

    def _exported(self, row: Row) -> Draft | Reject:
        try:
            return ownrows.draft(row.cells, self._recipe.kind, self._origin(row, {}), is_guarded=self._guarded)
        except Unfit as fault:
            return Reject(row.number, fault.field, fault.reason, excerpt(" | ".join(row.cells.values())), row.file)

    def _cells(self, row: Row) -> dict[str, str] | Reject:
        """The cells as the recipe wants them: mended, without blanks around."""
        cells = row.cells
        if self._recipe.mend:
            cells = {column: mojibake.mended(cell) for column, cell in cells.items()}
            for column, cell in cells.items():
                if self._recipe.roles.get(column) is not Role.IGNORE and mojibake.is_lost(row.cells[column], cell):
                    return Reject(row.number, column, _LOST, excerpt(cell), row.file)
        return {c: cell.strip() for c, cell in cells.items()} if self._recipe.strip else cells

    def _turn(self, row: Row) -> tuple[str, Row, Turn] | Reject:
        cells = self._cells(row)
        if isinstance(cells, Reject):
            return cells
        key = cells.get(self.groups, "").strip()
        if not key:
            reason = T("The row belongs to no conversation. Fill the cell, or leave the row out.")
            return Reject(row.number, self.groups, reason, excerpt(" | ".join(cells.values())), row.file)
        turn = Turn(
            order=cells.get(self._turn_column, "").strip(),
            row=row.number,
            speaker=cells.get(self._speaker, "").strip() if self._speaker else None,
            system=self._parts[Role.SYSTEM].text(cells),
            user=self._parts[Role.USER].text(cells),
            assistant=self._parts[Role.ASSISTANT].text(cells),
            label=cells.get(self._label or "", "").strip(),
        )
        return key, row, turn

    def _conversation(self, unit: Conversation) -> Draft | Reject:
        first = unit.first
        try:
            messages = conversations.messages(unit.turns, self._speaker)
        except conversations.Unusable as fault:
            return Reject(fault.row, fault.column, fault.reason, excerpt(" | ".join(first.cells.values())), first.file)
        label = next((turn.label for turn in unit.turns if turn.label), "")
        label = self._recipe.label_names.get(label, label)
        return Draft(chat_line(messages), Kind.CHAT, label, origin=self._origin(first, first.cells))

    def _mapped(self, row: Row) -> Draft | Reject:
        cells = self._cells(row)
        if isinstance(cells, Reject):
            return cells
        seen = cells.get(self._label, "").strip() if self._label else ""
        named = row.cells.get(self._label, "").strip() if self._label else ""
        label = self._recipe.label_names.get(named, seen)  # names stand in the recipe as in the file
        system, user = self._parts[Role.SYSTEM].text(cells), self._parts[Role.USER].text(cells)
        answer = label if self._answer_is_label else self._parts[Role.ASSISTANT].text(cells)
        if not user.strip() and self._recipe.kind is not Kind.COMPLETION:  # open-ended writing has no prompts
            return self._empty(row, Role.USER)
        if not answer.strip():
            return self._empty(row, Role.ASSISTANT)
        body = _body(self._recipe.kind, system, user, answer)
        raw = dump(body) if self._recipe.kind is Kind.COMPLETION else chat_line(body["messages"])
        return Draft(raw, self._recipe.kind, label, origin=self._origin(row, row.cells))

    def _empty(self, row: Row, role: Role) -> Reject:
        columns = self._parts[role].columns
        if role is Role.ASSISTANT and self._answer_is_label and self._label:
            columns = (self._label,)
        for column in columns:
            if cell := self._uncalculated.get(row.file or self._file, {}).get((row.number, column)):
                return Reject(row.number, column, _uncalculated(cell), "", row.file)
        reasons = {
            Role.USER: T("The user's message is empty. Fill the cell, or leave the row out."),
            Role.ASSISTANT: T("The assistant's message is empty. Fill the cell, or leave the row out."),
        }
        seen = excerpt(" | ".join(row.cells.values()))
        return Reject(row.number, ", ".join(columns), reasons[role], seen, row.file)


def _uncalculated(cell: str) -> Text:
    return T(
        "The formula in cell {cell} was never calculated. Open the file in Excel or LibreOffice, save it, and bring it"
        " again.",
        cell=cell,
    )


_LOST = T("Letters were lost when this text was saved in another encoding. Take it from its source again.")


def _part(recipe: Recipe, role: Role) -> _Part:
    if text := recipe.templates.get(role):
        template = templates.parse(text)
        return _Part(template.columns, template)
    if constant := recipe.constants.get(role):
        return _Part(constant=constant)
    return _Part(recipe.columns_for(role))


def _body(kind: Kind, system: str, user: str, answer: str) -> Body:
    if kind is Kind.COMPLETION:
        return {"prompt": f"{system}\n\n{user}" if system else user, "completion": answer}
    messages = [{"role": "system", "content": system}] if system.strip() else []
    return {"messages": [*messages, {"role": "user", "content": user}, {"role": "assistant", "content": answer}]}

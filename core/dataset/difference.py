"""The difference between the rows of a dataset and rows that come in: new, changed (field by field), gone, the same.

A row that comes in is matched by its id where it brings one, else by its content (the one from the same place first),
else by its question, else by its neighbours where the texts are alike. Rows that only moved are the same rows. Pure:
what is stored and what comes in are values, so are the edits that make one the other.
"""

from __future__ import annotations

from collections import defaultdict, deque
from collections.abc import Callable, Hashable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

from core.dataset.edits import Added, Change, Edits, Removed
from core.dataset.examples import Draft

Fields = Mapping[str, str]
Place = tuple[str, str, int]  # file, sheet, row
NOWHERE: Place = ("", "", 0)
ALIKE = 60.0  # of 100: texts at the same spot that are this similar are one row, edited
_COMPARED = 1_000  # characters of a text that are compared for that
_WINDOW = 20  # rows of one spot that are tried


class Known(NamedTuple):
    """A stored row. `base` are its fields as the other side last had them: equal where nobody edited it since."""

    id: int
    revision: int
    fields: Fields
    base: Fields
    questions: tuple[str, ...] = ()  # what is asked: as the other side had it, and here where that differs
    place: Place = NOWHERE


class Coming(NamedTuple):
    """A row that comes in; `row` is its number as the person sees it, `draft` what is added where it is new."""

    fields: Fields
    question: str = ""
    id: int = 0
    place: Place = NOWHERE
    draft: Draft | None = None

    @property
    def row(self) -> int:
        """The number of the row as the person sees it."""
        return self.place[2]


class FieldChange(NamedTuple):
    """One field that comes in with another value; `clash`: somebody changed it here as well."""

    name: str
    old: str
    new: str
    clash: bool


class Changed(NamedTuple):
    """A stored row and what came in for it."""

    known: Known
    coming: Coming
    fields: tuple[FieldChange, ...]

    @property
    def clash(self) -> bool:
        """Whether somebody changed the same field here since."""
        return any(change.clash for change in self.fields)


class New(NamedTuple):
    """A row that is only in what came in, and the stored row (0: none) that it stands below."""

    coming: Coming
    below: int


Entry = New | Changed | Known  # a known row stands for one that is gone


@dataclass(frozen=True)
class Difference:
    """What came in beside what is stored. `same` rows are equal, `kept` were edited here only."""

    new: Sequence[New] = ()
    changed: Sequence[Changed] = ()
    gone: Sequence[Known] = ()
    same: int = 0
    kept: int = 0

    def __bool__(self) -> bool:
        return bool(self.new or self.changed or self.gone)


@dataclass
class _Matching:
    """Which stored row each row that came in is; both sides by their places in the lists."""

    known: Sequence[Known]
    coming: Sequence[Coming]
    found: dict[int, int] = field(default_factory=dict)  # coming -> known
    taken: set[int] = field(default_factory=set)

    def pair(self, coming: int, known: int) -> None:
        self.found[coming] = known
        self.taken.add(known)

    def open_known(self) -> list[int]:
        return [number for number in range(len(self.known)) if number not in self.taken]

    def open_coming(self) -> list[int]:
        """Those that may still be any row."""
        return [number for number in range(len(self.coming)) if number not in self.found]


def compare(known: Sequence[Known], coming: Sequence[Coming]) -> Difference:
    """The difference that makes `known` into `coming`. The same lists always give the same answer."""
    matching = _Matching(known, coming)
    _by_id(matching)
    _by_content(matching)
    _by_question(matching)
    _by_spot(matching)
    return _difference(matching)


def _by_id(matching: _Matching) -> None:
    """Of rows that bring the same id (a copied row) the one with the stored content is it, else the first.

    Where most of the ids do not fit their texts while those texts stand under other ids, the rows were sorted
    without their ids: then they are told by their texts.
    """
    places = {row.id: number for number, row in enumerate(matching.known)}
    claims: dict[int, list[int]] = defaultdict(list)
    for number, row in enumerate(matching.coming):
        if row.id in places:
            claims[places[row.id]].append(number)
    chosen = {k: next((n for n in numbers if _is(matching, n, k)), numbers[0]) for k, numbers in claims.items()}
    differ = [(k, n) for k, n in chosen.items() if not _is(matching, n, k)]
    if len(differ) > 2:
        names = tuple(matching.coming[differ[0][1]].fields)
        elsewhere = {_content(matching.known[k].base, names) for k, _n in differ}
        if 2 * sum(_content(matching.coming[n].fields, names) in elsewhere for _k, n in differ) > len(differ):
            for k, _n in differ:
                del chosen[k]
    for k, n in chosen.items():
        matching.pair(n, k)


def _is(matching: _Matching, coming: int, known: int) -> bool:
    fields, row = matching.coming[coming].fields, matching.known[known]
    return all(value in (row.base.get(name, ""), row.fields.get(name, "")) for name, value in fields.items())


def _content(fields: Fields, names: Iterable[str]) -> Hashable:
    return tuple(fields.get(name, "") for name in names)


def _by_content(matching: _Matching) -> None:
    """Equal rows: as the other side last had them, then as they are here."""
    shapes: dict[tuple[str, ...], list[int]] = defaultdict(list)
    for number in matching.open_coming():
        shapes[tuple(matching.coming[number].fields)].append(number)
    for side in ("base", "fields"):
        for names, numbers in shapes.items():
            keys = [(n, _content(matching.coming[n].fields, names)) for n in numbers if n not in matching.found]
            if keys:
                rows = ((k, _content(getattr(matching.known[k], side), names)) for k in matching.open_known())
                _pair_equal(matching, keys, rows)


def _by_question(matching: _Matching) -> None:
    for nth in range(2):
        asked = ((k, matching.known[k].questions[nth : nth + 1]) for k in matching.open_known())
        keys = [(n, (matching.coming[n].question,)) for n in matching.open_coming() if matching.coming[n].question]
        _pair_equal(matching, keys, asked)


def _pair_equal(
    matching: _Matching, waiting: Iterable[tuple[int, Hashable]], rows: Iterable[tuple[int, Hashable]]
) -> None:
    """Rows with the same key: first those from the same place, then the others in their order."""
    alike: dict[Hashable, dict[int, None]] = defaultdict(dict)  # a dictionary as an ordered set
    here: dict[Hashable, int] = {}
    for number, name in rows:
        alike[name][number] = None
        here.setdefault((name, matching.known[number].place), number)
    left = []
    for number, name in waiting:
        if name not in alike:
            continue
        place = matching.coming[number].place
        stands = here.pop((name, place), None) if place[2] else None
        if stands is None:
            left.append((number, name))
        else:
            del alike[name][stands]
            matching.pair(number, stands)
    for number, name in left:
        if same := alike[name]:
            first = next(iter(same))
            del same[first]
            matching.pair(number, first)


def _by_spot(matching: _Matching) -> None:
    """Rows between the same neighbours whose texts are alike: one row, edited in its question too."""
    spots: dict[int, deque[int]] = defaultdict(deque)
    back = {k: n for n, k in matching.found.items()}
    above = -1
    for number in range(len(matching.known)):
        if number in back:
            above = back[number]
        else:
            spots[above].append(number)
    above = -1
    for number, row in enumerate(matching.coming):
        if number in matching.found:
            above = number
            continue
        candidates = spots.get(above, ())
        tried = (k for k, _ in zip(candidates, range(_WINDOW), strict=False))
        fit = next((k for k in tried if _alike(matching.known[k], row)), None)
        if fit is not None:
            while spots[above].popleft() != fit:  # rows above it that nothing came in for are gone
                pass
            matching.pair(number, fit)


def _alike(known: Known, coming: Coming) -> bool:
    from rapidfuzz import fuzz

    asked = coming.question[:_COMPARED]
    return any(fuzz.ratio(text[:_COMPARED], asked, score_cutoff=ALIKE) > 0 for text in known.questions if text)


def _difference(matching: _Matching) -> Difference:
    new: list[New] = []
    changed: list[Changed] = []
    same = kept = below = 0
    for number, row in enumerate(matching.coming):
        place = matching.found.get(number)
        if place is None:
            new.append(New(row, below))
            continue
        known = matching.known[place]
        below = known.id
        differ = _field_changes(known, row)
        if differ:
            changed.append(Changed(known, row, differ))
        elif any(known.fields.get(name, "") != value for name, value in row.fields.items()):
            kept += 1
        else:
            same += 1
    gone = [matching.known[number] for number in matching.open_known()]
    return Difference(new, changed, gone, same, kept)


def _field_changes(known: Known, coming: Coming) -> tuple[FieldChange, ...]:
    """What came in differently; a field that only changed here is no change of what came in."""
    found = []
    for name, value in coming.fields.items():
        here, base = known.fields.get(name, ""), known.base.get(name, "")
        if value not in (here, base):
            found.append(FieldChange(name, here, value, here != base))
    return tuple(found)


def edits(difference: Difference, takes: Callable[[Entry], bool] = lambda _entry: True) -> Edits:
    """The edits that apply the entries of a difference that are taken.

    New rows that come in before any known one stand first; where no row is known, all of them come at the end.
    """
    top = 0 if difference.same or difference.kept or difference.changed else None
    return Edits(
        changed=[
            Change(entry.known.id, entry.known.revision, {change.name: change.new for change in entry.fields})
            for entry in difference.changed
            if takes(entry)
        ],
        added=[
            Added(entry.below or top, entry.coming.draft)
            for entry in difference.new
            if entry.coming.draft is not None and takes(entry)
        ],
        removed=[Removed(row.id, row.revision) for row in difference.gone if takes(row)],
        by_rule=True,
    )


def key(entry: Entry) -> str:
    """The name of an entry of a difference: "n" and the row that came in, "c" or "g" and the stored row's id."""
    if isinstance(entry, New):
        return f"n{entry.coming.place[0]}:{entry.coming.row}"
    return f"c{entry.known.id}" if isinstance(entry, Changed) else f"g{entry.id}"

"""The rows of a large table in two processes: each reads, looks at and mends half of them."""

from __future__ import annotations

import pickle
import tempfile
from array import array
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import suppress
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import IO

from core.beside import Beside, Lost, possible, trim
from core.dataset.advice import LONG_CHARACTERS, advise_by, characters
from core.dataset.examples import Kind
from core.dataset.findings import REPEATS, Finding
from core.dataset.fixes import drop_empty
from core.dataset.fixrows import Columns, chunks
from core.dataset.profile import Profile
from core.dataset.readers.sheets import middle
from core.dataset.readers.values import Format, Reject, Source
from core.dataset.sampling import Drawn, drawn
from core.dataset.spool import Piece, Spool, pieces
from core.errors import BadInput
from core.words import T

WORTH = 4 << 20  # bytes of a table from which on a second process saves more than it costs
_BLOCK = 1 << 18  # bytes
_SEARCHED = 1 << 20  # bytes in which a row has to end
_FIRST = 0.5  # of the bytes: the first process has more to do besides
_FIRST_UNPACKED = 0.52  # the second has to unpack what it does not read
_MARKS = '",;|'  # a line of these and white space may be a row that is passed over without being counted

# Gives the rows of a half, and those of them that cannot be used; tells how many it has read.
Read = Callable[[Source, Callable[[int], None]], Iterable[Columns | Reject]]
# Whether all is well with a table but for a row that has to be left out.
Harmless = Callable[[Reject], bool]


def halves(source: Source) -> tuple[Source, Source] | None:
    """Both halves of a table; None where it is left whole."""
    if source.parts or not possible():
        return None
    if source.format.is_sheet:
        place, size = middle(source.path, source.sheet, _FIRST_UNPACKED)
        return _parted(source, place, size) if size >= WORTH else None
    plain = source.format in (Format.CSV, Format.TSV) and source.encoding in ("utf-8", "utf-8-sig")
    if not plain or source.size < WORTH:
        return None
    with source.path.open("rb") as file:
        place = _end_of_row(file, int(source.size * _FIRST), source.quoted)
    return _parted(source, place, source.size)


def _parted(source: Source, place: int, size: int) -> tuple[Source, Source] | None:
    if not 0 < place < size:
        return None
    behind = replace(source, span=(place, size), header=False, top=0, encoding="utf-8")
    return replace(source, span=(0, place)), behind


def _end_of_row(file: IO[bytes], near: int, quoted: bool) -> int:
    """Where a row ends behind a place: at the end of a line at which quotes pair up; 0 where none is in sight."""
    odd, rest = False, near
    while quoted and rest and (block := file.read(min(_BLOCK, rest))):
        odd ^= block.count(b'"') % 2 == 1
        rest -= len(block)
    file.seek(near)
    last = near + _SEARCHED
    while near < last and (line := file.readline(_BLOCK)):
        near += len(line)
        odd ^= quoted and line.count(b'"') % 2 == 1
        if not odd and line.endswith(b"\n") and "".join(line.decode(errors="replace").split()).strip(_MARKS):
            return near
    return 0


class Twins:
    """Completions of a table kept as a `Spool` keeps them, half of them in another process. Close it to forget them.

    `harmless` says which rows are left out without a doubt. Raises Lost where there are others, or no rows at all: a
    half may then have begun within a row, and where one process reads all they are told as they are.
    """

    def __init__(
        self, source: tuple[Source, Source], read: Read, harmless: Harmless, progress: Callable[[int], None] | None
    ) -> None:
        first, self._behind = source
        self._before = 0  # how many rows come before those that the other half counts; those of a sheet have numbers
        self._state = _state(first.path)
        self._read, self._harmless = read, harmless
        self.rejects: list[Reject] = []
        self._draws = False  # whether the other process draws which lines are held out
        self._last = 0  # number of the last row of the first half
        self._file = tempfile.TemporaryFile()  # noqa: SIM115  (closed by `close`; the other process writes to it)
        told = (lambda rows: progress(rows + self._beside.done)) if progress else _silent
        self._spool = Spool(self._usable(read(first, told)))  # nothing is read yet
        try:
            self._beside: Beside = Beside(self._other)
        except Lost:
            self._file.close()
            raise
        try:
            self.profile = _profile(self._spool())
            self._join(*self._beside.hear())
        except BaseException:
            self.close()
            raise

    def __call__(self) -> Iterator[Columns]:
        """The rows from the first on."""
        yield from self._spool()
        yield from self._others()

    def findings(self) -> list[Finding]:
        """What the preparer says of these rows."""
        return advise_by(self.profile, self, Kind.COMPLETION)

    def pieces(self, findings: Sequence[Finding], kind: Kind) -> Iterator[Piece]:
        """What is written when these findings are mended; the rows are forgotten on the way."""
        if any(finding.code == REPEATS for finding in findings):
            yield from pieces(findings, self(), kind)
            return
        self._beside.ask((findings, kind))
        rows = 0
        for piece in pieces(findings, self._spool.drain(), kind):
            rows += len(piece.ids)
            yield piece
        self._beside.ask(rows)
        try:
            number = self._beside.hear()
        except Lost:
            yield from pieces(findings, self._others(), kind)
            return
        self._draws = True
        self._file.seek(0)
        for _ in range(number):
            piece = pickle.load(self._file)
            yield piece._replace(ids=self._moved(piece.ids))
        self._file.truncate(0)  # what is written next takes its place in memory

    def drawn(self, lines: int) -> Drawn:
        """Which of so many lines are held out: the other process draws while this one reads what it has mended."""
        if self._draws:
            with suppress(Lost):
                places: Drawn = self._beside.hear()
                if sum(map(len, places)) == lines:
                    return places
        return drawn(lines)

    def close(self) -> None:
        """Forget the rows."""
        self._beside.stop()
        self._file.close()
        self._spool.close()

    def _usable(self, rows: Iterable[Columns | Reject]) -> Iterator[Columns]:
        """The rows but for those that are left out."""
        for found in rows:
            if not isinstance(found, Reject):
                self._last = max([self._last, *found.ids[-1:]])
                yield found
                continue
            if not self._harmless(found):
                raise Lost
            self._last = max(self._last, found.row)
            self.rejects.append(found)

    def _join(self, behind: Profile, rejects: list[Reject]) -> None:
        """Add what the other process tells of its rows."""
        if not self._last or not self.profile.rows + behind.rows:
            raise Lost
        if not self._behind.format.is_sheet:
            self._before = self._last
        self.rejects += [replace(reject, row=reject.row + self._before) for reject in rejects]
        behind.number_on(self._before)
        self.profile.join(behind, drop_empty(self._others()))

    def _others(self) -> Iterator[Columns]:
        """The rows of the other half, read here. Raises BadInput where they are others by now."""
        if _state(self._behind.path) != self._state:
            raise self._changed()
        try:
            for found in chunks(found for found in self._read(self._behind, _silent) if not isinstance(found, Reject)):
                yield found._replace(ids=self._moved(found.ids))
        except Lost:
            raise self._changed() from None

    def _changed(self) -> BadInput:
        return BadInput(
            T("{file} was changed while it was read.", file=self._behind.name), T("Give the same command again.")
        )

    def _moved(self, numbers: Sequence[int]) -> Sequence[int]:
        """The numbers in the whole table of rows in the other half."""
        if isinstance(numbers, range):
            return range(numbers.start + self._before, numbers.stop + self._before)
        return [number + self._before for number in numbers]

    def _other(self, beside: Beside) -> None:
        """What the other process does: tell what its rows are like, then mend them as it is asked to."""
        spool = Spool(self._usable(self._read(self._behind, beside.reach)))
        beside.say((_profile(spool()), self.rejects))
        if not (question := beside.asked()):
            return
        number = rows = 0
        for piece in pieces(question[0], spool.drain(), question[1]):
            # Where the first process finds them when it has done its own: a pipe would hold few of them.
            pickle.dump(piece, self._file, protocol=pickle.HIGHEST_PROTOCOL)
            number += 1
            rows += len(piece.ids)
        self._file.flush()
        beside.say(number)
        trim()
        if (before := beside.asked()) is not None:
            beside.say(tuple(array("I", places) for places in drawn(before + rows)))


def _state(path: Path) -> tuple[int, ...]:
    """What is another for a file that was changed, or replaced; nothing for one that is gone."""
    try:
        found = path.stat()
    except OSError:
        return ()
    return found.st_size, found.st_mtime_ns, found.st_ino


def _silent(_rows: int) -> None:
    """Tell nobody how many rows were read."""


_profile = partial(Profile.of, whole=False, measure=characters, limit=LONG_CHARACTERS)

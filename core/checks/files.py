"""Checking a whole training file in one pass and little memory: the rules first, the tokens behind them."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from itertools import chain
from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO

from core.checks.reading import MAX_LINE, Line, blocks_of, read_blocks, read_lines
from core.checks.report import DEFAULT_LIMIT, Report
from core.checks.sets import MAX_FILE, MIN_EXAMPLES
from core.dataset.examples import Kind
from core.errors import BadInput
from core.tokens import DEFAULT, counter, encoding_names
from core.words import T

if TYPE_CHECKING:
    from core.checks.linecache import LineCache

__all__ = ["DEFAULT_LIMIT", "MAX_LINE", "Report", "check_file", "check_lines", "read_lines"]

Blocks = Iterator[list[Line]]
Progress = Callable[[int, int], None]
Structure = Callable[[Report], None]


def check_file(
    path: Path | str,
    *,
    encoding: str = DEFAULT,
    limit: int = DEFAULT_LIMIT,
    kind: Kind | None = None,
    minimum: int = MIN_EXAMPLES,
    progress: Progress | None = None,
    structure: Structure | None = None,
    cache: Path | None = None,
    largest: int | None = MAX_FILE,
) -> Report:
    """Check a JSON Lines file. Raises BadInput where it can't be read.

    `progress` hears bytes done and bytes in all; what it raises ends the check. `structure` hears the report of
    everything but tokens as soon as it is known. An empty `encoding` counts no tokens. `cache` is the folder where
    what is known of lines is kept for the next check of the file. A file of more than `largest` bytes is an error;
    None where a target tells its own limit.
    """
    path = Path(path)
    try:
        with path.open("rb") as file:
            size = path.stat().st_size
            checking = _Checking(encoding, limit, kind, minimum, size, progress, structure, cache, largest)
            return checking.file(path, file)
    except OSError as error:
        raise BadInput(
            T("{file} cannot be read: {reason}.", file=path.name, reason=error.strerror or str(error)),
            T("Check the name and that you may open it."),
        ) from error


def check_lines(
    lines: Iterable[Line],
    *,
    encoding: str = DEFAULT,
    limit: int = DEFAULT_LIMIT,
    kind: Kind | None = None,
    minimum: int = MIN_EXAMPLES,
    size: int = 0,
) -> Report:
    """Check lines as `check_file` does; None stands for a line that is too long to be held."""
    return _Checking(encoding, limit, kind, minimum, size).run(blocks_of(lines))


class _Checking:
    """One check of a set of lines."""

    def __init__(
        self,
        encoding: str,
        limit: int,
        kind: Kind | None,
        minimum: int,
        size: int,
        progress: Progress | None = None,
        structure: Structure | None = None,
        cache: Path | None = None,
        largest: int | None = MAX_FILE,
    ) -> None:
        if encoding and encoding not in encoding_names():
            counter(encoding)  # a name that is not known is refused before anything is read
        self.encoding, self.limit, self.kind, self.minimum, self.size = encoding, limit, kind, minimum, size
        self.progress, self.structure = progress, structure
        self.cache, self.largest = cache, largest

    def file(self, path: Path, file: BinaryIO) -> Report:
        """The report of a file; its second half comes from a process beside this one, where that pays."""
        from core.checks.halves import Lost, middle

        place = middle(file, self.size, self.encoding)
        try:
            return self.run(read_blocks(file, end=place), (path, place, read_blocks(file)) if place else None)
        except Lost:  # somebody has ended it, or there was no memory for two
            file.seek(0)
            return self.run(read_blocks(file))

    def run(self, blocks: Blocks, behind: tuple[Path, int, Blocks] | None = None) -> Report:
        """Read and judge all lines, then wait for their tokens."""
        from core.checks import summing
        from core.checks.halves import Halved, Whole
        from core.checks.scanning import Scan

        first = next(blocks, [])
        cache = self._cache()
        scan = Scan(self.kind, cache.open(first) if cache else None)
        ahead = self.structure is not None
        work: Whole
        if behind and not (scan.known and scan.known.findings):
            work = Halved(*behind[:2], scan, self.encoding, ahead=ahead)
        else:  # lines that are known are read faster than handed over
            work = Whole(scan, self.encoding, ahead=ahead)
            blocks = chain(blocks, behind[2] if behind else ())
        try:
            work.read(chain([first], blocks), self._tell)
            report = summing.structure(
                scan, encoding=self.encoding, limit=self.limit, minimum=self.minimum,
                size=self.size, largest=self.largest,
            )  # fmt: skip
            if self.structure:
                self.structure(report)
                self.structure = None  # once is enough, even where all is done again
            tokens, answers = work.finish(self._tell)
        finally:
            work.stop()
        self._tell(self.size)
        if not self.encoding:
            return report
        if cache and scan.known and scan.known.fresh:
            cache.save(scan.known, scan.findings, scan.signs, tokens, answers)
        return summing.with_tokens(report, scan, tokens, answers)

    def _cache(self) -> LineCache | None:
        if self.cache is None or self.encoding not in encoding_names():
            return None
        from core.checks.linecache import LineCache

        return LineCache(self.cache, self.encoding, self.kind)

    def _tell(self, done: int) -> None:
        if self.progress:
            self.progress(min(done, self.size), self.size)

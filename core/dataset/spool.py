"""Rows kept while their advice is drawn: in memory while they are few, on disk from there on, so that a million of them
need hardly more than a thousand."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from sys import getsizeof
from typing import IO, NamedTuple

import orjson

from core.dataset.examples import Kind
from core.dataset.findings import Finding, apply
from core.dataset.fixrows import Columns, Rows, chunks, lines_of
from core.dataset.joined import BETWEEN, Joined
from core.dataset.profile import common_end
from core.dataset.sampling import Drawn, drawn

IN_MEMORY = 64 << 20  # bytes


class Piece(NamedTuple):
    """Rows as they are written: their numbers, their lines, and the ends that all questions and answers up to here
    share."""

    ids: Sequence[int]
    lines: bytes
    asked: str
    answered: str


def pieces(findings: Sequence[Finding], rows: Rows, kind: Kind) -> Iterator[Piece]:
    """What is written of rows when these findings are mended."""
    asked: str | None = None
    answered: str | None = None
    for chunk in apply(findings, rows):
        asked, answered = common_end(chunk.questions, asked), common_end(chunk.answers, answered)
        yield Piece(chunk.ids, lines_of(chunk, kind), asked, answered)


class _Texts(NamedTuple):
    """A column of texts as one, which needs far less memory than many."""

    joined: str
    whole: Sequence[str]  # where the sign between them stands in one of them

    @classmethod
    def of(cls, texts: Sequence[str]) -> _Texts:
        if isinstance(texts, Joined):
            return cls(texts.joined, ())
        joined = BETWEEN.join(texts)
        return cls("", texts) if joined.count(BETWEEN) >= len(texts) else cls(joined, ())

    def known(self, texts: Sequence[str]) -> Sequence[str]:
        """These texts, where they are at hand as one, too."""
        return texts if self.whole or isinstance(texts, Joined) else Joined(texts, self.joined)

    def texts(self) -> Sequence[str]:
        return self.whole or self.joined.split(BETWEEN)


class Spool:
    """Rows read once, kept on the way, and given again as often as wanted. Close it to forget them."""

    def __init__(self, rows: Rows) -> None:
        self._rows: Iterator[Columns] | None = chunks(rows)
        self._held: list[tuple[Columns, _Texts, _Texts]] = []
        self._size = 0
        self._file: IO[bytes] | None = None

    def __call__(self) -> Iterator[Columns]:
        """The rows from the first on. One reader at a time."""
        yield from (_unpacked(*packed) for packed in self._held)
        if self._file:
            self._file.seek(0)
            yield from (Columns(*orjson.loads(line)) for line in self._file)
        if self._rows:
            for chunk in self._rows:
                yield self._keep(chunk)
            self._rows = None

    def drain(self) -> Iterator[Columns]:
        """The rows a last time: those in memory are forgotten as they go."""
        while self._held:
            yield _unpacked(*self._held.pop(0))
        yield from self()

    def pieces(self, findings: Sequence[Finding], kind: Kind) -> Iterator[Piece]:
        """What is written when these findings are mended; the rows are forgotten on the way."""
        return pieces(findings, self.drain(), kind)

    def drawn(self, lines: int) -> Drawn:
        """Which of so many lines are held out."""
        return drawn(lines)

    def _keep(self, chunk: Columns) -> Columns:
        """Keep a chunk; the same with what was made of it on the way."""
        if not self._file and self._size < IN_MEMORY and not any(chunk.raws):
            packed = (_Texts.of(chunk.questions), _Texts.of(chunk.answers))
            self._size += sum(getsizeof(texts.joined) + sum(map(getsizeof, texts.whole)) for texts in packed)
            self._held.append((chunk._replace(questions=(), answers=()), *packed))
            asked, answered = packed
            return chunk._replace(questions=asked.known(chunk.questions), answers=answered.known(chunk.answers))
        if not self._file:
            import tempfile

            self._file = tempfile.TemporaryFile()  # noqa: SIM115  (closed by `close`)
        self._file.write(orjson.dumps([list(chunk.ids), *chunk[1:]]) + b"\n")
        return chunk

    def close(self) -> None:
        """Forget the rows."""
        self._held.clear()
        if self._file:
            self._file.close()


def _unpacked(chunk: Columns, questions: _Texts, answers: _Texts) -> Columns:
    return chunk._replace(questions=questions.texts(), answers=answers.texts())

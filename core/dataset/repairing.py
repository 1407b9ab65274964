"""A whole file that is nearly JSON Lines: good lines stay byte for byte, each broken one gets a proposal."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from itertools import islice
from pathlib import Path

from core.dataset.encodings import detect, open_text
from core.dataset.readers import Format, Source
from core.dataset.readers.objects import MAX_LINE
from core.dataset.repair import LONGEST, Proposal, is_object, propose, raw_characters

_LOOKED_AT = 2_000  # parts in which something to offer is looked for
_TOGETHER = 50  # lines that may be one object whose texts hold line breaks


@dataclass(frozen=True)
class Part:
    """Lines of a file from `row` on; `proposal` is None where they are good, or where nothing is proposed."""

    row: int
    text: str
    good: bool
    proposal: Proposal | None = None

    @property
    def sure(self) -> bool:
        """Whether the proposal drops nothing."""
        return self.proposal is not None and not self.proposal.lost

    def lines(self, accepted: bool) -> tuple[str, ...]:
        """What stands in the repaired file for it."""
        if self.good:
            return (self.text,)
        return self.proposal.lines if accepted and self.proposal else ()


def parts_of(path: Path, source: Source | None = None) -> Iterator[Part]:
    """The parts of a JSON Lines file in their order, or the one of a JSON file that is no longer than a long line."""
    encoding = source.encoding if source else detect(path)
    with open_text(path, encoding, newline="\n") as file:
        if source is not None and source.format is Format.JSON:
            text = file.read(LONGEST + 1)
            yield Part(1, text, False, propose(text))
            return
        yield from _parts(enumerate(iter(lambda: file.readline(MAX_LINE), ""), start=1))


def offered(path: Path, source: Source, limit: int) -> list[Part]:
    """The first broken parts for which something is proposed, as far as they stand near the file's beginning."""
    return list(islice((part for part in islice(parts_of(path, source), _LOOKED_AT) if part.proposal), limit))


def write(parts: Iterable[Part], target: Path, accepted: Callable[[Part], bool] = lambda part: part.sure) -> None:
    """Write the good lines and the proposals that are accepted: by default those that drop nothing."""
    with target.open("w", encoding="utf-8", errors="replace", newline="\n") as out:
        for part in parts:
            out.writelines(f"{line}\n" for line in part.lines(accepted(part)))


def _parts(lines: Iterable[tuple[int, str]]) -> Iterator[Part]:
    waiting: list[tuple[int, str]] = []
    for number, line in lines:
        text = line.rstrip("\r\n").strip("\ufeff")
        good = is_object(text)
        goes_on = waiting and not good and len(waiting) < _TOGETHER and not text.lstrip().startswith("{")
        if not goes_on:
            yield from _alone(waiting)
            waiting.clear()
        if good:
            yield Part(number, text, True)
        elif text.strip() or goes_on:
            waiting.append((number, text))
            if goes_on and (whole := _together(waiting)):
                yield whole
                waiting.clear()
    yield from _alone(waiting)


def _together(lines: list[tuple[int, str]]) -> Part | None:
    """Lines that are one object in whose texts the line breaks stand."""
    if sum(len(line) for _, line in lines) > LONGEST:
        return None
    text = "\n".join(line for _, line in lines)
    found = raw_characters(text)
    return Part(lines[0][0], text, False, found) if found else None


def _alone(lines: list[tuple[int, str]]) -> Iterator[Part]:
    yield from (Part(number, line, False, propose(line)) for number, line in lines if line.strip())

"""The first pass over a file: every line judged by the rules, its tokens left to be counted."""

from __future__ import annotations

from array import array
from collections import Counter
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from core.checks.bodies import format_of
from core.checks.issues import Issue, make
from core.checks.judging import advice_of, plain
from core.checks.lines import check_line
from core.checks.reading import MAX_LINE, Line
from core.dataset.examples import Body, Kind
from core.tokens.tools import functions_of

if TYPE_CHECKING:
    from core.checks.linecache import Known

KEPT = 1_000  # issues of one code that a report keeps in full; all are counted

Numbers = np.ndarray[tuple[int, ...], np.dtype[Any]]


class Finding(NamedTuple):
    """What the rules found of a line: many lines share one."""

    codes: tuple[tuple[str, int], ...] = ()
    kind: Kind | None = None
    example: bool = True
    with_tools: bool = False


@dataclass
class Unit:
    """What is to be counted of a block of lines: plain chats as roles and texts, other examples whole."""

    size: int = 0  # bytes of its lines
    rows: list[int] = field(default_factory=list)
    roles: list[tuple[str, ...]] = field(default_factory=list)
    texts: list[str] = field(default_factory=list)
    bodies: list[tuple[int, Body]] = field(default_factory=list)


class Scan:
    """What is remembered of the lines seen so far: a few numbers for each, and the first of each issue."""

    def __init__(self, kind: Kind | None = None, known: Known | None = None) -> None:
        self.kind, self.known = kind, known
        self.lines = 0
        self.findings: list[Finding] = []
        self.details: list[Issue] = []
        self._signs: dict[Finding, int] = {}
        self._by_roles: dict[tuple[object, ...], tuple[int, tuple[str, ...]] | None] = {}
        self._kept: Counter[str] = Counter()
        self._columns = (array("i"), array("q"))

    def block(self, lines: list[Line]) -> tuple[Unit, Numbers, Numbers]:
        """Judge some lines: what is to be counted of them; their tokens and answer tokens where these are known."""
        unit = Unit(sum(len(line) + 1 if line is not None else MAX_LINE for line in lines))
        signs = np.zeros(len(lines), dtype=np.int32)
        tokens, answers = np.full((2, len(lines)), -1, dtype=np.int64)
        todo: range | list[int] = range(len(lines))
        if self.known is None:
            hashes = np.fromiter(map(hash, lines), np.int64, len(lines))
        else:
            hashes, hit, at = self.known.find(lines)
            signs[hit], tokens[hit], answers[hit] = self.known.of(at, self.sign)
            todo = np.flatnonzero(~hit).tolist()
        odd: dict[int, list[Issue]] = {}
        for row in todo:
            signs[row] = self._judge(row, lines[row], unit, odd)
        self._keep(lines, signs, odd)
        self.lines += len(lines)
        self._columns[0].frombytes(signs.tobytes())
        self._columns[1].frombytes(hashes.tobytes())
        return unit, tokens, answers

    @property
    def signs(self) -> Numbers:
        """The place of each line's finding in `findings`."""
        return np.frombuffer(self._columns[0], dtype=np.int32)

    @property
    def hashes(self) -> Numbers:
        """A hash of each line."""
        return np.frombuffer(self._columns[1], dtype=np.int64)

    def sign(self, finding: Finding) -> int:
        """The place of a finding in `findings`."""
        place = self._signs.get(finding)
        if place is None:
            place = self._signs[finding] = len(self.findings)
            self.findings.append(finding)
        return place

    def _judge(self, row: int, line: Line, unit: Unit, odd: dict[int, list[Issue]]) -> int:
        if line is None:
            odd[row] = [make("line_too_long", limit=MAX_LINE)]
            return self.sign(Finding((("line_too_long", 1),), example=False))
        found = plain(line) if self.kind in (None, Kind.CHAT) else None
        usual = self._usual(found[1]) if found else None
        if found and usual:
            unit.rows.append(row)
            unit.roles.append(usual[1])
            unit.texts += found[2]
            return usual[0]
        body, odd[row] = check_line(line, self.kind)
        codes = tuple(sorted(Counter(issue.code for issue in odd[row]).items()))
        if body is None:
            return self.sign(Finding(codes, example=False))
        unit.bodies.append((row, body))
        tools = len(body) > 1 and bool(functions_of(body))
        return self.sign(Finding(codes, self.kind or format_of(body), with_tools=tools))

    def _usual(self, roles: tuple[object, ...]) -> tuple[int, tuple[str, ...]] | None:
        """The finding of a plain chat of these roles, and the roles; None where the full rules must look."""
        try:
            return self._by_roles[roles]
        except KeyError:
            advice = advice_of(roles)
        except TypeError:  # a role that is a list or an object
            return None
        usual = None
        if advice is not None:
            codes = tuple((issue.code, 1) for issue in advice)
            usual = self.sign(Finding(codes, Kind.CHAT)), tuple(map(str, roles))
        self._by_roles[roles] = usual
        return usual

    def _keep(self, lines: list[Line], signs: Numbers, odd: dict[int, list[Issue]]) -> None:
        """Keep the issues of these lines whole while there are few of their code."""
        fresh = [any(self._kept[code] < KEPT for code, _n in finding.codes) for finding in self.findings]
        for row in np.flatnonzero(np.array(fresh, dtype=bool)[signs]).tolist():
            if all(self._kept[code] >= KEPT for code, _n in self.findings[signs[row]].codes):
                continue
            line = lines[row]
            for issue in odd[row] if row in odd else check_line(line or b"", self.kind)[1]:
                if self._kept[issue.code] < KEPT:
                    self._kept[issue.code] += 1
                    self.details.append(issue.at(f"line {self.lines + row + 1}"))

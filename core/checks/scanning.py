"""The first pass over a file: every line judged by the rules, its tokens left to be counted."""

from __future__ import annotations

from array import array
from collections import Counter
from collections.abc import Iterable
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

_TOO_LONG = (("line_too_long", 1),)

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

    def __init__(self, kind: Kind | None = None, known: Known | None = None, before: int = 0) -> None:
        self.kind, self.known = kind, known
        self.lines = before  # of the file, those before the first block included
        self.findings: list[Finding] = []
        self.details: list[Issue] = []
        self._signs: dict[Finding, int] = {}
        self._by_roles: dict[tuple[str, ...], tuple[int, tuple[str, ...]] | None] = {}
        self._kept: Counter[str] = Counter()
        self._columns = (array("i"), array("q"))

    def block(self, lines: list[Line]) -> tuple[Unit, Numbers, Numbers]:
        """Judge some lines: what is to be counted of them; their tokens and answer tokens where these are known."""
        unit = Unit(sum(map(len, filter(None, lines))) + len(lines))
        signs = np.zeros(len(lines), dtype=np.int32)
        tokens, answers = np.full((2, len(lines)), -1, dtype=np.int32)
        todo: range | list[int] = range(len(lines))
        if self.known is None:
            hashes = np.fromiter(map(hash, lines), np.int64, len(lines))
        else:
            hashes, hit, at = self.known.find(lines)
            signs[hit], tokens[hit], answers[hit] = self.known.of(at, self.sign)
            todo = np.flatnonzero(~hit).tolist()
        odd = self._judge(lines, todo, signs, unit)
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

    def packed(self) -> tuple[Any, ...]:
        """What was learnt, to be added to the scan of the lines before."""
        return self.lines, self.findings, self.details, self._columns

    def add(self, packed: tuple[Any, ...]) -> None:
        """Go on where another scan, of the lines behind, has ended."""
        self.lines, findings, details, (signs, hashes) = packed
        names = np.array([self.sign(finding) for finding in findings], dtype=np.int32)
        self._columns[0].frombytes(names[np.frombuffer(signs, dtype=np.int32)].tobytes())
        self._columns[1].extend(hashes)
        for issue in details:
            self._keep_issue(issue)

    def _judge(self, lines: list[Line], todo: Iterable[int], signs: Numbers, unit: Unit) -> dict[int, list[Issue]]:
        """Find out the signs of these lines and what of them is to be counted; the issues of all but plain chats."""
        odd: dict[int, list[Issue]] = {}
        chat = self.kind in (None, Kind.CHAT)
        for row in todo:
            line = lines[row]
            found = plain(line) if chat and line is not None else None
            usual = self._usual(found[1]) if found else None
            if found and usual:
                signs[row], roles = usual
                unit.rows.append(row)
                unit.roles.append(roles)
                unit.texts += found[2]
            else:
                signs[row], body, odd[row] = self._fully(line)
                if body is not None:
                    unit.bodies.append((row, body))
        return odd

    def _fully(self, line: Line) -> tuple[int, Body | None, list[Issue]]:
        """The sign, the object and the issues of a line by the full rules."""
        if line is None:
            return self.sign(Finding(_TOO_LONG, example=False)), None, [make("line_too_long", limit=MAX_LINE)]
        body, issues = check_line(line, self.kind)
        codes = tuple(sorted(Counter(issue.code for issue in issues).items()))
        if body is None:
            return self.sign(Finding(codes, example=False)), None, issues
        tools = len(body) > 1 and bool(functions_of(body))
        return self.sign(Finding(codes, self.kind or format_of(body), with_tools=tools)), body, issues

    def _usual(self, roles: tuple[str, ...]) -> tuple[int, tuple[str, ...]] | None:
        """The sign of a plain chat of these roles, and the roles; None where the full rules must look."""
        if roles not in self._by_roles:
            advice = advice_of(roles)
            codes = tuple((issue.code, 1) for issue in advice or ())
            self._by_roles[roles] = None if advice is None else (self.sign(Finding(codes, Kind.CHAT)), roles)
        return self._by_roles[roles]

    def _keep(self, lines: list[Line], signs: Numbers, odd: dict[int, list[Issue]]) -> None:
        """Keep the issues of these lines whole while there are few of their code."""
        fresh = [any(self._kept[code] < KEPT for code, _n in finding.codes) for finding in self.findings]
        for row in np.flatnonzero(np.array(fresh, dtype=bool)[signs]).tolist():
            if all(self._kept[code] >= KEPT for code, _n in self.findings[signs[row]].codes):
                continue
            line = lines[row]
            for issue in odd[row] if row in odd else check_line(line or b"", self.kind)[1]:
                self._keep_issue(issue.at(f"line {self.lines + row + 1}"))

    def _keep_issue(self, issue: Issue) -> None:
        if self._kept[issue.code] < KEPT:
            self._kept[issue.code] += 1
            self.details.append(issue)

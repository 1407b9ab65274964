"""Checking a whole training file, line by line, in one pass and little memory."""

from __future__ import annotations

from array import array
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, BinaryIO

from core.checks.bodies import format_of
from core.checks.issues import Issue, make
from core.checks.judging import Judged, judge_line
from core.checks.rule import Severity
from core.checks.sets import MIN_EXAMPLES, check_set, duplicates, main_kind, mixed
from core.checks.table import RULES
from core.dataset.examples import Kind
from core.errors import BadInput
from core.tokens import DEFAULT, Distribution, counter, default_epochs, distribution
from core.tokens.tools import functions_of
from core.words import T

DEFAULT_LIMIT = 65_536
MAX_FILE = 512 * 1024 * 1024
MAX_LINE = 160 * 1024 * 1024  # ten images of 10 MB in base64 still fit
KEPT = 1_000  # issues of one code that a report keeps in full; all are counted
_BLOCK = 1 << 20

Progress = Callable[[int, int], None]


@dataclass
class Report:
    """What a check found in a set: the figures, how often each issue occurs, and the first of each in full."""

    format: str | None = None
    encoding: str = DEFAULT
    limit: int = DEFAULT_LIMIT
    examples: int = 0
    errors: int = 0
    warnings: int = 0
    issues: dict[str, int] = field(default_factory=dict)
    missing_system: int = 0
    missing_user: int = 0
    over_limit: int = 0
    epochs: int = 0
    billable_tokens: int = 0
    charged_tokens: int = 0
    tokens: Distribution = field(default_factory=Distribution)
    assistant_tokens: Distribution = field(default_factory=Distribution)
    with_tools: int = 0
    details: list[Issue] = field(default_factory=list, repr=False)

    @property
    def ok(self) -> bool:
        """Whether nothing stands in the way of training."""
        return self.errors == 0

    def as_json(self) -> dict[str, Any]:
        """The figures and the counts of the issues as plain values, by the names that scripts rely on."""
        plain = {name: value for name, value in vars(self).items() if name not in ("with_tools", "details")}
        return {**plain, "tokens": self.tokens.as_json(), "assistant_tokens": self.assistant_tokens.as_json()}


def check_file(
    path: Path | str,
    *,
    encoding: str = DEFAULT,
    limit: int = DEFAULT_LIMIT,
    kind: Kind | None = None,
    minimum: int = MIN_EXAMPLES,
    progress: Progress | None = None,
) -> Report:
    """Check a JSON Lines file; `progress` hears bytes done and bytes in all. Raises BadInput where it can't be read."""
    path = Path(path)
    try:
        with path.open("rb") as file:
            size = path.stat().st_size
            lines = _reporting(read_lines(file), size, progress)
            return check_lines(lines, encoding=encoding, limit=limit, kind=kind, minimum=minimum, size=size)
    except OSError as error:
        raise BadInput(
            T("{file} cannot be read: {reason}.", file=path.name, reason=error.strerror or str(error)),
            T("Check the name and that you may open it."),
        ) from error


def check_lines(
    lines: Iterable[bytes | None],
    *,
    encoding: str = DEFAULT,
    limit: int = DEFAULT_LIMIT,
    kind: Kind | None = None,
    minimum: int = MIN_EXAMPLES,
    size: int = 0,
) -> Report:
    """Check lines as `check_file` does; None stands for a line that is too long to be held."""
    tally = _Tally(encoding, limit, kind)
    for number, line in enumerate(lines, start=1):
        tally.add(number, line)
    return tally.report(minimum, size)


def read_lines(file: BinaryIO, longest: int = MAX_LINE) -> Iterator[bytes | None]:
    """The lines of a file without their line breaks; None in place of one that is longer than `longest` bytes."""
    while line := file.readline(longest + 2):
        whole = line.endswith(b"\n") or len(line) <= longest
        while not whole:
            rest = file.readline(_BLOCK)
            whole = rest.endswith(b"\n") or not rest
        line = line.rstrip(b"\r\n")
        yield line if len(line) <= longest else None


def _reporting(lines: Iterator[bytes | None], size: int, progress: Progress | None) -> Iterator[bytes | None]:
    if progress is None:
        yield from lines
        return
    done = told = 0
    for line in lines:
        yield line
        done += len(line) + 1 if line is not None else MAX_LINE
        if done - told >= _BLOCK:
            told = done
            progress(min(done, size), size)
    progress(size, size)


class _Tally:
    """What is remembered of the lines seen so far: a few numbers for each example, and the first of each issue."""

    def __init__(self, encoding: str, limit: int, kind: Kind | None) -> None:
        self.encoding, self.limit, self.kind = encoding, limit, kind
        self.count = counter(encoding)
        self.counts: Counter[str] = Counter()
        self.details: list[Issue] = []
        self.tokens, self.answers = array("q"), array("q")
        self.hashes, self.numbers = array("q"), array("q")
        self.kinds: Counter[Kind] = Counter()
        self.kind_at = array("b")
        self.with_tools = 0

    def add(self, number: int, line: bytes | None) -> None:
        """Judge one line and remember what the set needs of it."""
        if line is None:
            self.note(make("line_too_long", limit=MAX_LINE), number)
            return
        body, judged = judge_line(line, self.count, self.kind)
        for issue in judged.details:
            self.note(issue, number)
        if body is None:
            return
        self.with_tools += len(body) > 1 and bool(functions_of(body))
        kind = self.kind or format_of(body)
        if kind:
            self.kinds[kind] += 1
        self.kind_at.append(_KINDS.index(kind) if kind else -1)
        self._remember(number, line, judged)

    def _remember(self, number: int, line: bytes, judged: Judged) -> None:
        self.tokens.append(judged.tokens)
        self.answers.append(judged.answer_tokens)
        self.numbers.append(number)
        self.hashes.append(hash(line))
        if judged.tokens > self.limit:
            self.note(make("over_limit", "", judged.tokens, tokens=judged.tokens, limit=self.limit), number)

    def note(self, issue: Issue, number: int | None = None) -> None:
        """Count an issue, and keep it whole while there are few of its code."""
        self.counts[issue.code] += 1
        if self.counts[issue.code] <= KEPT:
            self.details.append(issue.at(f"line {number}") if number else issue)

    def report(self, minimum: int, size: int) -> Report:
        """Look at the set as a whole and sum up."""
        main = main_kind(self.kinds)
        n = len(self.tokens)
        if main and len(self.kinds) > 1:
            for number, at in zip(self.numbers, self.kind_at, strict=True):
                if at >= 0 and _KINDS[at] != main:
                    self.note(mixed(_KINDS[at], main), number)
        for place, first in duplicates(self.hashes):
            self.note(make("duplicate", "", first=self.numbers[first]), self.numbers[place])
        if size > MAX_FILE:
            self.note(make("file_too_large", "", size, size=size >> 20, limit=MAX_FILE >> 20))
        for issue in check_set(self.kinds, n, minimum=minimum):
            self.note(issue)
        epochs = default_epochs(n)
        billable = sum(min(tokens, self.limit) for tokens in self.tokens)
        severities = Counter[Severity]()
        for code, times in self.counts.items():
            severities[RULES[code].severity] += times
        return Report(
            format=str(main) if main else None,
            encoding=self.encoding,
            limit=self.limit,
            examples=n,
            errors=severities[Severity.ERROR],
            warnings=severities[Severity.WARNING],
            issues=dict(sorted(self.counts.items())),
            missing_system=self.counts["missing_system"],
            missing_user=self.counts["missing_user"],
            over_limit=self.counts["over_limit"],
            epochs=epochs,
            billable_tokens=billable,
            charged_tokens=billable * epochs,
            tokens=distribution(self.tokens),
            assistant_tokens=distribution(self.answers),
            with_tools=self.with_tools,
            details=sorted(self.details, key=lambda issue: issue.line or 0),
        )


_KINDS = list(Kind)

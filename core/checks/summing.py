"""From the columns of a scan to its report: first the rules, then the tokens."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np

from core.checks.issues import Issue, make
from core.checks.report import Report
from core.checks.rule import Severity
from core.checks.scanning import KEPT, Numbers, Scan
from core.checks.sets import check_set, duplicates, main_kind, mixed
from core.checks.table import RULES
from core.dataset.examples import Kind
from core.tokens import default_epochs, distribution

if TYPE_CHECKING:
    from collections.abc import Iterable


def structure(
    scan: Scan, *, encoding: str, limit: int, minimum: int, size: int = 0, largest: int | None = None
) -> Report:
    """The report of everything but tokens."""
    times = np.bincount(scan.signs, minlength=len(scan.findings)).tolist()
    found = list(zip(scan.findings, times, strict=True))
    counts, kinds = Counter[str](), Counter[Kind]()
    for finding, n in found:
        for code, in_one in finding.codes:
            counts[code] += in_one * n
        if finding.kind:
            kinds[finding.kind] += n
    details = list(scan.details)
    rows = examples_of(scan)
    main = main_kind(kinds)
    if main and len(kinds) > 1:
        others = {
            sign: mixed(finding.kind, main)
            for sign, finding in enumerate(scan.findings)
            if finding.kind and finding.kind != main
        }
        strays = rows[np.isin(scan.signs[rows], list(others))]
        counts["mixed_kinds"] = len(strays)
        details += (others[int(scan.signs[row])].at(_line(row)) for row in strays[:KEPT].tolist())
    places, firsts = (rows[at] for at in duplicates(scan.hashes[rows]))
    if len(places):
        counts["duplicate"] = len(places)
        pairs = zip(places[:KEPT].tolist(), firsts[:KEPT].tolist(), strict=True)
        details += (make("duplicate", "", first=first + 1).at(_line(row)) for row, first in pairs)
    of_set = check_set(kinds, len(rows), minimum=minimum)
    if largest is not None and size > largest:
        of_set.insert(0, make("file_too_large", "", size, size=size >> 20, limit=largest >> 20))
    counts.update(issue.code for issue in of_set)
    report = Report(
        format=str(main) if main else None,
        encoding=encoding,
        limit=limit,
        examples=len(rows),
        missing_system=counts["missing_system"],
        missing_user=counts["missing_user"],
        epochs=default_epochs(len(rows)),
        with_tools=sum(n for finding, n in found if finding.with_tools),
    )
    return _with_issues(report, counts, [*details, *of_set])


def with_tokens(report: Report, scan: Scan, tokens: Numbers, answers: Numbers) -> Report:
    """The whole report, the tokens of every line now known."""
    rows = examples_of(scan)
    tokens, answers = tokens[rows], answers[rows]
    billable = int(np.minimum(tokens, report.limit).sum())
    over = np.flatnonzero(tokens > report.limit)
    seen = zip(rows[over[:KEPT]].tolist(), tokens[over[:KEPT]].tolist(), strict=True)
    long = [make("over_limit", "", n, tokens=n, limit=report.limit).at(_line(row)) for row, n in seen]
    counts = {**report.issues, "over_limit": len(over)} if long else report.issues
    whole = replace(
        report,
        over_limit=len(over),
        billable_tokens=billable,
        charged_tokens=billable * report.epochs,
        tokens=distribution(tokens),
        assistant_tokens=distribution(answers),
    )
    return _with_issues(whole, counts, [*report.details, *long])


def examples_of(scan: Scan) -> Numbers:
    """The places of the lines that hold an example."""
    holds = np.array([finding.example for finding in scan.findings], dtype=bool)
    rows: Numbers = np.flatnonzero(holds[scan.signs]) if len(holds) else np.zeros(0, dtype=np.int64)
    return rows


def _with_issues(report: Report, counts: dict[str, int], details: Iterable[Issue]) -> Report:
    severities = Counter[Severity]()
    for code, times in counts.items():
        severities[RULES[code].severity] += times
    return replace(
        report,
        errors=severities[Severity.ERROR],
        warnings=severities[Severity.WARNING],
        issues={code: times for code, times in sorted(counts.items()) if times},
        details=sorted(details, key=lambda issue: issue.line or 0),
    )


def _line(row: int) -> str:
    return f"line {row + 1}"

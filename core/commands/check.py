"""`python -m core check`: what is wrong in a training file, how many tokens it has, what it would cost."""

from __future__ import annotations

import argparse
import json
import shlex
from collections.abc import Container
from itertools import groupby
from pathlib import Path
from typing import TYPE_CHECKING, Any

from core.commands import checkprivacy, costs, labels, languages, relations, repairs, targets
from core.commands.meter import Meter
from core.commands.numbers import whole
from core.errors import BadInput
from core.words import T, _

if TYPE_CHECKING:
    from core.checks import Issue, Report
    from core.tokens import Distribution

SHOWN = 20  # issues of one code that are written out
WORTH_KEEPING = 2 << 20  # bytes; a smaller file is read as fast as its cache

DESCRIPTION = """\
Check a training file (JSON Lines): the rules of its format, tokens, epochs and price.
Ends with 0 when it can be trained on, 1 when errors stand in the way, 2 when it cannot be read.
"""


def add_parser(subparsers: argparse._SubParsersAction[Any]) -> None:
    """Add `check` to the command line."""
    parser = subparsers.add_parser(
        "check",
        help="find what is wrong in a training file; count its tokens",
        description=DESCRIPTION,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("file", type=Path, help="the training file, one JSON object on each line")
    targets.add_options(parser)
    how = parser.add_mutually_exclusive_group()
    how.add_argument("--model", metavar="M", help="check for this model: what it takes, its encoding, its limit, price")
    how.add_argument("--encoding", metavar="E", help="count in this encoding (o200k_base where neither is given)")
    parser.add_argument(
        "--tokenizer", type=Path, metavar="FOLDER", help="count as the open-weight model in this folder itself reads"
    )
    parser.add_argument(
        "--limit", type=whole(), metavar="N", help="tokens that are read of one example (else the model's, or 65,536)"
    )
    checkprivacy.add_options(parser)
    parser.add_argument("--prices", action="store_true", help="what it would cost with every model, cheapest first")
    parser.add_argument(
        "--per-day", type=whole(0), default=0, metavar="N", help="with --prices: answers a day, for a month of use"
    )
    parser.add_argument(
        "--repair",
        type=Path,
        metavar="OUT.jsonl",
        help="write a copy in which lines that are nearly JSON are put right",
    )
    parser.add_argument("--json", action="store_true", help="print the figures as one JSON object")
    parser.add_argument("--no-cache", action="store_true", help="read every line anew, and keep nothing for next time")
    relations.add_options(parser)
    labels.add_options(parser)
    languages.add_options(parser)
    parser.set_defaults(run=run)


def run(options: argparse.Namespace) -> int:
    """Check the file and print the report; 1 where it holds errors."""
    from core.checks import DEFAULT_LIMIT, MIN_EXAMPLES, check_file
    from core.tokens import DEFAULT, encoding_name_for
    from core.tokens.folders import GIVEN

    _is_file(options.file)
    if options.repair:
        options.file = repairs.repair(options.file, options.repair)
    catalogue, ratios = targets.known(options)
    price = targets.chosen(options, catalogue)
    encoding = options.encoding or (price.encoding if price else encoding_name_for(options.model or DEFAULT))
    if options.tokenizer and options.encoding:
        raise BadInput(T("Give --tokenizer or --encoding, not both."))
    if options.tokenizer:
        encoding = GIVEN + str(options.tokenizer.expanduser().resolve())
    limit = options.limit or (price.context if price else None) or DEFAULT_LIMIT
    fewest = (price.minimum if price else None) or MIN_EXAMPLES
    told: set[str] = set()
    target = targets.Target(options, price)
    with Meter(shown=not options.json) as meter:

        def rules_first(found: Report) -> None:
            meter.clear()
            found = target.judged(found)
            told.update(found.issues)
            described = targets.not_described(options, catalogue, price)
            _print(*_head(options.file, found), *described, *_issues(found), *_repairable(options, found))

        report = check_file(
            options.file,
            encoding=encoding,
            limit=limit,
            minimum=fewest,
            progress=meter.show,
            structure=None if options.json else rules_first,
            cache=_cache(options),
            **target.limits,
        )
    report = target.judged(report)
    compared, doubted, private = relations.compare(options), labels.look(options), checkprivacy.look(options)
    spoken = languages.look(options)
    more = {"relations": compared, "labels": doubted, "languages": spoken, "privacy": private}
    load = costs.load_of_file(options.file, report, options.per_day) if options.prices else None
    priced = costs.compared(load, catalogue, ratios, lambda model: target.takes(model, report)) if load else []
    if options.json:
        found: dict[str, Any] = {name: part.as_json() for name, part in more.items() if part}
        found |= {"prices": costs.as_json(priced)} if options.prices else {}
        print(json.dumps({**report.as_json(), **found}, ensure_ascii=False))
    else:
        lines = _figures(report)
        lines += costs.of_model(report, price, ratios.get(price.name)) if price else []
        lines += costs.lines(priced, load) if load else []
        lines += [line for part in (compared, doubted) if part for line in part.lines()]
        lines += [*(languages.lines(spoken) if spoken else []), *(checkprivacy.lines(private) if private else [])]
        _print(*_issues(report, but=told), *lines)
    return 0 if report.ok else 1


def _print(*lines: str) -> None:
    print(*lines, sep="\n", flush=True)


def _cache(options: argparse.Namespace) -> Path | None:
    """Where lines are remembered; None for a small file, and where nothing is to be kept or can be."""
    from core.settings import Settings

    try:
        if not options.no_cache and options.file.stat().st_size >= WORTH_KEEPING:
            return Settings.from_env().folder("cache", "lines")
    except OSError:
        pass
    return None


def _is_file(path: Path) -> None:
    """A pipe or a device may go on for ever. Raises BadInput."""
    if path.exists() and not path.is_file():
        raise BadInput(T("{file} is no file.", file=str(path)), T("Choose a file with rows."))


def _head(path: Path, report: Report) -> list[str]:
    kind = report.format or _("none that is known")
    lines = [
        _(
            "{file}: {number} {number:example|examples}, format: {format}",
            file=path.name,
            number=f"{report.examples:,}",
            format=kind,
        ),
        _("Errors: {errors}. Warnings: {warnings}.", errors=f"{report.errors:,}", warnings=f"{report.warnings:,}"),
    ]
    if report.ok:
        lines.append(_("Nothing stands in the way of training."))
    if report.format is None:
        command = f"python -m core prepare {path}"
        lines.append(_("This is no training file. If it is a table, turn it into one: {command}", command=command))
    return lines


def _repairable(options: argparse.Namespace, report: Report) -> list[str]:
    """The way to mend lines that are nearly JSON."""
    if options.repair or "not_json" not in report.issues:
        return []
    path: Path = options.file
    mended = path.with_name(f"{path.stem}_repaired.jsonl")
    command = shlex.join(["python", "-m", "core", "check", str(path), "--repair", str(mended)])
    return ["", _("Lines that are nearly JSON can be put right, each change is told: {command}", command=command)]


def _issues(report: Report, but: Container[str] = ()) -> list[str]:
    from core.checks import Severity

    titles = {
        Severity.ERROR: _("Errors, to be mended before training"),
        Severity.WARNING: _("Warnings, worth a look"),
        Severity.ADVICE: _("Good to know"),
    }
    lines = []
    details = [issue for issue in report.details if issue.code not in but]
    by_code = sorted(details, key=lambda issue: (list(Severity).index(issue.severity), issue.code))
    for severity, of_severity in groupby(by_code, key=lambda issue: issue.severity):
        lines += ["", titles[severity]]
        for code, of_code in groupby(of_severity, key=lambda issue: issue.code):
            shown = 3 if severity is Severity.ADVICE else SHOWN
            lines += _of_code(list(of_code), report.issues[code], shown)
    return lines


def _of_code(issues: list[Issue], times: int, shown: int) -> list[str]:
    """The issues of one code: each where it is and what it is, the first few in full."""
    lines = [f"  {issues[0].code} ({times:,})"]
    advice = ""
    for issue in issues[:shown]:
        place = f"{issue.place}: " if issue.place else ""
        lines.append(f"    {place}{issue.found}")
        advice = advice or issue.advice
    if times > shown:
        lines.append("    " + _("… and {number} more", number=f"{times - min(shown, len(issues)):,}"))
    return [*lines, f"    → {advice}"]


def _figures(report: Report) -> list[str]:
    lines = ["", _("Figures ({encoding}, {limit} tokens read of an example)", **_numbers(report))]
    for title, spread in (
        (_("tokens in an example"), report.tokens),
        (_("tokens in its answers"), report.assistant_tokens),
    ):
        if spread.mean is not None and spread.max:  # in reinforcement training there are no answers to read
            lines.append(f"  {title}: {_spread(spread)}")
    numbers = _numbers(report)
    lines.append("  " + _("longer than the limit: {over}", **numbers))
    if report.format == "chat":
        lines.append("  " + _("without a system message: {system}; without a user message: {user}", **numbers))
    lines.append("  " + _("tokens: {total}; billed once: {billable}", **numbers))
    lines.append("  " + _("epochs by default: {epochs}; tokens charged: {charged}", **numbers))
    return lines


def _numbers(report: Report) -> dict[str, str]:
    return {
        "encoding": report.encoding,
        "limit": f"{report.limit:,}",
        "over": f"{report.over_limit:,}",
        "system": f"{report.missing_system:,}",
        "user": f"{report.missing_user:,}",
        "total": f"{report.tokens.total:,}",
        "billable": f"{report.billable_tokens:,}",
        "epochs": f"{report.epochs:,}",
        "charged": f"{report.charged_tokens:,}",
    }


def _spread(spread: Distribution) -> str:
    return _(
        "{min} to {max}, mean {mean}, median {median}, 10 % below {p10}, 90 % below {p90}",
        min=f"{spread.min:,}",
        max=f"{spread.max:,}",
        mean=f"{spread.mean:,.2f}",
        median=f"{spread.median:,.1f}",
        p10=f"{spread.p10:,.1f}",
        p90=f"{spread.p90:,.1f}",
    )

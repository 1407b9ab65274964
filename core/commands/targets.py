"""The part of `check` that looks at a target: what the chosen model and provider take, and what a grader reads."""

from __future__ import annotations

import argparse
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

from core.errors import BadInput, NotFound
from core.words import T

if TYPE_CHECKING:
    from core.checks import Issue, Report
    from core.tokens import Catalogue, Price, Ratio


def add_options(parser: argparse.ArgumentParser) -> None:
    """Add what narrows down the target to the options of `check`."""
    parser.add_argument("--provider", metavar="P", help="the provider of --model: openai, azure, nebius, local …")
    parser.add_argument("--suffix", default="", metavar="S", help="also check this suffix of the new model's name")
    parser.add_argument(
        "--grader",
        type=Path,
        metavar="G",
        help="a reinforcement grader (JSON): what it reads must be there",
    )


def known(options: argparse.Namespace) -> tuple[Catalogue, dict[tuple[str, str], Ratio]]:
    """Models and prices as they were edited in the app, and what its finished jobs were billed.

    Those that came with Luopan where there is no app yet, or where no model is asked for.
    """
    from core.settings import Settings
    from core.tokens import Catalogue

    settings = Settings.from_env()
    if not (options.model or options.provider or options.prices):
        return Catalogue.load(), {}
    if settings.database_url.startswith("sqlite") and not (settings.home / "luopan.db").exists():
        return Catalogue.load(), {}
    from core.jobs import ratios
    from core.store import Store

    store = Store.open(settings)
    try:
        prices = Catalogue.load(store.preferences.get("prices", None))
        return prices, ratios(store, prices)
    finally:
        store.close()


def chosen(options: argparse.Namespace, prices: Catalogue) -> Price | None:
    """The row of the model that was named. Raises NotFound for a provider that nobody has described."""
    if not options.model and not options.provider:
        return None
    providers = list(dict.fromkeys(price.provider for price in prices.prices))
    if options.provider and options.provider not in providers:
        told = T("The provider “{name}” is not in the table of models.", name=options.provider)
        raise NotFound(told, T("Choose one of these: {names}.", names=", ".join(providers)))
    return prices.price(options.model or "*", options.provider)


def judge(options: argparse.Namespace, report: Report, price: Price | None) -> None:
    """Add what the target does not take, and what the grader misses, to the report."""
    from core.checks.targets import Contents, check_target, extras_of_file
    from core.dataset.examples import Kind

    kind = Kind(report.format) if report.format else None
    size = options.file.stat().st_size
    contents = Contents(kind, report.examples, extras_of_file(options.file), size=size)
    today = datetime.now(UTC).date()
    if price and price.file_mb and "file_too_large" in report.issues:  # the target's own limit counts
        report.errors -= report.issues.pop("file_too_large")
        report.details = [issue for issue in report.details if issue.code != "file_too_large"]
    _add(report, check_target(price, contents, today, suffix=options.suffix))
    if options.grader:
        _add(report, _graded(options.file, options.grader))


def _add(report: Report, issues: list[Issue]) -> None:
    from core.checks import Severity
    from core.checks.scanning import KEPT

    for issue in issues:
        report.issues[issue.code] = times = report.issues.get(issue.code, 0) + 1
        report.errors += issue.severity is Severity.ERROR
        report.warnings += issue.severity is Severity.WARNING
        if times <= KEPT:
            report.details.append(issue)


def read_grader(file: Path) -> Any:
    """What a file with a grader holds. Raises BadInput where it is no JSON."""
    import orjson

    try:
        return orjson.loads(file.read_bytes())
    except OSError as error:
        told = T("{file} cannot be read: {reason}.", file=file.name, reason=error.strerror or str(error))
        raise BadInput(told, T("Check the name and that you may open it.")) from error
    except orjson.JSONDecodeError as error:
        raise BadInput(T("{file} is no JSON.", file=file.name), T("Write the grader as one JSON object.")) from error


def _graded(path: Path, grader: Path) -> list[Issue]:
    """What is wrong with the grader, and each line that lacks a field that it reads."""
    from core.checks.graders import check_fields, check_grader, fields_of
    from core.checks.lines import read_line

    rules = read_grader(grader)
    issues, fields = check_grader(rules), fields_of(rules)
    with path.open("rb") as lines:
        for number, line in enumerate(lines, start=1):
            body = read_line(line)[0] if fields else None
            if body is not None:
                issues += [issue.at(f"line {number}") for issue in check_fields(body, fields)]
    return issues

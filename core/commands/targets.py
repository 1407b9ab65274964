"""The part of `check` that looks at a target: what the chosen model and provider take, and what a grader reads."""

from __future__ import annotations

import argparse
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

from core.errors import BadInput, NotFound
from core.words import T, _

if TYPE_CHECKING:
    from core.checks import Issue, Report
    from core.checks.targets import Contents
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


def not_described(options: argparse.Namespace, prices: Catalogue, price: Price | None) -> list[str]:
    """Says that nobody has described the model that was named, so that its own rules and price are not looked at."""
    if price is not None or not (options.model or options.provider):
        return []
    from difflib import get_close_matches

    from core.tokens.encodings import base_of

    if not options.model:
        told = _("Which model of {provider} is meant is not said: only the format is checked. Add --model.",
                 provider=options.provider)  # fmt: skip
        return ["", told]
    names = [one.model for one in prices.models(options.provider)]
    told = _("The model “{model}” is not in the table of models: only the format is checked, and no price is known.",
             model=options.model)  # fmt: skip
    near = get_close_matches(base_of(options.model), names, 1)
    return ["", told, *([_("Did you mean {model}?", model=near[0])] if near else [])]


class Target:
    """What the chosen model does not take of a file, and what the grader misses in it."""

    def __init__(self, options: argparse.Namespace, price: Price | None) -> None:
        self.options, self.price = options, price
        self._found: list[Issue] | None = None
        self._held: Contents | None = None

    @property
    def limits(self) -> dict[str, Any]:
        """What the target asks of the check: its own largest file counts, where it is known; a grader judges answers
        that no row holds, and without fields beside the messages such rows look like chats."""
        from core.dataset.examples import Kind

        limits: dict[str, Any] = {"largest": None} if self.price and self.price.file_mb else {}
        return limits | ({"kind": Kind.REINFORCEMENT} if self.options.grader else {})

    def judged(self, report: Report) -> Report:
        """The report with what the target does not take, without the warnings that do not hold for it."""
        from core.checks import Severity, issue_table
        from core.checks.scanning import KEPT
        from core.checks.targets import minded

        issues = {code: times for code, times in report.issues.items() if minded(code, self.price)}
        details = [issue for issue in report.details if issue.code in issues]
        for issue in self._issues(report):
            issues[issue.code] = times = issues.get(issue.code, 0) + 1
            if times <= KEPT:
                details.append(issue)
        table = issue_table()
        errors, warnings = (
            sum(times for code, times in issues.items() if table[code] is severity)
            for severity in (Severity.ERROR, Severity.WARNING)
        )
        return replace(report, issues=issues, details=details, errors=errors, warnings=warnings)

    def takes(self, price: Price, report: Report) -> bool:
        """Whether another model takes these examples."""
        from core.checks import Severity
        from core.checks.targets import check_target

        issues = check_target(price, self._contents(report), datetime.now(UTC).date())
        return not any(issue.severity is Severity.ERROR for issue in issues)

    def _contents(self, report: Report) -> Contents:
        """What the file holds; read once, although a report is judged before its tokens are known and behind them."""
        from core.checks.targets import Contents, extras_of_file
        from core.dataset.examples import Kind

        if self._held is None:
            file, kind = self.options.file, Kind(report.format) if report.format else None
            self._held = Contents(kind, report.examples, extras_of_file(file), size=file.stat().st_size)
        return self._held

    def _issues(self, report: Report) -> list[Issue]:
        from core.checks.targets import check_target

        if self._found is None:
            today, suffix = datetime.now(UTC).date(), self.options.suffix
            self._found = check_target(self.price, self._contents(report), today, suffix=suffix)
            if self.options.grader:
                self._found += _graded(self.options.file, self.options.grader)
        return self._found


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

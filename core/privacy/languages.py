"""Languages mixed: how many rows are in each script and language, and which are in another one than the rest."""

from __future__ import annotations

from collections import Counter
from pathlib import Path
from typing import Any, Generic, NamedTuple, TypeVar

from core.checks.privacy import scan_row

ODD_ONE = 0.2  # a script or language that fewer rows than this share are in differs from the rest
_FEWEST = 10  # rows with letters, below which nothing is "the rest"
KEPT = 1_000  # rows in another language that are named
SEEN = 100  # characters of such a row
# Where most rows are in the first, rows in the others may be too: a Japanese title without kana is no Chinese one.
_MAY_BE = {"japanese": {"han"}}

Row = TypeVar("Row")


class Tongues(Generic[Row]):
    """Counts rows by script, and by language where that is sure; keeps those of the rarer ones."""

    def __init__(self, rows: int | None = None) -> None:
        self.scripts: Counter[str] = Counter()
        self.languages: Counter[str] = Counter()
        self._most = None if rows is None else rows * ODD_ONE  # what grows beyond is no exception
        self._rows: dict[tuple[str, str], list[Row]] = {}

    def add(self, script: str, language: str, row: Row) -> None:
        """Count a row."""
        self.scripts[script] += 1
        self._keep(("", script), self.scripts[script], row)
        if language:
            self.languages[language] += 1
            self._keep((script, language), self.languages[language], row)

    def _keep(self, name: tuple[str, str], count: int, row: Row) -> None:
        if self._most is None or count <= self._most:
            self._rows.setdefault(name, []).append(row)
        else:
            self._rows.pop(name, None)

    def different(self) -> dict[str, list[Row]]:
        """By script or language the rows that differ from the rest; none where no script or language has the rest."""
        lettered = Counter({script: rows for script, rows in self.scripts.items() if script})
        main, rare = _rest(lettered)
        passed = _MAY_BE.get(main, set())
        found = {script: self._rows.get(("", script), []) for script in rare if script not in passed}
        if main == "latin":
            found |= {language: self._rows.get(("latin", language), []) for language in _rest(self.languages)[1]}
        return {name: rows for name, rows in found.items() if rows}


def _rest(counts: Counter[str]) -> tuple[str, list[str]]:
    """The name that has the rest of the rows, and the rare ones; nothing where none has so many."""
    total = counts.total()
    if total < _FEWEST:
        return "", []
    main, most = counts.most_common(1)[0]
    if most < (1 - ODD_ONE) * total:
        return "", []
    return main, [name for name, rows in counts.items() if rows <= ODD_ONE * total]


class Stranger(NamedTuple):
    """A row in another script or language than the rest."""

    line: int
    language: str
    seen: str


class Languages(NamedTuple):
    """What a file is written in."""

    rows: int
    scripts: dict[str, int]
    languages: dict[str, int]
    different: list[Stranger]

    def as_json(self) -> dict[str, Any]:
        """Plain values, by the names that scripts rely on; of the rows the first ones."""
        first = [one._asdict() for one in self.different[:KEPT]]
        return {**self._asdict(), "rows_different": len(self.different), "different": first}


def look(path: Path) -> Languages:
    """The languages of a JSON Lines file. Raises BadInput where it cannot be read."""
    from core.checks.privacy.rows import said
    from core.dataset.copying import filled_lines

    tongues: Tongues[tuple[int, str]] = Tongues()
    rows = 0
    for rows, (number, raw) in enumerate(filled_lines(path), start=1):  # noqa: B007
        found = scan_row(raw)
        tongues.add(found.script, found.language, (number, said(raw)[:SEEN]))
    strangers = [Stranger(number, name, seen) for name, of in tongues.different().items() for number, seen in of]
    scripts, languages = (dict(counts.most_common()) for counts in (tongues.scripts, tongues.languages))
    return Languages(rows, scripts, languages, sorted(strangers))

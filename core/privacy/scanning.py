"""A dataset is looked through: row by row, into the store, whole or not at all."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable

from core.checks.privacy import OTHER_SCRIPT, scan_row
from core.errors import Cancelled
from core.store import Store
from core.store.findings import Found, Line, Scan
from core.words import T

ODD_ONE = 0.2  # a script that fewer rows than this share are written in differs from the rest
_FEWEST = 10  # rows with letters, below which nothing is "the rest"
_BATCH = 5_000

Progress = Callable[[int, int], None]


def scan_dataset(
    store: Store,
    dataset_id: int,
    progress: Progress | None = None,
    cancelled: Callable[[], bool] | None = None,
) -> Scan:
    """Look through every row and keep what was found. Raises NotFound, Cancelled."""
    dataset = store.dataset(dataset_id)
    scan_id = store.findings.begin(dataset_id, dataset.revision)
    scripts = Scripts(dataset.rows)
    waiting: list[Found] = []
    done = 0
    for lines in store.findings.lines(dataset_id):
        if cancelled and cancelled():
            raise Cancelled(T("The work was stopped."))
        for line in lines:
            waiting += look(line, scripts)
        done += len(lines)
        if len(waiting) >= _BATCH:
            store.findings.add(scan_id, waiting)
            waiting = []
        if progress:
            progress(done, max(done, dataset.rows))
    store.findings.add(scan_id, [*waiting, *scripts.different()])
    return store.findings.finish(scan_id, done, scripts.counts)


def look(line: Line, scripts: Scripts | None = None) -> list[Found]:
    """What one row holds."""
    found = scan_row(line.raw, line.label)
    if scripts is not None:
        scripts.add(found.script, line)
    return [Found(line.id, kind, line.content_hash, times) for kind, times in found.kinds.items()]


class Scripts:
    """How many rows are written in each script, and which rows those in the rarer ones are."""

    def __init__(self, rows: int) -> None:
        self.counts: Counter[str] = Counter()
        self._most = rows * ODD_ONE  # what grows beyond is no exception: its rows need not be kept
        self._rows: dict[str, list[tuple[int, str]]] = {}

    def add(self, script: str, line: Line) -> None:
        """Count a row."""
        self.counts[script] += 1
        if self.counts[script] <= self._most:
            self._rows.setdefault(script, []).append((line.id, line.content_hash))
        else:
            self._rows.pop(script, None)

    def different(self) -> list[Found]:
        """The rows whose script differs from the rest; none where no script has the rest."""
        lettered = Counter({script: rows for script, rows in self.counts.items() if script})
        total = lettered.total()
        if total < _FEWEST or lettered.most_common(1)[0][1] < (1 - ODD_ONE) * total:
            return []
        rare = (script for script, rows in lettered.items() if rows <= ODD_ONE * total)
        return [
            Found(number, OTHER_SCRIPT, digest, 1) for script in rare for number, digest in self._rows.get(script, ())
        ]

"""Imports whose worker is killed at any moment, again and again: in the end all is there once, and never half."""

from __future__ import annotations

import random
from collections.abc import Callable
from pathlib import Path

import pytest
import xlsxwriter
from killing import killed_at_random

from core import tasks
from core.dataset.examples import user_text
from core.settings import Settings
from core.store import Store

ROWS = 12_000


def jsonl(path: Path) -> None:
    line = '{"messages": [{"role": "user", "content": "%d"}, {"role": "assistant", "content": "ok"}]}\n'
    path.write_text("".join(line % n if n % 1_000 else "broken\n" for n in range(1, ROWS + 1)))


def table(path: Path) -> None:
    path.write_text("user,assistant\n" + "".join(f"{n},ok\n" if n % 1_000 else "short\n" for n in range(1, ROWS + 1)))


def workbook(path: Path) -> None:
    book = xlsxwriter.Workbook(str(path), {"constant_memory": True})
    sheet = book.add_worksheet()
    sheet.write_row(0, 0, ("user", "assistant"))
    for n in range(1, ROWS + 1):
        sheet.write_row(n, 0, (str(n), "ok" if n % 1_000 else ""))
    book.close()


@pytest.mark.slow
@pytest.mark.parametrize("make", [jsonl, table, workbook])
def test_an_import_killed_at_random_is_whole_in_the_end_and_never_half(
    settings: Settings, tmp_path: Path, make: Callable[[Path], None]
) -> None:
    path, store, chance = tmp_path / "rows", Store.open(settings), random.Random(make.__name__)
    make(path)
    task = tasks.enqueue(store, settings, "import", f"{make.__name__}.x", {"path": str(path), "name": "Rows"})
    wanted = ROWS - ROWS // 1_000

    def over() -> bool:
        """Look at what a person sees: nothing, or all of it."""
        assert [dataset.rows for dataset in store.datasets()] in ([], [wanted])
        return not store.tasks.get(task.id).is_active

    kills = killed_at_random(settings, store, task.id, over, lambda: chance.uniform(0.0, 0.7))
    (dataset,) = store.datasets()
    assert [user_text(example.body) for example in store.examples(dataset.id)] == [
        str(n) for n in range(1, ROWS + 1) if n % 1_000
    ]
    assert store.count_rejects(dataset.id) == ROWS // 1_000
    left = [half for half in store.datasets(importing=True) if half.state == "importing"]
    assert len(left) <= kills and all(half.id != dataset.id for half in left)
    store.close()

"""A file brought for a dataset that is there: its workbook where it says so, else the file it was made of."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

from core.dataset import bringback, reimport, workbook
from core.dataset.readers import opened_once, sniff
from core.dataset.updating import Brought, Progress

if TYPE_CHECKING:
    from core.store import Dataset, Store


def owner(store: Store, mark: workbook.Mark) -> Dataset | None:
    """The dataset a workbook was written of, where it is here."""
    known = (dataset for dataset in store.datasets() if dataset.id == mark.dataset_id)
    return next((dataset for dataset in known if dataset.created_at.isoformat() == mark.made), None)


def look(
    store: Store,
    dataset_id: int,
    path: Path,
    name: str,
    *,
    sheet: str | None = None,
    encoding: str | None = None,
    header: bool | int | None = None,
    progress: Progress | None = None,
    cancelled: Callable[[], bool] = lambda: False,
) -> Brought:
    """What a file says beside what is stored. Raises BadInput where it does not fit the dataset."""
    dataset = store.dataset(dataset_id)
    with opened_once():
        mark = workbook.read_mark(path, name) if path.is_file() else None
        if mark is not None and owner(store, mark) == dataset:
            return bringback.compare_workbook(store, dataset, path, name, mark, progress, cancelled)
        source = sniff(path, name, sheet=sheet, encoding=encoding, header=header)
        return reimport.compare_file(store, dataset, source, progress, cancelled)

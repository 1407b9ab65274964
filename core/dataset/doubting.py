"""Doubting the labels of a stored dataset: looking for those that are probably wrong, and deciding about each."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from core.dataset.edits import Applied, Change, Edits
from core.errors import Cancelled, NotFound
from core.words import T

if TYPE_CHECKING:
    from core.store import Store
    from core.store.doubts import LabelDoubt

SURE = (
    0.8  # so likely a label is written without a look at its row: of 160 such in Banking77, 500 planted, 151 were right
)
KEPT = 2_000  # doubts that are kept to be decided, the worst first; all are counted


def look(
    store: Store,
    dataset_id: int,
    progress: Callable[[int, int], None] = lambda _done, _total: None,
    cancelled: Callable[[], bool] = lambda: False,
) -> dict[str, Any]:
    """Doubt all labels of a dataset and keep the result in the store; the counts. Raises Cancelled."""
    from core.checks.doubts import doubts
    from core.checks.rowtexts import row_texts
    from core.store.doubts import LabelDoubt, LabelReport

    dataset = store.dataset(dataset_id)
    known = {row.id: row for row in store.splits.rows(dataset_id)}
    ids, texts, labels = [], [], []
    for row_id, body, _split in store.relations.texts(dataset_id):
        if row_id in known and known[row_id].label:
            ids.append(row_id)
            texts.append(row_texts(body).asked)
            labels.append(known[row_id].label)

    def told(done: int, total: int) -> None:
        if cancelled():
            raise Cancelled(T("The work was stopped."))
        progress(done, total)

    found = doubts(texts, labels, most=KEPT, progress=told)
    kept = [
        LabelDoubt(place, ids[one.place], known[ids[one.place]].content_hash, one.given, one.suggested,
                   one.given_share, one.suggested_share, [[ids[other], like] for other, like in one.alike])
        for place, one in enumerate(found.first)
    ]  # fmt: skip
    facts = (found.rows, found.classes, found.found, found.agreed)
    store.doubts.save(LabelReport(dataset_id, dataset.revision, *facts, datetime.now(UTC)), kept)
    return {"rows": found.rows, "classes": found.classes, "found": found.found}


def accept(store: Store, dataset_id: int, doubt: LabelDoubt, who: str) -> Applied:
    """Give a row the label that is suggested, as one edit that can be undone; nothing where it was edited since."""
    try:
        row = store.example(doubt.example_id)
    except NotFound:
        return Applied()
    if row.dataset_id != dataset_id or (row.content_hash, row.label) != (doubt.content_hash, doubt.given):
        return Applied()
    return store.apply(dataset_id, Edits(changed=[Change(row.id, row.revision, {"label": doubt.suggested})]), who)


def sure(store: Store, dataset_id: int, least: float = SURE) -> list[LabelDoubt]:
    """The doubts that wait whose suggested label is at least so likely."""
    return [doubt for doubt in store.doubts.page(dataset_id, limit=KEPT) if doubt.suggested_share >= least]


def accept_sure(store: Store, dataset_id: int, who: str, least: float = SURE) -> Applied:
    """Give all rows whose suggested label is at least so likely that label, as one edit that can be undone."""
    doubts = sure(store, dataset_id, least)
    living = store.relations.living(dataset_id, [doubt.example_id for doubt in doubts])
    changes = [
        Change(row.id, row.revision, {"label": doubt.suggested})
        for doubt in doubts
        if (row := living.get(doubt.example_id)) and (row.content_hash, row.label) == (doubt.content_hash, doubt.given)
    ]
    return store.apply(dataset_id, Edits(changed=changes), who) if changes else Applied()

"""What a scan found is kept the same way on both databases."""

from __future__ import annotations

from store_samples import draft, make

from core import privacy
from core.checks.privacy import Style
from core.store import Filter, Store


def test_a_scan_its_rows_and_its_masks(store: Store, second: Store) -> None:
    rows = [draft(f"Call 415-555-{i:04d} or 13812345678") for i in range(30)]
    dataset = make(store, [*rows, draft("nothing")])
    privacy.scan_dataset(store, dataset.id)
    assert second.findings.counts(dataset.id) == {"phone": (30, 60)}
    assert second.page(dataset.id, Filter(finding="personal")).total == 30
    assert privacy.fix(second, dataset.id, ["phone"], "Ada", Style.NUMBERED).saved == 30
    assert store.findings.counts(dataset.id) == {}
    texts = [row.raw for row in store.examples(dataset.id)]
    assert all("[phone 2]" in text for text in texts[:30]) and "[phone 31]" in texts[29]
    assert store.findings.add_to_book(dataset.id, [("phone", "0" * 32, 1)]) is False
    store.undo(dataset.id, "Ada")
    assert store.findings.counts(dataset.id) == {"phone": (30, 60)}
    store.delete_dataset(dataset.id)
    assert store.findings.latest(dataset.id) is None

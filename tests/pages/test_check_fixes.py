"""The recommended fixes on the Check page: seen, applied one by one or all at once, undone."""

from __future__ import annotations

import json

from pagedriver import HOSTILE, Open, Page

from core.dataset.examples import Draft, Kind
from core.store import Dataset, Store
from pages.parts.text import JOINER

CHECK = "pages/data/check.py"


def made(store: Store, *pairs: tuple[str, str]) -> Dataset:
    dataset = store.create_dataset("Mine", Kind.COMPLETION)
    lines = [json.dumps({"prompt": question, "completion": answer}) for question, answer in pairs]
    store.add_drafts(dataset.id, [Draft(line, Kind.COMPLETION) for line in lines])
    return store.finish_import(dataset.id)


def texts(store: Store, dataset: Dataset) -> list[tuple[str, ...]]:
    return [tuple(example.body.values()) for example in store.examples(dataset.id)]


def offered(page: Page) -> str:
    """The headings of the fixes, as a person reads them."""
    return "\n".join(expander.label for expander in page.app.expander).replace("\\", "").replace(JOINER, "")


def test_all_fixes_are_applied_and_undone_in_one_step(open_page: Open, store: Store) -> None:
    dataset = made(store, ("one", "first it is"), ("two", "second so far"), ("one", "first it is"))
    before = texts(store, dataset)
    page = open_page(CHECK, dataset=str(dataset.id))
    assert "Fixes" in [tab.label for tab in page.app.tabs] and "Remove 1 duplicate row" in offered(page)
    assert page.says("one ->\n→ first it is"), "a preview"
    page.click("Apply all 4")
    assert texts(store, dataset) == [("one ->", " first it is\n"), ("two ->", " second so far\n")]
    assert page.says("No fix to recommend.")
    page = open_page(CHECK, dataset=str(dataset.id))
    assert page.says("2 rows changed, 1 row deleted"), "after a reload too"
    page.click("Undo")
    assert texts(store, dataset) == before and "Remove 1 duplicate row" in offered(page)


def test_one_fix_is_applied_alone(open_page: Open, store: Store) -> None:
    dataset = made(store, ("one", "first it is"), ("two", "second so far"), ("one", "first it is"))
    page = open_page(CHECK, dataset=str(dataset.id))
    page.click("Apply")
    assert texts(store, dataset) == [("one", "first it is"), ("two", "second so far")]
    assert "Remove 1 duplicate row" not in offered(page)


def test_foreign_text_stays_text(open_page: Open, store: Store) -> None:
    dataset = made(store, *[(f"{HOSTILE} {n}", f"{HOSTILE}{n} " * 2) for n in range(3)])
    page = open_page(CHECK, dataset=str(dataset.id))
    assert "Remove prefix `" + HOSTILE.replace("\\", "") in offered(page)
    assert not page.unescaped(HOSTILE) and not any(HOSTILE in expander.label for expander in page.app.expander)

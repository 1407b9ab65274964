"""What should not be in a dataset, as the Check page shows and mends it."""

from __future__ import annotations

import json

import pytest
from pagedriver import HOSTILE, Open, Page

from core import privacy
from core.dataset.examples import Draft, Kind
from core.settings import Settings
from core.store import Store
from core.tasks.handlers import mask
from core.tasks.work import Work
from pages.parts import privacy as section

CHECK, EDIT = "pages/data/check.py", "pages/data/edit.py"
NUMBER = "13812345678"


def row(user: str) -> str:
    return json.dumps({"messages": [{"role": "user", "content": user}, {"role": "assistant", "content": "好"}]})


@pytest.fixture
def dataset_id(store: Store) -> int:
    dataset = store.create_dataset("客服", Kind.CHAT)
    users = [
        *(f"{HOSTILE} 电话{NUMBER}", "邮箱a@b.cn", "看\u200b不见", "丢\ufffd了", "å¾®è°ƒ怎么做"),
        *(*["普通的问题"] * 12, "English here"),
    ]
    store.add_drafts(dataset.id, [Draft(row(user), Kind.CHAT) for user in users])
    store.finish_import(dataset.id)
    return dataset.id


def opened(open_page: Open, path: str, dataset_id: int, **more: str) -> Page:
    return open_page(path, dataset=str(dataset_id), **more)


def test_before_the_first_look_the_page_offers_it_and_shows_its_progress(
    open_page: Open, store: Store, dataset_id: int
) -> None:
    page = opened(open_page, CHECK, dataset_id)
    assert page.says("look before you train on them")
    page.click("Look for them")
    assert [(task.kind, task.subject) for task in store.tasks.active()] == [("scan", str(dataset_id))]
    assert page.says("Looking through the rows")


def test_finds_are_listed_by_half_and_never_in_full(open_page: Open, store: Store, dataset_id: int) -> None:
    privacy.scan_dataset(store, dataset_id)
    page = opened(open_page, CHECK, dataset_id)
    for said in ("18 rows looked through", "138****5678", "⟨U+200B⟩", "a***@b.cn"):
        assert page.says(said), said
    titles = " ".join(found.label for found in page.app.expander).replace("\\", "")
    assert page.says("2 rows are in another language than the rest")
    for said in ("Phone numbers · **1 in 1 row**", "E-mail addresses", "Lost characters"):
        assert said in titles, said
    assert page.says("88.9%")
    assert not page.says(NUMBER) and not page.unescaped("![x]")


def test_one_click_masks_all_and_one_brings_all_back(open_page: Open, store: Store, dataset_id: int) -> None:
    before = [row.raw for row in store.examples(dataset_id)]
    privacy.scan_dataset(store, dataset_id)
    page = opened(open_page, CHECK, dataset_id)
    page.click("Mask all of them")
    after = [row.raw for row in store.examples(dataset_id)]
    assert "[电话]" in after[0] + after[1] or "[phone]" in after[0]
    assert NUMBER not in after[0] and "a@b.cn" not in after[1]
    assert page.says("No phone number") and page.says("2 rows were mended")
    page = opened(open_page, CHECK, dataset_id)
    assert page.says("2 rows changed: Text"), "after a reload too"
    page.click("Undo")
    assert [row.raw for row in store.examples(dataset_id)] == before
    assert page.says("138****5678") and page.says("18 rows looked through")


def test_one_kind_is_mended_by_itself(open_page: Open, store: Store, dataset_id: int) -> None:
    privacy.scan_dataset(store, dataset_id)
    page = opened(open_page, CHECK, dataset_id)
    page.click("Read them rightly")
    assert "微调怎么做" in [row.raw for row in store.examples(dataset_id)][4]
    page.click("Mask these", 0)
    assert {"garbled", "email"}.isdisjoint(store.findings.counts(dataset_id))
    assert "phone" in store.findings.counts(dataset_id)


def test_many_rows_become_a_task(
    open_page: Open, store: Store, settings: Settings, dataset_id: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    privacy.scan_dataset(store, dataset_id)
    monkeypatch.setattr(section, "AT_ONCE", 1)
    page = opened(open_page, CHECK, dataset_id)
    page.click("Mask all of them")
    (task,) = store.tasks.active()
    assert task.kind == "mask" and task.args["who"] and page.says("Mending the rows")
    begun = store.tasks.begin(task.id)
    assert begun is not None
    store.tasks.finish(begun.id, "succeeded", result=mask(Work(store, settings, begun, lambda: None)))
    assert NUMBER not in next(iter(store.examples(dataset_id))).raw
    page = opened(open_page, CHECK, dataset_id)
    assert page.says("2 rows changed: Text")
    page.click("Undo")
    assert NUMBER in next(iter(store.examples(dataset_id))).raw and not page.says("2 rows changed: Text")


def test_the_grid_shows_the_rows_and_lets_go_of_the_filter(open_page: Open, store: Store, dataset_id: int) -> None:
    privacy.scan_dataset(store, dataset_id)
    page = opened(open_page, EDIT, dataset_id, finding="email")
    assert page.says("Rows 1 to 1 of 1")
    page.click("E-mail addresses")
    assert page.says("Rows 1 to 18 of 18")


def test_the_text_is_shown_as_it_will_stand_once_it_is_masked(open_page: Open, store: Store, dataset_id: int) -> None:
    privacy.scan_dataset(store, dataset_id)
    page = opened(open_page, CHECK, dataset_id)
    assert page.says("[phone]") and page.says("[邮箱]")  # each in the language of its text
    assert page.unescaped(HOSTILE) == []


def test_rows_in_another_language_are_deleted_and_come_back(open_page: Open, store: Store, dataset_id: int) -> None:
    privacy.scan_dataset(store, dataset_id)
    page = opened(open_page, CHECK, dataset_id).click("Delete them")
    assert store.dataset(dataset_id).rows == 16 and page.says("No row is in another language than the rest.")
    page.click("Undo")
    assert store.dataset(dataset_id).rows == 18 and page.says("2 rows are in another language than the rest")


def test_one_find_is_set_aside_and_left_when_all_are_masked(open_page: Open, store: Store, dataset_id: int) -> None:
    privacy.scan_dataset(store, dataset_id)
    page = opened(open_page, CHECK, dataset_id)
    page.app.button(key=f"fine-phone-{next(iter(store.examples(dataset_id))).id}").click()
    page.run()
    assert page.says("1 set aside") and "phone" not in store.findings.counts(dataset_id)
    page.click("Mask all of them")
    rows = [row.raw for row in store.examples(dataset_id)]
    assert NUMBER in rows[0] and "a@b.cn" not in rows[1]
    again = opened(open_page, CHECK, dataset_id)
    assert again.says("1 set aside") and again.says("138****5678") and not again.says(NUMBER)
    assert again.unescaped(HOSTILE) == []
    again.click("Bring it back")
    assert "phone" in store.findings.counts(dataset_id) and not again.says("1 set aside")


def test_a_row_may_be_in_another_language(open_page: Open, store: Store, dataset_id: int) -> None:
    privacy.scan_dataset(store, dataset_id)
    page = opened(open_page, CHECK, dataset_id)
    last = list(store.examples(dataset_id))[-1]
    page.app.button(key=f"fine-other_script-{last.id}").click()
    page.run().click("Delete them")
    assert last.id in [row.id for row in store.examples(dataset_id)] and page.says("1 set aside")

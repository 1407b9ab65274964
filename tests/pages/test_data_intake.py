"""What may be brought besides one plain table: several files, packed ones, pasted text, other tools' formats."""

from __future__ import annotations

import gzip
import io
import json
from typing import BinaryIO

import pytest
from pagedriver import HOSTILE, Open, Page

from core.checks.privacy.characters import visible
from core.errors import BadInput
from core.settings import Settings
from core.store import Store
from core.tasks.handlers import HANDLERS
from core.tasks.work import Work
from pages.parts import uploads

BRING = "pages/data/bring.py"
TABLE = b"question,answer\nHow?,So\nWhy?,Because\n"


def kept(settings: Settings, *files: tuple[bytes, str]) -> str:
    streams: list[tuple[BinaryIO, str]] = [(io.BytesIO(data), name) for data, name in files]
    return uploads.keep_all(settings, streams).token


def work_off(store: Store, settings: Settings) -> None:
    for task in store.tasks.active():
        begun = store.tasks.begin(task.id)
        assert begun is not None
        result = HANDLERS["import"].steps[0](Work(store, settings, begun, lambda: None))
        store.tasks.finish(task.id, "succeeded", result=result or {})


def texts(page: Page) -> list[str]:
    return [text.value for text in page.app.get("text")]


def test_pasted_text_is_mapped_like_a_file(open_page: Open) -> None:
    page = open_page(BRING)
    page.app.text_area[0].set_value("question\tanswer\nHow?\tSo\n")
    page.run().click("Use this text")
    assert page.says("Pasted text.txt") and texts(page) == ["How?", "So"]


def test_several_files_are_imported_as_one_and_their_rows_name_them(
    open_page: Open, store: Store, settings: Settings
) -> None:
    token = kept(settings, (TABLE, "a.csv"), (gzip.compress(b"question\tanswer\nx\ty\nz\t\n"), "b.tsv.gz"))
    page = open_page(BRING, file=token)
    assert page.says("a.csv and 1 more") and page.says("2 files · several formats")
    page.click("Import")
    work_off(store, settings)
    assert page.run().says("3 rows imported, 1 row left out.")
    (dataset,) = store.datasets()
    assert [example.origin.file for example in store.examples(dataset.id)] == ["a.csv", "a.csv", "b.tsv"]
    assert [(reject.file, reject.row) for reject in store.rejects(dataset.id)] == [("b.tsv", 3)]


def test_a_packed_file_that_is_damaged_leaves_nothing_behind(settings: Settings) -> None:
    with pytest.raises(BadInput, match="cannot be unpacked"):
        kept(settings, (TABLE, "a.csv"), (b"\x1f\x8b\x08...", "b.csv.gz"))
    assert list(settings.folder("uploads").iterdir()) == []


def test_sharegpt_lines_are_converted_with_a_preview(open_page: Open, store: Store, settings: Settings) -> None:
    line = json.dumps({"conversations": [{"from": "human", "value": "How?"}, {"from": "gpt", "value": "So"}]})
    page = open_page(BRING, file=kept(settings, (f"{line}\n{line}\n".encode(), "s.jsonl")))
    assert page.says("These lines are ShareGPT examples") and texts(page) == ["How?", "So"]
    page.click("Import")
    work_off(store, settings)
    (dataset,) = store.datasets()
    bodies = [example.body for example in store.examples(dataset.id)]
    assert bodies == [{"messages": [{"role": "user", "content": "How?"}, {"role": "assistant", "content": "So"}]}] * 2


def test_garbled_letters_are_mended_unless_one_says_no(open_page: Open, settings: Settings) -> None:
    garbled = "怎么微调".encode().decode("latin-1")
    page = open_page(BRING, file=kept(settings, (f"question,answer\n{garbled},So\n".encode(), "g.csv")))
    assert texts(page) == ["怎么微调", "So"]
    next(box for box in page.app.checkbox if box.label.startswith("Mend")).set_value(False)
    page.run()
    assert texts(page) == [visible(garbled), "So"]


def test_conversations_from_several_rows_are_previewed_and_imported(
    open_page: Open, store: Store, settings: Settings
) -> None:
    table = "session_id,turn,role,content\n1,1,user,How?\n1,2,assistant,So\n2,1,user,Why?\n2,2,assistant,Because\n"
    page = open_page(BRING, file=kept(settings, (table.encode(), "c.csv")))
    assert texts(page) == ["How?", "So"]
    page.click("Import")
    work_off(store, settings)
    (dataset,) = store.datasets()
    assert [len(example.body["messages"]) for example in store.examples(dataset.id)] == [2, 2]


def test_the_row_of_the_header_can_be_picked_and_is_kept_for_the_import(
    open_page: Open, store: Store, settings: Settings
) -> None:
    table = b"note one,note two\nnummer,bericht\n1,hello\n2,there\n"
    page = open_page(BRING, file=kept(settings, (table, "t.csv")))
    next(box for box in page.app.selectbox if box.label == "Row that names the columns").set_value("2")
    page.run()
    assert {box.label for box in page.app.selectbox if box.label.startswith("Role of")} == {
        "Role of nummer", "Role of bericht",
    }  # fmt: skip
    page.app.text_area[1].set_value("{nummer}")
    page.app.text_area[2].set_value("{bericht}")
    page.run().click("Import")
    work_off(store, settings)
    (dataset,) = store.datasets()
    assert [example.origin.row for example in store.examples(dataset.id)] == [3, 4]


def test_what_stands_in_other_formats_is_shown_as_text(open_page: Open, settings: Settings) -> None:
    line = json.dumps({"conversations": [{"from": "human", "value": HOSTILE}, {"from": HOSTILE, "value": HOSTILE}]})
    page = open_page(BRING, file=kept(settings, (f"{line}\n{line}\n".encode(), "s.jsonl")))
    assert page.unescaped(HOSTILE) == []


def test_characters_that_cannot_be_seen_are_written_out_in_the_preview(open_page: Open, settings: Settings) -> None:
    table = "question,answer\nz\u200bero,right \u202eto left\n"
    page = open_page(BRING, file=kept(settings, (table.encode(), "c.csv")))
    assert texts(page) == ["z⟨U+200B⟩ero", "right ⟨U+202E⟩to left"]
    assert "202E⟩to left" in "".join(said.value for said in page.app.markdown)


def test_what_a_zip_holds_beside_tables_is_told(open_page: Open, settings: Settings) -> None:
    files = ((b"question,answer\na,b\n", "a.csv"), (b"\x89PNG\r\n", "logo.png"))
    page = open_page(BRING, file=kept(settings, *files))
    assert any("logo" in said.value and "Left out" in said.value for said in page.app.caption)
    assert texts(page) == ["a", "b"]


@pytest.mark.parametrize(("lang", "words"), [("en", "Choose a file"), ("zh_CN", "选择文件")])
def test_an_uploader_speaks_the_language_of_the_page(open_page: Open, lang: str, words: str) -> None:
    styles = "".join(element.proto.body for element in open_page("pages/data/bring.py", lang=lang).app.get("html"))
    assert f'content:"{words}"' in styles

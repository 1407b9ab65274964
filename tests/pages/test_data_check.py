"""The report, the split and the exports of a dataset, on the real pages and the real store."""

from __future__ import annotations

import csv
import io
import os
import time
from pathlib import Path

import pytest
from openpyxl import load_workbook
from pagedriver import HOSTILE, Open, Page

from core.dataset.examples import Draft, Kind, Split, dump
from core.errors import BadInput
from core.settings import Settings
from core.store import Dataset, Store
from core.tasks.handlers import HANDLERS
from core.tasks.work import Work
from core.tokens import count_body
from pages.parts import charts, exports
from pages.parts.report import Figures, money

CHECK, EXPORT = "pages/data/check.py", "pages/data/export.py"


def line(question: str, answer: str) -> str:
    return dump({"messages": [{"role": "user", "content": question}, {"role": "assistant", "content": answer}]})


def fill(store: Store, raws: list[str], name: str = "Mail") -> Dataset:
    dataset = store.create_dataset(name, Kind.CHAT)
    store.add_drafts(dataset.id, [Draft(raw, Kind.CHAT) for raw in raws])
    return store.finish_import(dataset.id)


@pytest.fixture
def dataset(store: Store) -> Dataset:
    return fill(store, [line(f"Question {n}", ("yes", "no", "perhaps")[n % 3]) for n in range(90)] + [line("", "yes")])


def tiles(page: Page) -> dict[str, str]:
    return {str(metric.label).split(" ", 1)[-1]: str(metric.value) for metric in page.app.metric}


def test_the_tiles_say_rows_issues_tokens_epochs_and_cost(open_page: Open, store: Store, dataset: Dataset) -> None:
    page = open_page(CHECK)
    tokens = sum(count_body(row.body, "o200k_base").tokens for row in store.examples(dataset.id))
    values = [str(metric.value) for metric in page.app.metric]
    assert values == ["91", "1", "0", f"{tokens:,}", "automatic", "free"]


def test_each_issue_leads_to_its_rows(open_page: Open, dataset: Dataset) -> None:
    page = open_page(CHECK)
    assert [box.label.split("**")[1] for box in page.app.expander if "**" in box.label] == ["1", "91"]
    assert {"Open", "Show all 91 rows"} <= set(page.links) and "Show all 1 rows" not in page.links
    link = next(e for e in page.app.get("page_link") if e.proto.label == "Show all 91 rows")
    assert "issue=" in link.proto.query_string and f"dataset={dataset.id}" in link.proto.query_string
    assert "Errors stand in the way" in "\n".join(str(warning.value) for warning in page.app.warning)


def reinforcement(store: Store) -> Dataset:
    dataset = store.create_dataset("Sums", Kind.REINFORCEMENT)
    said = [{"role": "system", "content": "An integer."}, {"role": "user", "content": "2 + 2?"}]
    raws = [dump({"messages": said, "answer": str(n)}) for n in range(60)]
    store.add_drafts(dataset.id, [Draft(raw, Kind.REINFORCEMENT) for raw in raws])
    return store.finish_import(dataset.id)


def test_warnings_are_those_of_the_model_that_is_planned_for(open_page: Open, store: Store) -> None:
    reinforcement(store)
    page = open_page(CHECK)
    assert tiles(page)["Warnings"] == "0" and not any("system" in box.label for box in page.app.expander)
    page = open_page(CHECK, model="azure/o4-mini-2025-04-16")
    assert tiles(page)["Warnings"] == "60" and any("system" in box.label for box in page.app.expander)


def test_rows_without_answers_have_no_chart_of_them(open_page: Open, store: Store) -> None:
    reinforcement(store)
    page = open_page(CHECK)
    assert page.says("These rows hold no answers") and not page.says("half have up to 0")


def test_what_stands_against_the_whole_is_counted_too(open_page: Open, store: Store) -> None:
    reinforcement(store)
    page = open_page(CHECK)
    assert tiles(page)["Errors"] == "1" and page.says("needs examples that are held out")
    assert "cannot be trained like this" in "\n".join(str(warning.value) for warning in page.app.warning)


def test_the_fewest_examples_are_those_that_train(open_page: Open, store: Store) -> None:
    dataset = fill(store, [line(f"Question {n}", f"Answer {n}") for n in range(12)])
    rows = [example.id for example in store.examples(dataset.id)]
    parts = {row: Split.TRAIN if place < 9 else Split.VALIDATION for place, row in enumerate(rows)}
    store.assign_splits(dataset.id, parts, "Ada")
    page = open_page(CHECK)
    assert page.says("There are 9 examples; training needs at least 10")


def test_a_few_rows_are_too_few(open_page: Open, store: Store) -> None:
    fill(store, [line("Hi", "Hello")] * 3)
    page = open_page(CHECK)
    assert page.says("3 ") and any("example" in str(text.value) for text in page.app.markdown)


def test_the_model_sets_limit_encoding_and_price(open_page: Open, store: Store, settings: Settings) -> None:
    dataset = fill(store, [line("word " * n, "yes") for n in range(1, 60)])
    page = open_page(CHECK, model="openai/gpt-4.1-2025-04-14")
    assert page.app.selectbox(key="check_model").value == "openai/gpt-4.1-2025-04-14"
    assert str(page.app.metric[-1].value).startswith("$")
    assert page.says("openai: gpt-4.1-2025-04-14")
    from core.tokens import Catalogue
    from pages.parts import resources

    rows = [{"provider": "mine", "model": "small", "training": 2, "context": 40, "encoding": "cl100k_base"}]
    store.preferences.set(resources.PRICES, rows)
    assert Catalogue.load(rows).price("small", "mine") is not None
    page = open_page(CHECK, model="mine/small")
    assert page.says("rows have more than 40 tokens") and page.says("limit 40")
    page.click("Count again")
    (task,) = store.tasks.active()
    begun = store.tasks.begin(task.id)
    assert begun is not None
    HANDLERS["recount"].steps[0](Work(store, settings, begun, lambda: None))
    store.tasks.finish(task.id, "succeeded")
    assert store.dataset(dataset.id).encoding == "cl100k_base"
    assert not page.run().says("This model counts tokens with")


def test_rows_are_split_with_a_seed_and_each_label_keeps_its_share(
    open_page: Open, store: Store, dataset: Dataset
) -> None:
    page = open_page(CHECK)
    page.app.selectbox(key="split_share").set_value(0.2)
    page.run().click("Split")
    counts = store.split_counts(dataset.id)
    assert counts == {Split.TRAIN: 73, Split.VALIDATION: 18}
    assert set(store.label_counts(dataset.id, Split.VALIDATION).values()) == {6}
    first = {row.id: row.split for row in store.examples(dataset.id)}
    page.click("Split again")
    assert {row.id: row.split for row in store.examples(dataset.id)} == first
    page.app.number_input(key="split_seed").set_value(5)
    page.run().click("Split again")
    assert {row.id: row.split for row in store.examples(dataset.id)} != first
    assert page.says("18") and store.can_undo(dataset.id)


def test_tokens_to_train_on_are_those_of_the_rows_that_train(open_page: Open, store: Store, dataset: Dataset) -> None:
    before = int(str(open_page(CHECK).app.metric[3].value).replace(",", ""))
    page = open_page(CHECK)
    page.app.segmented_control(key="split_by_share").set_value(False)
    page.run()
    page.app.number_input(key="split_rows").set_value(45)
    page.run().click("Split")
    assert store.split_counts(dataset.id)[Split.VALIDATION] == 45
    after = int(str(page.app.metric[3].value).replace(",", ""))
    assert 0.4 * before < after < 0.6 * before


def test_labels_and_rows_are_shown_as_text(open_page: Open, store: Store) -> None:
    fill(store, [line(HOSTILE, f"{HOSTILE[:30]}{n % 2}") for n in range(12)] + [line(HOSTILE, "")], HOSTILE)
    page = open_page(CHECK)
    assert page.unescaped(HOSTILE) == []


def test_a_label_beside_its_bar_is_short_and_no_html() -> None:
    assert charts.short("<b>&</b>") == "&lt;b&gt;&amp;&lt;/b&gt;"
    assert len(charts.short("x" * 100)) == 28 and charts.short("") == "–"


@pytest.mark.parametrize(("price", "said"), [(None, "not known"), ((0.0, 0.0), "free"), ((1.0, 1.0), "$1.00"),
                                             ((1.0, 2.5), "$1.00 – 2.50")])  # fmt: skip
def test_money_in_words(price: tuple[float, float] | None, said: str) -> None:
    from core.tokens import Money

    assert money(Money(*price, 1, 1) if price else None) == said


def test_each_row_is_billed_up_to_the_limit() -> None:
    found = Figures(3, {}, [10, 50, 200], [1, 1, 1], [10, 200], 100)
    assert (found.over, found.billable(), found.billable(20)) == (1, 110, 30)


# --- export ---


def choose(page: Page, kind: str) -> Page:
    page.app.segmented_control(key="export_kind").set_value(kind)
    return page.run()


def only_file(settings: Settings) -> Path:
    return max(settings.folder("exports").iterdir(), key=lambda path: path.stat().st_mtime_ns)


def test_json_lines_leave_byte_for_byte(open_page: Open, store: Store, settings: Settings) -> None:
    raws = ['{"messages": [{"role":"user","content":"é"},{"role":"assistant","content":"\\u00e9"}], "n": 1.50}',
            line("a", "b")]  # fmt: skip
    fill(store, raws)
    page = open_page(EXPORT)
    assert only_file(settings).read_bytes() == "".join(f"{raw}\n" for raw in raws).encode()
    assert page.says("2 rows") and page.says("bytes") and page.app.get("download_button")


def test_a_split_is_exported_alone_and_a_new_state_is_written_anew(
    open_page: Open, store: Store, settings: Settings, dataset: Dataset
) -> None:
    ids = [row.id for row in store.examples(dataset.id)]
    parts = {i: Split.VALIDATION if n < 10 else Split.TRAIN for n, i in enumerate(ids)}
    store.assign_splits(dataset.id, parts, "Ada")
    page = open_page(EXPORT)
    page.app.segmented_control(key="export_split").set_value("validation")
    page.run()
    assert only_file(settings).read_text().count("\n") == 10 and page.says("10 rows")
    store.undo(dataset.id, "Ada")
    open_page(EXPORT)
    assert only_file(settings).read_text().count("\n") == 91


def test_a_table_for_a_spreadsheet_brings_no_formula_to_life(open_page: Open, store: Store, settings: Settings) -> None:
    fill(store, [line("=1+1", "@x")] * 2)
    page = choose(open_page(EXPORT), "csv")
    table = list(csv.DictReader(io.StringIO(only_file(settings).read_text("utf-8-sig"))))
    assert (table[0]["user"], table[0]["assistant"]) == ("'=1+1", "'@x")
    page.app.checkbox(key="export_guard").uncheck()
    page.run()
    assert "=1+1,@x" in only_file(settings).read_text("utf-8-sig")
    choose(page, "xlsx")
    sheet = load_workbook(only_file(settings)).active
    assert sheet is not None and sheet["C2"].value == "=1+1" and sheet["C2"].data_type == "s"


def test_a_file_for_azure_may_begin_with_a_byte_order_mark(open_page: Open, store: Store, settings: Settings) -> None:
    fill(store, [line("在", "好")] * 2)
    page = open_page(EXPORT)
    assert not only_file(settings).read_bytes().startswith(b"\xef\xbb\xbf")
    page.app.checkbox(key="export_bom").check()
    page.run()
    assert only_file(settings).read_text("utf-8-sig") == f"{line('在', '好')}\n" * 2


def test_a_text_too_long_for_a_cell_is_said(open_page: Open, store: Store) -> None:
    fill(store, [line("x" * 40_000, "y")])
    page = choose(open_page(EXPORT), "xlsx")
    assert "Row 2, column user: 40000 characters do not fit" in page.errors


def test_old_exports_go_after_a_day(tmp_path: Path) -> None:
    old, new = tmp_path / "old.csv", tmp_path / "new.csv"
    old.write_text("x"), new.write_text("y")
    os.utime(old, (time.time() - 90_000,) * 2)
    exports.tidy(tmp_path)
    assert [path.name for path in tmp_path.iterdir()] == ["new.csv"]


@pytest.mark.parametrize(
    ("name", "expected"), [("a/b:c", "a b c-train.csv"), ("..", "dataset-train.csv"), ("数据", "数据-train.csv")]
)
def test_the_file_has_the_name_of_the_dataset(store: Store, name: str, expected: str) -> None:
    assert exports.file_name(store.create_dataset(name, Kind.CHAT), "csv", "train") == expected


def test_without_data_every_page_says_where_to_begin(open_page: Open) -> None:
    for path in (CHECK, EXPORT):
        assert open_page(path).says("No data here yet")


def test_a_split_that_cannot_be_is_said(store: Store, dataset: Dataset) -> None:
    from core.dataset import split

    with pytest.raises(BadInput):
        split.assign(store.row_labels(dataset.id), validation=91, seed=0)


def test_models_are_compared_by_what_they_cost(open_page: Open, store: Store) -> None:
    from core.dataset.examples import Kind

    dataset = fill(store, [line(f"word {n}", "yes") for n in range(60)])
    assert dataset.kind is Kind.CHAT
    page = open_page(CHECK)

    def table() -> dict[str, dict[str, object]]:
        frame = next(frame.value for frame in page.app.dataframe if "In all, first month" in frame.value)
        return {str(row["Model"]): row for row in frame.to_dict("records")}

    rows = table()
    first = next(iter(rows.values()))
    assert (first["Model"], first["Training"]) == ("This computer: local-classic-1", "free")
    azure, mini = rows["azure: gpt-4o-2024-08-06"], rows["openai: gpt-4o-mini-2024-07-18"]
    assert azure["In all, first month"] == "not known" and azure["Hosting a month"] == "$1,224.00"
    assert mini["Use a month"] == "$0.00" and mini["Takes these rows"] == "yes"
    bedrock, takes = rows["bedrock: qwen.qwen3-32b"], [str(row["Takes these rows"]) for row in rows.values()]
    assert bedrock["Takes these rows"] == "no" and "not trained with" in str(bedrock["Why it does not take them"])
    assert takes == sorted(takes, reverse=True), "those that take these rows come first"
    page.app.number_input(key="costs_asks").set_value(1000)
    page.run()
    assert table()["openai: gpt-4o-mini-2024-07-18"]["Use a month"] != "$0.00"
    assert not page.errors


def test_what_the_chosen_model_does_not_take_is_said(open_page: Open, store: Store) -> None:
    fill(store, [line(f"word {n}", "yes") for n in range(60)])
    page = open_page(CHECK, model="bedrock/qwen.qwen3-32b")
    assert page.says("is not trained with examples of the format") and page.says("cannot be trained like this")
    page = open_page(CHECK, model="openai/gpt-4o-2024-08-06")
    assert not page.says("cannot be trained like this")


def test_the_spread_of_many_rows_is_counted_before_it_goes_to_the_browser() -> None:
    bars = charts.spread([*range(1_000)] * 50 + [-1], "Tokens").data[0]
    assert len(bars.x) == charts.BINS and sum(bars.y) == 50_000 and bars.customdata[0] == "0–24"
    few = charts.spread([2, 3, 3], "Tokens").data[0]
    assert list(zip(few.x, few.y, few.customdata, strict=True)) == [(2, 1, "2"), (3, 2, "3")]


def test_repeats_and_slips_of_labels_are_counted_among_the_warnings_and_told(open_page: Open, store: Store) -> None:
    rows = [line(f"Where is parcel {n}?", "物流" if n % 2 else "退款") for n in range(60)]
    fill(store, [*rows, rows[0], line("Where is it?", "物流。")])
    page = open_page(CHECK)
    assert tiles(page)["Warnings"] == "2"
    assert page.says("“物流。” is probably “物流”") and page.says("Rows that repeat another row exactly.")
    assert tiles(page)["Epochs"] == "automatic"  # the classifier of this computer chooses them itself

"""Compare and ask: both models on rows that neither has seen, and on anything a person wants to know."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterator
from contextlib import contextmanager

import pytest
from pagedriver import HOSTILE, Open, Page, Workshop, forget

from core.dataset.examples import Draft, Kind, Split, dump
from core.errors import AppError
from core.evaluation import Answer, Evaluation, EvaluationDraft, ModelRef, start
from core.settings import Settings
from core.store import Store
from pages.parts import answers
from tests.waiting import wait_for

COMPARE, ASK = "pages/evaluate/compare.py", "pages/evaluate/ask.py"


def table(page: Page) -> str:
    """The HTML of the answers."""
    return "".join(element.proto.body for element in page.app.get("html"))


def metrics(page: Page) -> list[tuple[str, str]]:
    return [(metric.label, metric.value) for metric in page.app.metric]


@pytest.fixture
def hostile(store: Store, settings: Settings) -> Evaluation:
    """A finished comparison in which every text is foreign and means no good."""
    dataset = store.create_dataset(HOSTILE, Kind.CHAT)
    store.add_drafts(
        dataset.id,
        [
            Draft(dump({"messages": [{"role": "user", "content": f"{HOSTILE} {n}"},
                                     {"role": "assistant", "content": f"<b>{HOSTILE}</b> {n % 2}"}]}),
                  Kind.CHAT, split=Split.VALIDATION)
            for n in range(30)
        ],
    )  # fmt: skip
    store.finish_import(dataset.id)
    version = store.freeze(dataset.id)
    models = (ModelRef("local", HOSTILE, HOSTILE), ModelRef("local", "tuned", "Fine-tuned model"))
    run = start(store, settings, EvaluationDraft(HOSTILE, version.id, models, limit=30), "Ada")
    said = [Answer(n, 0, f"<img src=x onerror=alert(1)> {HOSTILE}", False, None, 0.1) for n in range(29)]
    said += [Answer(n, 1, f"<b>{HOSTILE}</b> {n % 2}", True, None, 0.1) for n in range(30)]
    said.append(Answer(29, 0, "", None, AppError(HOSTILE, ""), 0.1))
    store.evaluations.save(run.id, said)
    store.evaluations.finish(run.id)
    return store.evaluations.get(run.id)


@contextmanager
def resources_of(settings: Settings, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """The parts of the pages work on this home, outside of any page."""
    monkeypatch.setenv("LUOPAN_HOME", str(settings.home))
    forget()
    yield
    forget()


@pytest.mark.parametrize("path", [COMPARE, ASK])
def test_without_a_trained_model_both_pages_teach(open_page: Open, path: str) -> None:
    page = open_page(path)
    assert page.says("No trained model yet") and "**Train one first**" in page.links


def test_a_comparison_is_started_runs_and_shows_scores(open_workshop: Open, workshop: Workshop) -> None:
    page = open_workshop(COMPARE, evaluation="0", job=str(workshop.job.id))
    assert page.says("Both models answer the 40 rows that were held out from training.")
    before = {run.id for run in workshop.store.evaluations.all()}
    page.click("Compare them")
    (new,) = {run.id for run in workshop.store.evaluations.all()} - before
    wait_for(lambda: workshop.store.evaluations.get(new).finished_at)
    wait_for(lambda: not any(task.kind == "evaluate" for task in workshop.store.tasks.active()))
    page.run()
    assert page.app.query_params["evaluation"] in (str(new), [str(new)]) and not page.errors
    labels = [label for label, _value in metrics(page)]
    assert labels == ["Accuracy", "Macro F1", "Time for an answer"] * 2
    base, tuned = (float(value.rstrip("%")) for label, value in metrics(page) if label == "Accuracy")
    assert tuned > base, "it has learnt something"
    assert len(page.app.get("plotly_chart")) == 1 and page.says("40 rows compared.")


def test_a_number_of_rows_typed_just_before_the_click_counts(open_workshop: Open, workshop: Workshop) -> None:
    page = open_workshop(COMPARE, evaluation="0", job=str(workshop.job.id))
    page.app.number_input[0].set_value(5)
    page.click("Compare them")
    assert workshop.store.evaluations.all()[0].rows == 5
    wait_for(lambda: workshop.store.evaluations.all()[0].finished_at)


def test_the_answers_can_be_filtered_searched_and_paged(open_workshop: Open, workshop: Workshop) -> None:
    page = open_workshop(COMPARE, evaluation=str(workshop.comparison.id))
    assert table(page).count("<tr>") == 21 and page.says("20 rows")
    page.app.button_group(key="answers_only").set_value("failed")
    page.run()
    assert page.says("No row fits.") and not table(page)
    page.app.button_group(key="answers_only").set_value("different")
    page.app.text_input(key="answers_text").set_value("surely nobody wrote this")
    assert page.run().says("No row fits.")
    page.app.button_group(key="answers_only").set_value("fixed")
    page.app.text_input(key="answers_text").set_value("")
    assert 1 < table(page.run()).count("<tr>") <= 21


def test_pages_of_answers_follow_each_other(open_page: Open, hostile: Evaluation) -> None:
    page = open_page(COMPARE, evaluation=str(hostile.id))
    assert table(page).count("<tr>") == 26
    page.app.session_state["answers_page"] = 2
    assert table(page.run()).count("<tr>") == 6
    page.app.session_state["answers_page"] = 9
    assert table(page.run()).count("<tr>") in (6, 26) and not page.errors, "a page that is not there is another one"


def test_a_comparison_that_was_stopped_can_go_on(open_workshop: Open, workshop: Workshop) -> None:
    store = workshop.store
    draft = EvaluationDraft("Half", workshop.comparison.version_id, workshop.comparison.models, limit=10)
    half = start(store, workshop.settings, draft, "Ada")
    page = open_workshop(COMPARE, evaluation=str(half.id))
    assert page.says("stopped before the end")
    page.click("Go on")
    wait_for(lambda: store.evaluations.get(half.id).finished_at)
    wait_for(lambda: not any(task.kind == "evaluate" for task in store.tasks.active()))
    assert page.run().says("10 rows compared.") and not page.errors


def test_foreign_texts_in_a_comparison_are_shown_as_text(open_page: Open, hostile: Evaluation) -> None:
    page = open_page(COMPARE, evaluation=str(hostile.id))
    html = table(page)
    assert "&lt;script&gt;alert(1)&lt;/script&gt;" in html and "&lt;img src=x onerror" in html
    assert "<script" not in html and "<img" not in html and "<b>!" not in html
    assert not page.unescaped(HOSTILE) and not page.errors
    assert all("<b>" not in chart.proto.spec and "<script" not in chart.proto.spec
               for chart in page.app.get("plotly_chart"))  # fmt: skip


def test_the_download_holds_every_answer(
    hostile: Evaluation, settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    with resources_of(settings, monkeypatch):
        rows = list(csv.reader(io.StringIO(answers.as_csv(hostile).decode("utf-8-sig"))))
    assert rows[0] == ["row", "question", "expected", HOSTILE, "tuned"]
    assert len(rows) == 31 and rows[1][2] == f"<b>{HOSTILE}</b> 0" and rows[30][3] == ""


def test_both_models_answer_a_free_question(open_workshop: Open, workshop: Workshop) -> None:
    page = open_workshop(ASK, job=str(workshop.job.id))
    asked = page.app.text_area[-1]
    assert "Message:" in str(asked.value), "it begins with a row that was held out"
    page.click("Ask both")
    assert not page.errors and page.says("Base model") and page.says("Fine-tuned model")
    assert len(page.app.code) == 2 and all(code.value.strip() for code in page.app.code)
    assert page.says("answered in")


def test_an_answer_that_means_no_good_is_shown_as_text(open_workshop: Open, workshop: Workshop) -> None:
    page = open_workshop(ASK, job=str(workshop.job.id))
    page.app.text_area[-1].set_value(HOSTILE)
    page.click("Ask both")
    assert not page.unescaped(HOSTILE) and not page.errors


def test_a_model_that_cannot_be_asked_says_why(open_workshop: Open, workshop: Workshop) -> None:
    lost = workshop.store.jobs.update(workshop.train("Lost").id, fine_tuned_model="ft:local-classic-1:local::gone")
    page = open_workshop(ASK, job=str(lost.id))
    page.click("Ask both")
    assert len(page.app.code) == 1 and page.errors
    workshop.store.jobs.delete(lost.id)


def test_free_texts_are_compared_by_likeness_and_have_no_labels(
    open_page: Open, store: Store, settings: Settings
) -> None:
    dataset = store.create_dataset("Opening hours", Kind.CHAT)
    bodies = [
        {"messages": [{"role": "user", "content": f"When is hall {n} open?"},
                      {"role": "assistant", "content": f"Hall {n} is open from eight to {n + 9}."}]}
        for n in range(8)
    ]  # fmt: skip
    store.add_drafts(dataset.id, [Draft(dump(body), Kind.CHAT, split=Split.VALIDATION) for body in bodies])
    store.finish_import(dataset.id)
    models = (ModelRef("local", "base", "Base model"), ModelRef("local", "tuned", "Fine-tuned model"))
    run = start(store, settings, EvaluationDraft("Hours", store.freeze(dataset.id).id, models), "Ada")
    texts = ("No idea.", "Hall 1 is open from eight to ten.")
    said = [Answer(n, place, text, False, None, 0.1) for place, text in enumerate(texts) for n in range(8)]
    store.evaluations.save(run.id, said)
    store.evaluations.finish(run.id)
    page = open_page(COMPARE, evaluation=str(run.id))
    assert page.says("Fine-tuned model is nearer to the expected answer in 8 of 8 rows; Base model in 0.")
    assert not page.says("true accuracy")
    assert [tab.label for tab in page.app.tabs] == []
    assert page.says("Answers side by side")

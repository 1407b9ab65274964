"""New training: what is ready and what is not, and one click that sends one job."""

from __future__ import annotations

from pagedriver import HOSTILE, Open, Workshop

from core.dataset.examples import Draft, Kind, dump
from core.jobs import LaunchState
from core.provider import Connection
from core.store import Store
from pages.parts import choices
from tests.waiting import wait_for

LAUNCH = "pages/train/launch.py"


def rows(store: Store, name: str, count: int) -> int:
    """A dataset of `count` questions in two classes."""
    dataset = store.create_dataset(name, Kind.CHAT)
    drafts = [
        Draft(dump({"messages": [{"role": "user", "content": f"q{n}"}, {"role": "assistant", "content": f"a{n % 2}"}]}),
              Kind.CHAT)
        for n in range(count)
    ]  # fmt: skip
    store.add_drafts(dataset.id, drafts)
    store.finish_import(dataset.id)
    return dataset.id


def test_without_data_the_page_teaches_where_they_come_from(open_page: Open) -> None:
    page = open_page(LAUNCH)
    assert page.says("No data here yet") and "**Bring data or try a sample**" in page.links


def test_without_a_provider_it_is_not_ready_and_says_why(open_page: Open, store: Store) -> None:
    rows(store, "Small", 12)
    page = open_page(LAUNCH)
    assert page.says("Not ready yet") and page.says("The local provider is not running")
    assert next(button for button in page.app.button if button.label == "Start training").disabled


def test_too_few_rows_are_named(open_workshop: Open, workshop: Workshop) -> None:
    number = rows(workshop.store, "Tiny", 4)
    page = open_workshop(LAUNCH, dataset=str(number))
    assert page.says("Not ready yet") and page.says("There are 4 rows to train with; 10 are needed.")
    assert page.says("Nothing is held out") and "Split the data first" in page.links
    workshop.store.delete_dataset(number)


def test_one_click_writes_one_job_down_and_shows_it(open_workshop: Open, workshop: Workshop) -> None:
    before = {job.id for job in workshop.store.jobs.list()}
    page = open_workshop(LAUNCH, dataset=str(workshop.dataset.id))
    assert page.says("Ready to train") and not page.errors
    page.app.text_input[0].set_value("From the page")
    page.click("Start training")
    assert page.title == "Trainings"
    (new,) = {job.id for job in workshop.store.jobs.list()} - before
    job = workshop.settled(new)
    assert (job.name, job.state, job.is_usable) == ("From the page", LaunchState.LAUNCHED, True)
    assert page.app.query_params["job"] in (str(new), [str(new)])


def test_what_was_chosen_just_before_the_click_counts(open_workshop: Open, workshop: Workshop) -> None:
    before = {job.id for job in workshop.store.jobs.list()}
    workshop.store.jobs.save_connection(Connection("silent", "Silent", "http://127.0.0.1:9/v1"))
    page = open_workshop(LAUNCH, dataset=str(workshop.dataset.id))
    page.app.selectbox(key="launch_connection").set_value("silent")
    page.click("Start training")
    assert page.title == "New training" and page.says("Not ready yet")
    assert {job.id for job in workshop.store.jobs.list()} == before, "nothing was sent"

    workshop.store.jobs.delete_connection("silent")
    page.run()
    assert page.app.selectbox(key="launch_connection").value == "local", "one that is gone gives way to the local one"
    assert page.says("Ready to train") and not page.errors


def test_names_from_outside_are_shown_as_text(open_workshop: Open, workshop: Workshop) -> None:
    number = rows(workshop.store, HOSTILE * 3, 12)
    page = open_workshop(LAUNCH, dataset=str(number))
    assert not page.errors and not page.unescaped(HOSTILE)
    workshop.store.delete_dataset(number)


def test_the_job_that_was_written_down_is_launched_by_the_worker(open_workshop: Open, workshop: Workshop) -> None:
    wait_for(lambda: all(job.state == LaunchState.LAUNCHED for job in workshop.store.jobs.list()))


def test_answers_that_are_judged_need_a_grader_which_the_page_makes(open_workshop: Open, workshop: Workshop) -> None:
    store = workshop.store
    dataset = store.create_dataset("Sums", Kind.REINFORCEMENT)
    turns = [{"messages": [{"role": "user", "content": f"{n} + {n}?"}], "sum": str(n % 4)} for n in range(12)]
    store.add_drafts(dataset.id, [Draft(dump(turn), Kind.REINFORCEMENT) for turn in turns])
    store.finish_import(dataset.id)
    page = open_workshop(LAUNCH, dataset=str(dataset.id))
    assert page.says("The grader finds what it reads in every row.") and not page.errors
    assert not page.says("is not trained with examples")
    judge = next(box for box in page.app.selectbox if box.label == "An answer is good when it is")
    judge.set_value("own").run()
    assert page.says("These examples need a grader")
    next(area for area in page.app.text_area if area.label == "Grader").set_value('{"type": "string_check"').run()
    assert page.says("This is no JSON yet")
    own = '{"type": "python", "name": "mine", "source": "def grade(sample, item): return 1.0"}'
    next(area for area in page.app.text_area if area.label == "Grader").set_value(own).run()
    assert page.says("this grader names none") and page.says("Compare its answer with a field of the row")
    assert page.says("Not ready yet")
    store.delete_dataset(dataset.id)


def test_a_tuned_model_is_trained_as_its_parent_and_what_is_only_asked_is_not() -> None:
    listed = [
        {"id": "writes", "methods": ["supervised"]}, {"id": "vectors", "methods": []},
        {"id": "ft:writes:x", "parent": "writes"}, {"id": "served elsewhere"},
    ]  # fmt: skip
    here = {"writes": ["supervised"], "vectors": [], "ft:writes:x": ["supervised"], "served elsewhere": []}
    assert choices.methods_of(listed, is_local=True) == here
    assert choices.methods_of(listed, is_local=False)["served elsewhere"] is None


def test_the_models_that_learn_from_judged_answers_are_offered(open_workshop: Open, workshop: Workshop) -> None:
    dataset = workshop.store.create_dataset("Judged", Kind.REINFORCEMENT)
    body = dump({"messages": [{"role": "user", "content": "2 + 2?"}], "sum": "4"})
    workshop.store.add_drafts(dataset.id, [Draft(body, Kind.REINFORCEMENT)])
    workshop.store.finish_import(dataset.id)
    page = open_workshop(LAUNCH, dataset=str(dataset.id))
    model = next(box for box in page.app.selectbox if box.label == "Model to start from")
    assert model.value == "local-classic-1" and not page.errors
    assert workshop.job.fine_tuned_model in model.options and not any("ckpt" in name for name in model.options)
    workshop.store.delete_dataset(dataset.id)


def test_the_check_page_says_that_judged_rows_hold_no_answers(open_page: Open, store: Store) -> None:
    dataset = store.create_dataset("Judged", Kind.REINFORCEMENT)
    body = dump({"messages": [{"role": "user", "content": "2 + 2?"}], "sum": "4"})
    store.add_drafts(dataset.id, [Draft(body, Kind.REINFORCEMENT)])
    store.finish_import(dataset.id)
    page = open_page("pages/data/check.py", dataset=str(dataset.id))
    assert page.says("a training says how they are judged") and not page.errors


def test_free_texts_are_not_said_to_be_written_by_the_classifier(open_page: Open, store: Store) -> None:
    labelled = rows(store, "Classes", 12)
    dataset = store.create_dataset("Texts", Kind.CHAT)
    told = [("user", "q{n}"), ("assistant", "That is answer {n}, in full.")]
    bodies = [{"messages": [{"role": r, "content": text.format(n=n)} for r, text in told]} for n in range(12)]
    store.add_drafts(dataset.id, [Draft(dump(body), Kind.CHAT) for body in bodies])
    store.finish_import(dataset.id)
    page = open_page(LAUNCH, dataset=str(dataset.id))
    page.app.selectbox(key="launch_model_local").set_value("local-classic-1")
    assert page.run().says("local-classic-1 writes nothing of its own")
    page = open_page(LAUNCH, dataset=str(labelled))
    page.app.selectbox(key="launch_model_local").set_value("local-classic-1")
    assert not page.run().says("writes nothing of its own")

"""Trainings: where each stands, its curves, what can be decided about it, what the provider said."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import pytest
from pagedriver import HOSTILE, Open, Page, Workshop

from core import jobs, tasks
from core.dataset.examples import Kind
from core.jobs import Event, Job, JobDraft, LaunchState, Metric
from core.provider import Status
from core.settings import Settings
from core.store import Store
from core.words import T
from tests.waiting import wait_for

JOBS = "pages/train/jobs.py"


def written(store: Store, name: str = "A training", state: LaunchState | None = None, **values: Any) -> Job:
    """A job as the store holds it, moved to a state."""
    row = {"token": name, "name": name, "connection_id": "local", "model": "local-classic-1", "params": {}}
    job, _new = store.jobs.add(name, {**row, "who": "Ada", "seed": 1, "idempotency_key": name})
    if state is not None:
        store.jobs.move(job.id, [LaunchState.INTENT], state)
    return store.jobs.update(job.id, **values) if values else store.jobs.get(job.id)


def labels(page: Page) -> list[str]:
    return [button.label for button in page.app.button]


def test_without_trainings_the_page_says_how_to_get_one(open_page: Open) -> None:
    page = open_page(JOBS)
    assert page.says("No training yet") and "**Start a training**" in page.links


def test_a_finished_training_shows_curves_checkpoints_and_events(open_workshop: Open, workshop: Workshop) -> None:
    page = open_workshop(JOBS, job=str(workshop.job.id))
    assert page.says("The first") and page.says("Finished") and not page.errors
    charts = page.app.get("plotly_chart")
    assert len(charts) == 2, "loss and accuracy"
    assert page.says("Loss: how far off the model is") and page.says("Accuracy on the tokens of the answer")
    assert all("Train" in chart.proto.spec and "Validation" in chart.proto.spec for chart in charts)
    tables = [table.value for table in page.app.dataframe]
    assert len(tables) == 2 and len(tables[0]) >= 1, "checkpoints, then events"
    assert tables[1]["Message"].str.contains("succe", case=False).any()
    assert page.says(workshop.job.fine_tuned_model) and "**Compare it with the base model**" in page.links


def test_a_running_training_can_be_stopped(open_workshop: Open, workshop: Workshop) -> None:
    version = workshop.store.freeze(workshop.dataset.id)
    draft = JobDraft("local", version.id, "local-classic-1", "To be stopped", epochs=50, draft_id="stop")
    job = jobs.launch(workshop.store, workshop.settings, draft, "Ada")
    tasks.enqueue(workshop.store, workshop.settings, "launch", job.id)
    wait_for(lambda: workshop.store.jobs.get(job.id).state == LaunchState.LAUNCHED)
    page = open_workshop(JOBS, job=str(job.id))
    if "Stop it for good" in labels(page):  # it may have been faster than this test
        page.click("Stop it for good")
        assert workshop.settled(job.id).status in (Status.CANCELLED, Status.SUCCEEDED)
        assert not page.errors
    assert workshop.settled(job.id).status is not None


@pytest.mark.parametrize(
    ("state", "error", "offered", "refused"),
    [
        (LaunchState.REFUSED, "The file is not accepted.", "Send it again", "Look again"),
        (LaunchState.ASK, "Nobody knows whether it arrived.", "Launch again (may cost twice)", "Send it again"),
        (LaunchState.WITHDRAWN, "", "", "Send it again"),
        (None, "No connection came about.", "Send it again", "Look again"),
        (None, "", "Give it up", "Send it again"),
        (LaunchState.UNKNOWN, "", "", "Give it up"),
    ],
)
def test_a_person_is_offered_what_can_be_decided(
    open_page: Open, store: Store, state: LaunchState | None, error: str, offered: str, refused: str
) -> None:
    written(store, state=state, error=error)
    page = open_page(JOBS)
    assert error in page.errors and refused not in labels(page)
    assert not offered or offered in labels(page)


def test_sending_again_and_giving_up_do_what_they_say(open_page: Open, store: Store) -> None:
    job = written(store, state=LaunchState.REFUSED, error="Refused.")
    page = open_page(JOBS).click("Send it again")
    assert store.jobs.get(job.id).state == LaunchState.INTENT and not page.errors
    assert [(task.kind, task.subject) for task in store.tasks.active()] == [("launch", str(job.id))]
    page.click("Give it up")
    assert store.jobs.get(job.id).state == LaunchState.WITHDRAWN


def test_a_decision_that_cannot_be_carried_out_says_why(open_page: Open, store: Store) -> None:
    written(store, state=LaunchState.ASK, connection_id="removed")
    page = open_page(JOBS).click("Look again")
    assert "There is no connection removed." in page.errors and page.app.toast, "below the title, and in a note"


def test_a_training_that_runs_twice_is_said_with_a_way_to_stop_the_others(open_page: Open, store: Store) -> None:
    written(store, state=LaunchState.LAUNCHED, status=Status.RUNNING, duplicates=["ftjob-2"])
    page = open_page(JOBS)
    assert page.says("runs this training 2 times") and "Stop the others" in labels(page)


def test_progress_shows_step_and_time_left(open_page: Open, store: Store) -> None:
    written(store, state=LaunchState.LAUNCHED, status=Status.RUNNING, step=30, total_steps=120)
    page = open_page(JOBS)
    (bar,) = page.app.get("progress")
    assert bar.proto.value == 25 and "step 30 of 120" in bar.proto.text.replace("\\", "")


def test_what_comes_from_outside_is_shown_as_text(open_page: Open, store: Store) -> None:
    job = written(store, HOSTILE, LaunchState.LAUNCHED, status=Status.FAILED, error=HOSTILE, collected=True)
    store.jobs.add_metrics(job.id, [Metric(step, HOSTILE, 1.0) for step in range(3)])
    store.jobs.add_events(job.id, [Event("e1", datetime.now(UTC), "info", "message", HOSTILE)])
    other = written(store, "other " + HOSTILE, LaunchState.LAUNCHED, status=Status.UNKNOWN, raw_status=HOSTILE[:150])
    for number in (job.id, other.id):
        page = open_page(JOBS, job=str(number))
        assert page.says("evil.test") and not page.unescaped(HOSTILE) and not page.unescaped(HOSTILE[:60])
        assert all("<script>" not in chart.proto.spec for chart in page.app.get("plotly_chart"))


def test_a_training_of_another_number_opens_from_the_list(open_page: Open, store: Store) -> None:
    first, second = written(store, "One"), written(store, "Two")
    page = open_page(JOBS)
    assert page.says("#2 · Two") and page.app.query_params["job"] in (str(second.id), [str(second.id)])
    page.app.selectbox[0].set_value(first.id)
    page.run().run()
    assert page.app.query_params["job"] in (str(first.id), [str(first.id)])
    assert replace(first) == store.jobs.get(first.id)


def charted(open_page: Open, store: Store, names: dict[str, list[float]]) -> Page:
    """The page of a training that told these figures, step by step."""
    job = written(store, "Figures", LaunchState.LAUNCHED, status=Status.SUCCEEDED)
    store.jobs.add_metrics(
        job.id,
        [Metric(step, name, value, None, "event") for name, all in names.items() for step, value in enumerate(all)],
    )
    return open_page(JOBS, job=str(job.id))


def test_a_reinforcement_training_shows_its_reward_first(open_page: Open, store: Store) -> None:
    rising, zero = [0.2, 0.3, 0.4, 0.9], [0.0] * 4
    page = charted(
        open_page, store,
        {"train_reward_mean": rising, "valid_reward_mean": rising, "train_loss": [-1.0] * 4, "train_kl": rising,
         "train_reasoning_tokens_mean": zero, "full_valid_exact_match": rising},
    )  # fmt: skip
    assert not page.errors and page.says("Reward (higher is better)") and page.says("Reward rose from")
    first, *others = page.app.get("plotly_chart")
    assert "Validation" in first.proto.spec and len(others) == 3, "loss, distance, matches; no thinking is no number"
    assert page.says("Distance from the model it began with") and not page.says("Loss: how far off")


def test_a_training_from_preferences_shows_which_answer_wins(open_page: Open, store: Store) -> None:
    some = [0.5, 0.6, 0.7]
    names = [
        f"{part}_{what}" for part in ("train", "valid") for what in ("loss", "rewards/accuracies", "rewards/margins")
    ]
    page = charted(open_page, store, dict.fromkeys(names, some))
    assert not page.errors and page.says("How often the better answer leads")
    assert page.says("Lead of the better answer")
    assert len(page.app.get("plotly_chart")) == 3


def test_what_the_local_provider_said_is_read_in_chinese(open_page: Open, store: Store) -> None:
    job = written(store, state=LaunchState.LAUNCHED, status=Status.RUNNING)
    made = T("Going on from step {step} of {total}.", step=3, total=9).as_json()
    figures = {"step": 4, "total_steps": 9, "train_loss": 0.25}
    store.jobs.add_events(
        job.id,
        [
            Event("e1", datetime.now(UTC), "info", "message", "Going on from step 3 of 9.", made),
            Event("e2", datetime.now(UTC), "info", "metrics", "Step 4/9: training loss=0.25", figures),
            Event("e3", datetime.now(UTC), "warn", "message", "Words of somebody else."),
        ],
    )
    page = open_page(JOBS, lang="zh_CN", job=str(job.id))
    (table,) = page.app.dataframe
    told = list(table.value.iloc[:, 2])
    assert told[0] == "Words of somebody else." and "Going on" not in told[2] and "3" in told[2], told
    page = open_page(JOBS, job=str(job.id))
    (table,) = page.app.dataframe
    assert list(table.value["Message"])[1:] == ["Step 4 of 9: Training loss 0.25", "Going on from step 3 of 9."]
    assert list(table.value["Level"]) == ["warning", "info", "info"]


def test_a_curve_is_judged_only_once_it_has_ended(open_page: Open, store: Store) -> None:
    job = written(store, state=LaunchState.LAUNCHED, status=Status.PAUSED, step=4, total_steps=9)
    store.jobs.add_metrics(job.id, [Metric(n, "train_loss", 1.0 - n / 10) for n in range(5)])
    page = open_page(JOBS)
    assert not page.says("Training loss fell") and page.says("it goes on when you say so") and not page.errors
    store.jobs.update(job.id, status=Status.CANCELLED)
    assert open_page(JOBS).says("Training loss fell")


def test_before_the_first_figure_the_newest_word_of_the_provider_is_shown(open_page: Open, store: Store) -> None:
    job = written(store, state=LaunchState.LAUNCHED, status=Status.RUNNING)
    moments = [datetime.now(UTC), datetime.now(UTC)]
    words = ("The first word.", "Getting ready.")
    store.jobs.add_events(job.id, [Event(w, at, "info", "message", w) for w, at in zip(words, moments, strict=True)])
    page = open_page(JOBS)
    assert "Getting ready." in [caption.value.replace("\\", "") for caption in page.app.caption]


def test_to_stop_for_good_is_asked_twice_and_pausing_is_told(open_page: Open, store: Store) -> None:
    written(store, state=LaunchState.LAUNCHED, status=Status.RUNNING)
    page = open_page(JOBS)
    assert page.says("A training that was stopped cannot go on") and page.says("pause it instead")
    assert "Stop it for good" in labels(page) and "Stop the training" not in labels(page)


def test_a_model_that_was_deleted_is_offered_no_more(open_page: Open, store: Store) -> None:
    done = {"status": Status.SUCCEEDED, "fine_tuned_model": "ft:x", "collected": True}
    job = written(store, state=LaunchState.LAUNCHED, **done)
    page = open_page(JOBS)
    assert "Delete it for good" in labels(page) and "**Compare it with the base model**" in page.links
    store.jobs.update(job.id, params={"model_deleted": True})
    page = open_page(JOBS)
    assert page.says("deleted") and "**Compare it with the base model**" not in page.links
    assert "Start another training" in page.links and "Delete it for good" not in labels(page)


@pytest.mark.parametrize(
    ("state", "values"),
    [
        (LaunchState.LAUNCHED, {"status": Status.SUCCEEDED, "collected": True, "fine_tuned_model": "ft:m"}),
        (LaunchState.LAUNCHED, {"status": Status.FAILED, "collected": True}),
        (LaunchState.LAUNCHED, {"status": Status.CANCELLED, "collected": True}),
        (LaunchState.REFUSED, {"error": "Refused."}),
        (LaunchState.WITHDRAWN, {}),
    ],
)
def test_a_training_that_is_over_can_be_taken_off_the_list_and_put_back(
    open_page: Open, store: Store, state: LaunchState, values: dict[str, Any]
) -> None:
    kept, job = written(store, "The one that stays"), written(store, "The one that goes", state, **values)
    page = open_page(JOBS)
    assert page.says("The one that goes") and page.says("Nothing is deleted")
    page.click("Remove it")
    assert page.says("The one that stays") and not page.says("The one that goes ·") and not page.errors
    assert page.app.query_params["job"] in (str(kept.id), [str(kept.id)])
    (switch,) = page.app.toggle
    assert switch.label == "Show removed (1)"
    switch.set_value(True)
    page.run()
    (chooser,) = page.app.selectbox
    assert any("The one that goes" in name and name.endswith("off the list") for name in chooser.options)
    chooser.set_value(job.id)
    page.run().click("Put it back on the list")
    assert not page.app.toggle and "Remove it" in labels(page) and not store.jobs.get(job.id).is_removed


def test_a_removed_training_is_closed_when_removed_ones_are_hidden_again(
    open_page: Open, store: Store, settings: Settings
) -> None:
    job = written(store, "Old", LaunchState.WITHDRAWN)
    jobs.remove(store, settings, job.id)
    page = open_page(JOBS)
    assert page.says("No training on the list") and not page.says("No training yet")
    page.app.toggle[0].set_value(True)
    page.run()
    assert page.says("Old · Withdrawn")
    page.app.toggle[0].set_value(False)
    assert page.run().says("No training on the list") and "job" not in page.app.query_params


def test_a_link_to_a_removed_training_opens_it(open_page: Open, store: Store, settings: Settings) -> None:
    written(store, "New")
    job = written(store, "Old", LaunchState.WITHDRAWN)
    jobs.remove(store, settings, job.id)
    assert open_page(JOBS, job=str(job.id)).says("Old · Withdrawn")


def test_a_training_that_is_not_over_says_why_it_stays(open_page: Open, store: Store) -> None:
    written(store, state=LaunchState.LAUNCHED, status=Status.RUNNING)
    page = open_page(JOBS)
    (popover,) = [block for block in page.app.get("popover") if block.proto.popover.label == "Remove from the list"]
    assert popover.proto.popover.disabled and "stop it or give it up first" in popover.proto.popover.help


def test_home_does_not_show_what_was_taken_off_the_list(open_page: Open, store: Store, settings: Settings) -> None:
    written(store, "New")
    jobs.remove(store, settings, written(store, "Old", LaunchState.WITHDRAWN).id)
    store.finish_import(store.create_dataset("D", Kind.CHAT).id)
    page = open_page("pages/start/home.py")
    assert page.says("New · Ready to send") and not page.says("Old ·")


def test_a_training_whose_connection_is_gone_is_shown_and_can_be_removed(open_page: Open, store: Store) -> None:
    done = {"status": Status.SUCCEEDED, "collected": True, "fine_tuned_model": "ft:m"}
    for values in ({"status": Status.RUNNING}, done):
        job = written(store, str(values["status"]), LaunchState.LAUNCHED, connection_id="gone", **values)
        page = open_page(JOBS, job=str(job.id))
        assert not page.errors and page.says("Model to start from")
        page.click("Remove it")
        assert store.jobs.get(job.id).is_removed

"""A launch never doubles, whatever goes wrong on the way."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from faultyprovider import FaultyProvider
from hypothesis import HealthCheck, given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st

from core.dataset.examples import Draft, Kind, Split
from core.errors import AppError, BadInput
from core.jobs import (
    JobDraft,
    LaunchState,
    cancel,
    cancel_duplicates,
    check_again,
    launch,
    launch_again,
    launch_file,
    poll,
    readiness,
    recover,
    run_launch,
    sweep,
    withdraw,
)
from core.jobs.absorb import now
from core.jobs.values import Job
from core.provider.connection import ProviderKind
from core.settings import Settings
from core.store import Store

LOST = ["reset", "cut", "500", "503", "408", "409", "429", "moved", "found", "html", "empty", "no_id", "broken", "huge"]
REFUSED = ["400", "401", "402", "403", "404", "405", "413", "422", "501"]


def no_sleep(_seconds: float) -> None:
    """Time passes."""


def go(store: Store, settings: Settings, job: Job) -> Job:
    return run_launch(store, settings, job.id, sleep=no_sleep, look_ups=(0.0, 1.0))


@pytest.fixture
def written(store: Store, keyed: Settings, draft: JobDraft, train: Path) -> Job:
    """A launch that is written down and not sent."""
    return launch_file(store, keyed, draft, train, who="me")


def test_a_launch_is_written_down_before_anything_is_sent(written: Job, provider: FaultyProvider) -> None:
    assert written.state == LaunchState.INTENT
    assert provider.requests == []


def test_a_good_launch_uploads_once_and_creates_once(
    store: Store, keyed: Settings, written: Job, provider: FaultyProvider, train: Path
) -> None:
    job = go(store, keyed, written)
    assert (job.state, job.remote_id, job.shown) == (LaunchState.LAUNCHED, "ftjob-1", "Waiting in the queue")
    assert provider.count("POST", "/files") == provider.count("POST", "/jobs") == 1
    assert provider.contents[job.training_file] == train.read_bytes()
    sent = provider.jobs["ftjob-1"]
    assert sent["metadata"] == {"client_token": job.token}
    assert sent["seed"] == job.seed and 0 <= job.seed < 2**31
    assert sent["method"] == {"type": "supervised", "supervised": {"hyperparameters": {"n_epochs": 2}}}
    assert (sent["suffix"], sent["training_file"]) == ("tone", job.training_file)
    headers = next(h for method, path, h, _body in provider.requests if (method, path) == ("POST", "/jobs"))
    assert headers["idempotency-key"] == job.idempotency_key == job.token


@pytest.mark.parametrize("fault", LOST)
def test_a_lost_answer_is_looked_up_and_the_job_found(
    store: Store, keyed: Settings, written: Job, provider: FaultyProvider, fault: str
) -> None:
    provider.fail("POST", "/jobs", fault, done=True)
    job = go(store, keyed, written)
    assert (job.state, job.remote_id, str(job.error)) == (LaunchState.LAUNCHED, "ftjob-1", "")
    assert provider.count("POST", "/jobs") == 1


@pytest.mark.parametrize("fault", LOST)
def test_a_lost_request_ends_in_a_question_not_in_a_second_one(
    store: Store, keyed: Settings, written: Job, provider: FaultyProvider, fault: str
) -> None:
    provider.fail("POST", "/jobs", fault)
    job = go(store, keyed, written)
    assert job.state == LaunchState.ASK and job.is_settled
    assert "cost twice" in str(job.hint)
    assert go(store, keyed, job).state == LaunchState.ASK
    assert provider.count("POST", "/jobs") == 1


@pytest.mark.parametrize("fault", REFUSED)
def test_a_refusal_created_nothing_and_says_why(
    store: Store, keyed: Settings, written: Job, provider: FaultyProvider, fault: str
) -> None:
    provider.fail("POST", "/jobs", fault)
    job = go(store, keyed, written)
    assert job.state == LaunchState.REFUSED and str(job.error) and str(job.hint)
    assert go(store, keyed, job).state == LaunchState.REFUSED
    assert provider.count("POST", "/jobs") == 1
    assert bool(store.jobs.connection("there").refused) == (fault == "403")


def test_without_a_connection_nothing_is_sent_and_it_is_tried_again(
    store: Store, keyed: Settings, written: Job, provider: FaultyProvider
) -> None:
    here = store.jobs.connection("there")
    store.jobs.save_connection(replace(here, base_url="http://127.0.0.1:9/v1"))
    waits: list[float] = []
    job = run_launch(store, keyed, written.id, sleep=waits.append, look_ups=())
    assert job.state == LaunchState.INTENT and "cannot be reached" in str(job.error) and job.is_settled
    assert waits == [0.0, 1.0, 3.0, 8.0]
    store.jobs.save_connection(here)
    launch_again(store, keyed, job.id)
    assert go(store, keyed, job).state == LaunchState.LAUNCHED
    assert provider.count("POST", "/jobs") == 1


def test_a_lagging_list_means_ask_and_a_later_look_finds_it(
    store: Store, keyed: Settings, written: Job, provider: FaultyProvider
) -> None:
    provider.fail("POST", "/jobs", "500", done=True)
    provider.hidden = True
    assert go(store, keyed, written).state == LaunchState.ASK
    assert check_again(store, keyed, written.id).state == LaunchState.ASK
    provider.hidden = False
    assert check_again(store, keyed, written.id).remote_id == "ftjob-1"
    assert provider.count("POST", "/jobs") == 1


@pytest.mark.parametrize("lost", ["metadata", "seed", "training_file"])
def test_any_one_marker_is_enough(
    store: Store, keyed: Settings, written: Job, provider: FaultyProvider, lost: str
) -> None:
    provider.fail("POST", "/jobs", "500", done=True)
    provider.hidden = True
    go(store, keyed, written)
    kept = provider.jobs["ftjob-1"]
    for marker in {"metadata", "seed", "training_file"} - {lost}:
        kept[marker] = None
    provider.hidden = False
    assert check_again(store, keyed, written.id).remote_id == "ftjob-1"


def test_a_fixed_seed_is_no_marker(
    store: Store, keyed: Settings, draft: JobDraft, train: Path, provider: FaultyProvider
) -> None:
    provider.jobs["other"] = {"id": "other", "seed": 7}
    job = launch_file(store, keyed, replace(draft, seed=7), train)
    provider.fail("POST", "/jobs", "500")
    assert go(store, keyed, job).state == LaunchState.ASK
    assert job.seed == 7


def test_launching_again_is_a_persons_wish_and_a_double_is_told(
    store: Store, keyed: Settings, written: Job, provider: FaultyProvider
) -> None:
    provider.fail("POST", "/jobs", "reset", done=True)
    provider.hidden = True
    assert go(store, keyed, written).state == LaunchState.ASK
    again = launch_again(store, keyed, written.id)
    assert again.idempotency_key == written.idempotency_key  # a server that keeps its word gives the same job
    provider.fail("POST", "/jobs", "500", done=True)
    provider.hidden = False
    job = go(store, keyed, again)
    assert (job.remote_id, job.duplicates) == ("ftjob-1", ("ftjob-2",))
    assert provider.count("POST", "/jobs") == 2
    assert cancel_duplicates(store, keyed, job.id).duplicates == ()
    assert (provider.jobs["ftjob-1"]["status"], provider.jobs["ftjob-2"]["status"]) == ("queued", "cancelled")


def test_after_an_answer_a_new_try_gets_a_new_key(
    store: Store, keyed: Settings, written: Job, provider: FaultyProvider
) -> None:
    provider.fail("POST", "/jobs", "500")
    go(store, keyed, written)
    assert launch_again(store, keyed, written.id).idempotency_key != written.idempotency_key


def test_two_clicks_are_one_launch(store: Store, keyed: Settings, draft: JobDraft, train: Path) -> None:
    first = launch_file(store, keyed, draft, train)
    assert launch_file(store, keyed, draft, train).id == first.id
    assert launch_file(store, keyed, replace(draft, epochs=3), train).id != first.id
    go(store, keyed, first)
    assert launch_file(store, keyed, draft, train).id != first.id  # launched: the same once more is a new wish
    form = replace(draft, draft_id="form-1")
    job = go(store, keyed, launch_file(store, keyed, form, train))
    assert launch_file(store, keyed, form, train).id == job.id


def test_two_workers_send_it_once(store: Store, keyed: Settings, written: Job, provider: FaultyProvider) -> None:
    from concurrent.futures import ThreadPoolExecutor

    with ThreadPoolExecutor(4) as pool:
        ends = list(pool.map(lambda _n: go(store, keyed, written), range(4)))
    assert provider.count("POST", "/jobs") == provider.count("POST", "/files") == 1
    assert {job.state for job in ends} == {LaunchState.LAUNCHED}  # each waits for the one that sends
    assert store.jobs.get(written.id).state == LaunchState.LAUNCHED


@pytest.mark.parametrize("fault", LOST)
@pytest.mark.parametrize("done", [True, False], ids=["arrived", "lost"])
def test_an_upload_is_sent_once_and_looked_for(
    store: Store, keyed: Settings, written: Job, provider: FaultyProvider, fault: str, done: bool
) -> None:
    provider.fail("POST", "/files", fault, done=done)
    job = go(store, keyed, written)
    assert provider.count("POST", "/files") == 1
    assert job.state == (LaunchState.LAUNCHED if done else LaunchState.REFUSED)
    assert provider.count("POST", "/jobs") == int(done)
    if not done:
        assert "did not arrive" in str(job.error)
        launch_again(store, keyed, job.id)
        assert go(store, keyed, job).state == LaunchState.LAUNCHED


def test_what_was_being_sent_when_the_worker_died_is_in_doubt(
    store: Store, keyed: Settings, written: Job, provider: FaultyProvider
) -> None:
    store.jobs.move(written.id, [LaunchState.INTENT], LaunchState.SENDING, sent_at=now())
    assert recover(store) == 1
    assert store.jobs.get(written.id).state == LaunchState.UNKNOWN
    assert poll(store, keyed, written.id).state == LaunchState.UNKNOWN  # within the minute it goes on looking
    store.jobs.update(written.id, sent_at=now() - timedelta(seconds=90))
    assert poll(store, keyed, written.id).state == LaunchState.ASK
    assert provider.count("POST", "/jobs") == 0


def test_an_intent_can_be_withdrawn_and_is_then_never_sent(
    store: Store, keyed: Settings, written: Job, provider: FaultyProvider
) -> None:
    assert cancel(store, keyed, written.id).state == LaunchState.WITHDRAWN
    assert go(store, keyed, written).state == LaunchState.WITHDRAWN
    assert provider.requests == []
    with pytest.raises(AppError):
        launch_again(store, keyed, written.id)


def test_a_launched_job_cannot_be_withdrawn_or_launched_again(store: Store, keyed: Settings, written: Job) -> None:
    job = go(store, keyed, written)
    for act in (withdraw, launch_again):
        with pytest.raises(AppError):
            act(store, keyed, job.id)


def test_a_file_may_change_after_the_launch_was_written_down(
    store: Store, keyed: Settings, written: Job, provider: FaultyProvider, train: Path
) -> None:
    before = train.read_bytes()
    train.write_text("changed")
    job = go(store, keyed, written)
    assert provider.contents[job.training_file] == before


def test_a_version_is_sent_byte_for_byte(store: Store, keyed: Settings, provider: FaultyProvider) -> None:
    rows = [
        '{"messages": [{"role":"user","content":"é\\u00e9"},{"role":"assistant","content":"x"}], "n":' + f"{i}.0}}"
        for i in range(12)
    ]
    dataset = store.create_dataset("d", Kind.CHAT)
    splits = [Split.TRAIN] * 8 + [Split.VALIDATION] * 2 + [Split.TEST, Split.NONE]
    store.add_drafts(dataset.id, [Draft(raw, Kind.CHAT, split=s) for raw, s in zip(rows, splits, strict=True)])
    store.finish_import(dataset.id)
    version = store.freeze(dataset.id)
    job = go(store, keyed, launch(store, keyed, JobDraft("there", version.id, "base-1"), "me"))
    assert provider.contents[job.training_file].decode() == "".join(f"{raw}\n" for raw in rows[:8])
    assert provider.contents[job.validation_file].decode() == "".join(f"{raw}\n" for raw in rows[8:10])
    assert (job.version_id, job.dataset_id) == (version.id, dataset.id)
    assert [found.id for found in store.jobs.list(dataset.id)] == [job.id]


def test_a_file_for_azure_begins_with_a_byte_order_mark(
    store: Store, keyed: Settings, provider: FaultyProvider
) -> None:
    store.jobs.save_connection(replace(store.jobs.connection("there"), kind=ProviderKind.AZURE))
    dataset = store.create_dataset("d", Kind.CHAT)
    said = '{"messages":[{"role":"user","content":"NUMBER"},{"role":"assistant","content":"x"}]}'
    rows = [said.replace("NUMBER", str(n)) for n in range(12)]
    store.add_drafts(dataset.id, [Draft(raw, Kind.CHAT) for raw in rows])
    store.finish_import(dataset.id)
    job = go(store, keyed, launch(store, keyed, JobDraft("there", store.freeze(dataset.id).id, "base-1"), "me"))
    assert provider.contents[job.training_file] == "".join(f"{raw}\n" for raw in rows).encode("utf-8-sig")


@pytest.mark.parametrize(
    ("change", "word"),
    [
        ({"model": " "}, "model"),
        ({"epochs": 0}, "epochs"),
        ({"epochs": 51}, "1 to 50"),
        ({"batch_size": 257}, "1 to 256"),
        ({"learning_rate_multiplier": 0}, "learning-rate"),
        ({"seed": 2**31}, "seed"),
        ({"suffix": "x" * 65}, "at most 64"),
        ({"suffix": "a:b"}, "letters, digits and hyphens"),
        ({"connection_id": "nowhere"}, "no connection"),
    ],
)
def test_a_draft_that_no_provider_takes_is_refused_here(
    store: Store, keyed: Settings, draft: JobDraft, train: Path, change: dict[str, Any], word: str
) -> None:
    with pytest.raises(AppError, match=word):
        launch_file(store, keyed, replace(draft, **change), train)
    assert store.jobs.list() == []
    assert not list(keyed.folder("launches").iterdir())  # no copy of the data stays behind


@pytest.mark.parametrize(
    ("body", "method"),
    [
        ({"prompt": "q", "completion": "a"}, "supervised"),
        ({"input": {"messages": []}, "preferred_output": [], "non_preferred_output": []}, "dpo"),
    ],
)
def test_the_format_of_a_file_says_how_it_is_trained(
    store: Store, keyed: Settings, draft: JobDraft, tmp_path: Path, body: dict[str, Any], method: str
) -> None:
    path = tmp_path / "t.jsonl"
    path.write_text(f"\n{json.dumps(body)}\n")
    assert launch_file(store, keyed, draft, path).params["method"] == method


def test_examples_that_need_a_grader_are_refused_with_a_reason(
    store: Store, keyed: Settings, draft: JobDraft, tmp_path: Path
) -> None:
    path = tmp_path / "t.jsonl"
    path.write_text(json.dumps({"messages": [{"role": "user", "content": "q"}], "reference_answer": "8"}))
    with pytest.raises(BadInput, match="need a grader"):
        launch_file(store, keyed, draft, path)


def test_a_missing_file_is_a_sentence(store: Store, keyed: Settings, draft: JobDraft, tmp_path: Path) -> None:
    with pytest.raises(BadInput, match="no file"):
        launch_file(store, keyed, draft, tmp_path / "none.jsonl")


def test_the_uploads_of_a_launch_that_came_to_nothing_are_swept_after_a_day(
    store: Store, keyed: Settings, written: Job, provider: FaultyProvider
) -> None:
    provider.files["file-mine"] = {"id": "file-mine", "filename": "mine.jsonl", "bytes": 3}
    provider.fail("POST", "/jobs", "400")
    go(store, keyed, written)
    assert sweep(store, keyed) == 0
    assert sweep(store, keyed, older_than=timedelta(0)) == 1
    assert list(provider.files) == ["file-mine"]
    assert sweep(store, keyed, older_than=timedelta(0)) == 0
    launch_again(store, keyed, written.id)
    assert go(store, keyed, written).state == LaunchState.LAUNCHED


class Crash(BaseException):
    """The process dies here."""


class Dying:
    """The jobs of a store, whose process dies before or after the n-th write."""

    def __init__(self, store: Store, at: int, after: bool) -> None:
        self._jobs, self._left, self._after = store.jobs, at, after

    def __getattr__(self, name: str) -> Any:
        act: Callable[..., Any] = getattr(self._jobs, name)
        if name not in ("move", "update", "release_draft", "save_connection"):
            return act

        def writing(*args: Any, **kwargs: Any) -> Any:
            self._left -= 1
            if self._left == 0 and not self._after:
                raise Crash
            result = act(*args, **kwargs)
            if self._left == 0:
                raise Crash
            return result

        return writing


class DyingStore:
    def __init__(self, store: Store, at: int, after: bool) -> None:
        self._store = store
        self.jobs = Dying(store, at, after)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._store, name)


faults = st.tuples(st.sampled_from(["", *LOST, *REFUSED]), st.booleans())
crashes = st.tuples(st.integers(0, 9), st.booleans())
steps = st.lists(st.tuples(faults, faults, crashes, st.booleans()), min_size=1, max_size=4)


@hypothesis_settings(
    max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture], derandomize=True
)
@given(steps=steps)
def test_no_sequence_of_faults_and_crashes_doubles_a_launch(
    store: Store, keyed: Settings, draft: JobDraft, train: Path, provider: FaultyProvider, steps: list[Any]
) -> None:
    provider.forget()
    job = launch_file(store, keyed, replace(draft, draft_id=f"d{len(store.jobs.list())}"), train)
    for (upload, upload_done), (create, create_done), (at, after), hidden in steps:
        provider.faults.clear()
        provider.hidden = hidden
        if upload:
            provider.fail("POST", "/files", upload, done=upload_done and upload not in REFUSED)
        if create:
            provider.fail("POST", "/jobs", create, done=create_done and create not in REFUSED)
        try:
            run_launch(DyingStore(store, at, after), keyed, job.id, sleep=no_sleep, look_ups=(0.0,))  # type: ignore[arg-type]
        except Crash:
            recover(store)
        assert provider.count("POST", "/jobs") <= 1
        assert provider.count("POST", "/files") <= 1
        assert len(provider.jobs) <= 1
    state = store.jobs.get(job.id).state
    if provider.jobs and not provider.hidden and state in (LaunchState.ASK, LaunchState.UNKNOWN):
        state = check_again(store, keyed, job.id).state
        assert state == LaunchState.LAUNCHED
    if not provider.jobs:
        assert state != LaunchState.LAUNCHED
    json.dumps(store.jobs.get(job.id).as_json())
    store.jobs.save_connection(replace(store.jobs.connection("there"), refused=""))


JUDGE = {"type": "string_check", "name": "same", "operation": "eq", "input": "{{sample.output_text}}",
         "reference": "{{item.answer}}"}  # fmt: skip


@pytest.fixture
def sums(store: Store) -> int:
    """A version of reinforcement examples."""
    dataset = store.create_dataset("Sums", Kind.REINFORCEMENT)
    turns = [{"messages": [{"role": "user", "content": f"{n} + {n}?"}], "answer": str(2 * n)} for n in range(12)]
    store.add_drafts(dataset.id, [Draft(json.dumps(turn), Kind.REINFORCEMENT) for turn in turns])
    store.finish_import(dataset.id)
    return store.freeze(dataset.id).id


def test_a_grader_goes_out_with_a_reinforcement_training(
    store: Store, keyed: Settings, draft: JobDraft, sums: int, provider: FaultyProvider
) -> None:
    job = go(store, keyed, launch(store, keyed, replace(draft, version_id=sums, grader=JUDGE), "me"))
    assert job.state == LaunchState.LAUNCHED
    assert provider.jobs["ftjob-1"]["method"] == {
        "type": "reinforcement", "reinforcement": {"grader": JUDGE, "hyperparameters": {"n_epochs": 2}},
    }  # fmt: skip


@pytest.mark.parametrize(
    ("grader", "said"),
    [
        (None, "need a grader"),
        ({"type": "guess"}, "type of a grader"),
        ({**JUDGE, "reference": "{{item.wrong}}"}, "reads the field wrong, which row 1 does not have"),
        (JUDGE, ""),
    ],
)
def test_a_grader_that_cannot_judge_stands_against_the_launch(
    store: Store, keyed: Settings, draft: JobDraft, sums: int, grader: dict[str, Any] | None, said: str
) -> None:
    found = readiness(store, keyed, replace(draft, version_id=sums, grader=grader))
    told = [str(item.text) for item in found.items if item.blocking and not item.ok]
    assert any(said in text for text in told) if said else not any("grader" in text for text in told)

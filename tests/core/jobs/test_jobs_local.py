"""The whole way against the real local provider, over HTTP and from the command line."""

from __future__ import annotations

import json
import os
import random
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from core.dataset.examples import Draft, Kind, Split
from core.jobs import (
    Job,
    JobDraft,
    cancel,
    delete_model,
    delete_models,
    launch,
    list_models,
    next_poll_delay,
    poll,
    readiness,
    run_launch,
    series,
)
from core.provider import LOCAL, connect
from core.provider.status import Status
from core.settings import Settings
from core.store import Store
from core.words import Text

ROOT = Path(__file__).resolve().parents[3]
WORDS = {
    "billing": ("refund", "invoice", "charged", "card"),
    "shipping": ("parcel", "late", "track", "courier"),
    "account": ("password", "login", "email", "profile"),
}
Command = Callable[..., subprocess.CompletedProcess[str]]


def lines(count: int, seed: int) -> list[str]:
    draw = random.Random(seed)
    found = []
    for i in range(count):
        answer = draw.choice(list(WORDS))
        asked = " ".join(draw.choice(WORDS[answer]) for _ in range(4))
        messages = [{"role": "user", "content": f"{asked} {i}"}, {"role": "assistant", "content": answer}]
        found.append(json.dumps({"messages": messages}))
    return found


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("luopan")


@pytest.fixture(scope="module")
def environment(home: Path) -> dict[str, str]:
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("LUOPAN", "OPENAI"))}
    return {**kept, "LUOPAN_HOME": str(home)}


@pytest.fixture(scope="module")
def running(environment: dict[str, str]) -> Iterator[Settings]:
    """The local provider, really serving."""
    server = subprocess.Popen(
        [sys.executable, "-m", "core", "serve", "--port", "0", "--json"],
        cwd=ROOT,
        env=environment,
        stdout=subprocess.PIPE,
        text=True,
    )
    assert server.stdout is not None
    assert json.loads(server.stdout.readline())["base_url"]
    yield Settings.from_env(environment)
    server.terminate()
    server.wait(20)


@pytest.fixture
def opened(running: Settings) -> Iterator[Store]:
    store = Store.open(running)
    yield store
    store.close()


@pytest.fixture
def command(environment: dict[str, str], running: Settings) -> Command:
    def call(*arguments: str) -> subprocess.CompletedProcess[str]:
        whole = [sys.executable, "-m", "core", *arguments]
        return subprocess.run(whole, cwd=ROOT, env=environment, capture_output=True, text=True, timeout=60)

    return call


def follow(store: Store, settings: Settings, job: Job) -> Job:
    deadline = time.monotonic() + 60
    while not job.is_settled and time.monotonic() < deadline:
        job = poll(store, settings, job.id)
        if not job.is_settled:
            time.sleep(min(0.2, next_poll_delay(job)))
    return job


def version(store: Store, train: int = 120, validation: int = 30) -> int:
    dataset = store.create_dataset("d", Kind.CHAT)
    rows = [Draft(raw, Kind.CHAT, split=Split.TRAIN) for raw in lines(train, 1)]
    rows += [Draft(raw, Kind.CHAT, split=Split.VALIDATION) for raw in lines(validation, 2)]
    store.add_drafts(dataset.id, rows)
    store.finish_import(dataset.id)
    return store.freeze(dataset.id).id


def test_a_version_is_trained_followed_and_asked(opened: Store, running: Settings) -> None:
    draft = JobDraft("local", version(opened), "local-classic-1", suffix="loop", epochs=3)
    ready = readiness(opened, running, draft)
    assert ready.ready, [str(item.text) for item in ready.items]
    job = follow(opened, running, run_launch(opened, running, launch(opened, running, draft, "me").id))
    assert (job.status, str(job.error)) == (Status.SUCCEEDED, "")
    assert job.is_usable and "loop" in job.fine_tuned_model and job.progress == 1.0
    names = {curve.name for curve in series(opened, job.id)}
    assert {"train_loss", "valid_loss", "train_mean_token_accuracy", "valid_mean_token_accuracy"} <= names
    assert any(metric.source == "result" for metric in opened.jobs.metrics(job.id))
    assert opened.jobs.checkpoints(job.id) and opened.jobs.events(job.id)
    assert not (running.home / "launches" / job.token).exists()  # the version holds the rows
    with connect(running, LOCAL) as client:
        question = [{"role": "user", "content": "refund my card invoice"}]
        assert client.chat(question, job.fine_tuned_model, temperature=0).unwrap().text == "billing"
        assert "".join(client.stream(question, job.fine_tuned_model)) == "billing"
        assert not client.chat(question, "no-such-model").ok
    assert job.fine_tuned_model in {model["id"] for model in list_models(opened, running, "local")}
    for _ in range(2):  # a second time is harmless
        delete_model(opened, running, "local", job.fine_tuned_model)
    assert job.fine_tuned_model not in {model["id"] for model in list_models(opened, running, "local")}


def test_what_a_job_made_is_deleted_and_its_curves_stay(opened: Store, running: Settings) -> None:
    draft = JobDraft("local", version(opened), "local-classic-1", suffix="away", epochs=2)
    job = follow(opened, running, run_launch(opened, running, launch(opened, running, draft, "me").id))
    made = {job.fine_tuned_model, *(checkpoint.model for checkpoint in opened.jobs.checkpoints(job.id))}
    assert job.is_usable and len(made) > 1
    for _time in range(2):  # a second time is harmless
        job = delete_models(opened, running, job.id)
        assert not job.is_usable and job.is_deleted and opened.jobs.metrics(job.id)
    assert made.isdisjoint(model["id"] for model in list_models(opened, running, "local"))


def test_the_same_key_gives_the_same_job(opened: Store, running: Settings) -> None:
    draft = JobDraft("local", version(opened), "local-classic-1", epochs=1, seed=5)
    job = run_launch(opened, running, launch(opened, running, draft).id)
    with connect(running, LOCAL) as client:
        from core.jobs.intent import create_body

        again = client.create_job(create_body(job, LOCAL), job.idempotency_key).unwrap()
    assert again["id"] == job.remote_id
    follow(opened, running, job)


def test_a_running_job_is_cancelled(opened: Store, running: Settings) -> None:
    draft = JobDraft("local", version(opened, 4000), "local-classic-1", epochs=50)
    job = run_launch(opened, running, launch(opened, running, draft).id)
    cancel(opened, running, job.id)
    assert follow(opened, running, job).status == Status.CANCELLED


def test_a_job_that_fails_says_why(opened: Store, running: Settings) -> None:
    draft = JobDraft("local", version(opened, train=5, validation=0), "local-classic-1")
    job = follow(opened, running, run_launch(opened, running, launch(opened, running, draft).id))
    assert job.status == Status.FAILED and job.error_code and "10" in str(job.error)


def test_an_unknown_model_is_refused_with_its_field(opened: Store, running: Settings) -> None:
    job = run_launch(opened, running, launch(opened, running, JobDraft("local", version(opened), "gpt-9")).id)
    assert str(job.state) == "refused" and str(job.error)


def test_a_grader_that_the_model_cannot_be_judged_by_is_refused_before_the_launch(
    opened: Store, command: Command, tmp_path: Path
) -> None:
    rows, grader = tmp_path / "rows.jsonl", tmp_path / "grader.json"
    bodies = [{"messages": [{"role": "user", "content": f"q {i}"}], "topic": "ab"[i % 2]} for i in range(12)]
    rows.write_text("".join(json.dumps(body) + "\n" for body in bodies))
    grader.write_text(json.dumps({"type": "python", "name": "p", "source": "def grade(sample, item):\n    return 1.0"}))
    before = len(opened.jobs.list())
    done = command("jobs", "create", str(rows), "--model", "local-classic-1", "--grader", str(grader))
    assert done.returncode == 2 and "this grader names none" in done.stderr and "open model" in done.stderr, done.stderr
    assert len(opened.jobs.list()) == before


def test_why_a_job_failed_is_kept_as_a_sentence_that_can_be_translated(opened: Store, running: Settings) -> None:
    draft = JobDraft("local", version(opened, train=5, validation=0), "local-classic-1")
    job = follow(opened, running, run_launch(opened, running, launch(opened, running, draft).id))
    assert isinstance(job.error, Text) and job.error.params["n"] == 5
    assert any(event.data.get("sentence") == "Created fine-tuning job: {id}" for event in opened.jobs.events(job.id))


@pytest.mark.slow
def test_the_command_line_walks_the_same_way(command: Command, tmp_path: Path) -> None:
    train, held_out = tmp_path / "train.jsonl", tmp_path / "held.jsonl"
    train.write_text("\n".join(lines(90, 3)) + "\n")
    held_out.write_text("\n".join(lines(20, 4)) + "\n")
    created = command(
        "jobs",
        "create",
        str(train),
        "--model",
        "local-classic-1",
        "--validation",
        str(held_out),
        "--epochs",
        "2",
        "--json",
    )
    assert created.returncode == 0, created.stderr
    job: dict[str, Any] = json.loads(created.stdout)
    assert job["state"] == "launched" and job["params"]["epochs"] == 2
    followed = command("jobs", "follow", job["remote_id"], "--json")
    assert followed.returncode == 0, followed.stderr
    assert json.loads(followed.stdout)["status"] == "succeeded"
    assert "Finished" in command("jobs", "show", str(job["id"])).stdout
    assert job["id"] in [each["id"] for each in json.loads(command("jobs", "list", "--json").stdout)["jobs"]]
    assert json.loads(command("jobs", "events", str(job["id"]), "--json").stdout)["events"]
    kept = json.loads(command("jobs", "checkpoints", str(job["id"]), "--json").stdout)["checkpoints"]
    assert kept and kept[0]["model"]
    out = tmp_path / "result.csv"
    shown = command("jobs", "results", str(job["id"]), "--out", str(out))
    assert shown.stdout.startswith("step,train_loss") and out.read_bytes().startswith(b"step")
    model = json.loads(followed.stdout)["fine_tuned_model"]
    assert model in command("models", "list").stdout
    assert json.loads(command("models", "delete", model, "--json").stdout)["deleted"]
    assert command("jobs", "cancel", str(job["id"])).returncode == 0  # it has ended: harmless


@pytest.mark.parametrize(
    ("text", "word"),
    [
        ("", "0 rows"),
        ("{}\n" * 12, "no training file"),
        ("not json\n", "no training file"),
        ('{"messages":[]}\n' * 12, "line 1"),
    ],
)
def test_a_file_with_errors_is_not_sent(command: Command, tmp_path: Path, text: str, word: str) -> None:
    path = tmp_path / "bad.jsonl"
    path.write_text(text)
    refused = command("jobs", "create", str(path), "--model", "local-classic-1")
    assert refused.returncode == 2 and word in refused.stderr and "Traceback" not in refused.stderr


def test_a_job_or_connection_that_is_not_there_is_a_sentence(command: Command, tmp_path: Path) -> None:
    path = tmp_path / "t.jsonl"
    path.write_text("\n".join(lines(12, 1)))
    for arguments in (("jobs", "show", "999"), ("jobs", "create", str(path), "--model", "m", "--connection", "x")):
        failed = command(*arguments)
        assert failed.returncode == 2 and "There is no" in failed.stderr


def test_without_a_local_provider_it_is_said_how_to_start_it(opened: Store, running: Settings, tmp_path: Path) -> None:
    elsewhere = replace(running, home=tmp_path)
    job = launch(opened, elsewhere, JobDraft("local", version(opened), "local-classic-1"))
    found = run_launch(opened, elsewhere, job.id, sleep=lambda _seconds: None)
    assert "not running" in str(found.error) and "python -m core serve" in str(found.hint)

"""Open models over HTTP with the unmodified openai client: taught, preferred, asked, held beside one another."""

from __future__ import annotations

import importlib.util
import json
import os
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import openai
import pytest
from tinymodel import make_model

pytestmark = pytest.mark.timeout(300)  # processes start that load torch, which takes its time

THINGS = {"fruit": "ripe apple", "vehicle": "fast car", "animal": "blue whale"}
NUMBERS = {"n_epochs": 3, "batch_size": 8, "learning_rate_multiplier": 25}


@pytest.fixture(scope="module")
def tiny(tmp_path_factory: pytest.TempPathFactory) -> Path:
    if importlib.util.find_spec("trl") is None:
        reason = "torch, transformers and trl are not installed here (pip install -r requirements-lora.txt)"
        pytest.fail(reason) if os.environ.get("CI") == "true" else pytest.skip(reason)
    return make_model(tmp_path_factory.mktemp("models") / "tiny")


@pytest.fixture
def named(tiny: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    """Names the tiny model to the servers that start from here on."""
    monkeypatch.setenv("LUOPAN_LORA_MODELS", f"tiny-chat={tiny}")
    monkeypatch.setenv("OMP_NUM_THREADS", "1")
    return "tiny-chat"


def ask(number: int) -> dict[str, str]:
    return {"role": "user", "content": f"What is the {list(THINGS.values())[number % 3]} of row {number}?"}


def lines(rows: list[dict[str, Any]]) -> bytes:
    return "\n".join(json.dumps(row) for row in rows).encode()


def chats(count: int, first: int = 0) -> bytes:
    labels = list(THINGS)
    numbers = range(first, first + count)
    return lines([{"messages": [ask(n), {"role": "assistant", "content": labels[n % 3]}]} for n in numbers])


def pairs(count: int) -> bytes:
    good, bad = ([{"role": "assistant", "content": word}] for word in ("fruit", "vehicle"))
    rows = [{"input": {"messages": [ask(1)]}, "preferred_output": good, "non_preferred_output": bad}] * count
    return lines([{**row, "input": {"messages": [ask(n)]}} for n, row in enumerate(rows)])


def metrics(client: openai.OpenAI, job_id: str, name: str) -> list[float]:
    events = list(client.fine_tuning.jobs.list_events(job_id, limit=100))
    points = sorted((e.data for e in events if e.type == "metrics"), key=lambda data: int(data["step"]))  # type: ignore[index]
    return [point[name] for point in points]  # type: ignore[index]


def answer(client: openai.OpenAI, model: str, number: int, **more: Any) -> str:
    reply = client.chat.completions.create(
        model=model,
        messages=[ask(number)],
        **{"temperature": 0, "max_tokens": 8, **more},  # type: ignore[list-item]
    )
    return reply.choices[0].message.content or ""


@pytest.mark.parametrize("method", ["supervised", "dpo", "reinforcement"])
def test_a_model_says_what_a_training_would_take(named: str, own_provider: Any, method: str) -> None:
    size = "rows=96&tokens=2208&longest=23"
    told = own_provider.ask("GET", f"/models/{named}?{size}&method={method}&n_epochs=auto&batch_size=8").json()
    found = told["training"]
    assert told["id"] == named and found["fits"] == "yes" and 0 < found["memory_bytes"] < found["free_bytes"]
    assert "GB of memory" in found["message"] and found["params"]["model"] == "tiny" and found["seconds"] > 1
    huge = own_provider.ask("GET", f"/models/{named}?rows=900000&n_epochs=50&batch_size=1").json()["training"]
    assert huge["fits"] == "no" and "limit is 24 hours" in huge["message"]
    classic = own_provider.ask("GET", f"/models/local-classic-1?{size}").json()
    assert classic["training"] is None and "training" not in own_provider.ask("GET", f"/models/{named}").json()
    for query, param in (("rows=0", "rows"), ("rows=x", "rows"), ("rows=9&batch_size=999", "batch_size")):
        refused = own_provider.ask("GET", f"/models/{named}?{query}")
        assert (refused.status_code, refused.json()["error"]["param"]) == (400, param), refused.text


def test_an_open_model_is_taught_and_asked_over_http(named: str, own_provider: Any) -> None:
    begun = time.monotonic()
    client = openai.OpenAI(base_url=own_provider.base_url, api_key=own_provider.key, max_retries=0, timeout=90)
    assert named in {model.id for model in client.models.list()}
    assert "vehicle" not in answer(client, named, 301)
    training, validation = own_provider.upload(chats(48)), own_provider.upload(chats(9, 100), "valid.jsonl")
    method = {"type": "supervised", "supervised": {"hyperparameters": NUMBERS}}
    job = client.fine_tuning.jobs.create(
        model=named,
        training_file=training,
        validation_file=validation,
        seed=3,
        suffix="things",
        method=method,  # type: ignore[arg-type]
    )
    done = own_provider.finished(job.id, 90)
    assert done.status == "succeeded", done.error
    losses = metrics(client, job.id, "train_loss")
    assert losses[0] > 5 and losses[-1] < 2
    tuned = done.fine_tuned_model
    assert [answer(client, tuned, n) for n in (300, 301, 302)] == list(THINGS)
    assert any("word for word" in text for text in own_provider.messages(job.id))
    checkpoints = list(client.fine_tuning.jobs.checkpoints.list(job.id))
    assert [point.step_number for point in checkpoints] == [18, 12, 6]
    assert answer(client, checkpoints[0].fine_tuned_model_checkpoint, 301) == "vehicle"
    _look_closer(client, tuned)

    preferred = client.fine_tuning.jobs.create(
        model=tuned,
        training_file=own_provider.upload(pairs(16), "pairs.jsonl"),
        seed=3,
        method={"type": "dpo", "dpo": {"hyperparameters": {**NUMBERS, "n_epochs": 6}}},  # type: ignore[arg-type]
    )
    done = own_provider.finished(preferred.id, 90)
    assert done.status == "succeeded", done.error
    losses = metrics(client, preferred.id, "train_loss")
    assert losses[0] == pytest.approx(0.6931, abs=0.001) and losses[-1] < 0.4
    assert answer(client, done.fine_tuned_model, 301) == "fruit", "what was preferred is answered now"
    assert answer(client, tuned, 301) == "vehicle", "the model that it went on from is as it was"
    assert time.monotonic() - begun < 120
    assert not _loaded_torch(own_provider.process.pid)


def _look_closer(client: openai.OpenAI, tuned: str) -> None:
    chunks = list(
        client.chat.completions.create(
            model=tuned,
            messages=[ask(301)],  # type: ignore[list-item]
            temperature=0,
            stream=True,
            logprobs=True,
            top_logprobs=2,
            stream_options={"include_usage": True},
        )
    )
    assert "".join(chunk.choices[0].delta.content or "" for chunk in chunks if chunk.choices) == "vehicle"
    told = [chunk.choices[0].logprobs for chunk in chunks if chunk.choices and chunk.choices[0].logprobs]
    assert all(len(logs.content[0].top_logprobs) == 2 for logs in told if logs.content)
    assert chunks[-1].usage is not None and chunks[-1].usage.completion_tokens == len(told)
    assert answer(client, tuned, 301, stop=["hic"]) == "ve"
    cut = client.chat.completions.create(model=tuned, messages=[ask(301)], max_tokens=1, temperature=0)  # type: ignore[list-item]
    assert cut.choices[0].finish_reason == "length"
    vector = client.embeddings.create(model=tuned, input="a ripe apple").data[0].embedding
    assert sum(value * value for value in vector) == pytest.approx(1.0, abs=1e-4)
    after = client.completions.create(model=tuned, prompt="When does", max_tokens=4, logit_bias={"2": -100})
    assert after.choices[0].finish_reason == "length"


def _loaded_torch(pid: int) -> bool:
    maps = Path(f"/proc/{pid}/maps")
    return maps.exists() and "libtorch" in maps.read_text()


def test_a_stream_that_is_left_stops_the_model(named: str, own_provider: Any, wait: Callable[..., Any]) -> None:
    client = openai.OpenAI(base_url=own_provider.base_url, api_key=own_provider.key, max_retries=0, timeout=90)
    answer(client, named, 1)
    pid = next(
        int(entry.name)
        for entry in Path("/proc").iterdir()
        if entry.name.isdigit()
        and b"core.server.engines.lora.answering" in _arguments(entry)
        and _child(entry, own_provider)
    )
    with client.chat.completions.create(
        model=named,
        messages=[ask(1)],
        stream=True,
        logit_bias={"2": -100},
        seed=1,  # type: ignore[list-item]
    ) as stream:
        next(iter(stream))
    before = _cpu(pid)
    time.sleep(2.0)
    middle = _cpu(pid)
    time.sleep(1.0)
    assert _cpu(pid) - middle < 0.2, (before, middle, _cpu(pid))


def _arguments(entry: Path) -> list[bytes]:
    try:
        return (entry / "cmdline").read_bytes().split(b"\0")
    except OSError:
        return []


def _child(entry: Path, provider: Any) -> bool:
    return int((entry / "stat").read_text().rpartition(")")[2].split()[1]) == provider.process.pid


def _cpu(pid: int) -> float:
    """Seconds of work of a process."""
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def test_without_models_to_train_there_are_none(own_provider: Any) -> None:
    assert {model.id for model in own_provider.client.models.list()} == {"local-classic-1"}


def test_a_graded_training_is_paused_and_resumed_over_http(
    named: str, own_provider: Any, wait: Callable[..., Any]
) -> None:
    client = openai.OpenAI(base_url=own_provider.base_url, api_key=own_provider.key, max_retries=0, timeout=90)
    rows = lines([{"messages": [ask(n)], "want": "e"} for n in range(16)])
    source = "def grade(sample, item):\n    return float(item['want'] in sample['output_text'])"
    grader = {"type": "python", "name": "letter", "source": source}
    numbers = {"n_epochs": 10, "batch_size": 4, "learning_rate_multiplier": 200, "eval_interval": 20, "eval_samples": 1}
    job = client.fine_tuning.jobs.create(
        model=named,
        training_file=own_provider.upload(rows),
        validation_file=own_provider.upload(rows, "valid.jsonl"),
        seed=3,
        metadata={"max_answer_tokens": "4"},
        method={"type": "reinforcement", "reinforcement": {"grader": grader, "hyperparameters": numbers}},  # type: ignore[arg-type]
    )
    wait(lambda: metrics(client, job.id, "train_reward_mean"), 60)
    client.fine_tuning.jobs.pause(job.id)
    wait(lambda: client.fine_tuning.jobs.retrieve(job.id).status == "paused", 20)
    so_far = len(metrics(client, job.id, "train_reward_mean"))
    client.fine_tuning.jobs.resume(job.id)
    done = own_provider.finished(job.id, 90)
    assert done.status == "succeeded", done.error
    rewards = metrics(client, job.id, "train_reward_mean")
    assert so_far < len(rewards) == 40
    assert sum(rewards[-8:]) / 8 > sum(rewards[:8]) / 8 + 0.2


def test_open_models_are_trained_one_after_the_other_and_hold_up_nobody_else(
    named: str, own_provider: Any, wait: Callable[..., Any]
) -> None:
    client = own_provider.client
    file = client.files.create(file=("rows.jsonl", chats(30)), purpose="fine-tune").id

    def create(model: str, epochs: int) -> str:
        how = {"n_epochs": epochs}
        return str(client.fine_tuning.jobs.create(model=model, training_file=file, hyperparameters=how).id)

    first = create(named, 50)
    wait(lambda: client.fine_tuning.jobs.retrieve(first).status == "running", 60)
    second = create(named, 1)  # not sooner: of two whose files are checked at once, either may be ready first
    wait(lambda: client.fine_tuning.jobs.retrieve(second).status == "queued", 60)
    classic = create("local-classic-1", 1)
    wait(lambda: client.fine_tuning.jobs.retrieve(classic).status == "succeeded", 60)
    assert [client.fine_tuning.jobs.retrieve(job).status for job in (first, second)] == ["running", "queued"]
    client.fine_tuning.jobs.cancel(first)
    wait(lambda: client.fine_tuning.jobs.retrieve(second).status == "running", 60)
    client.fine_tuning.jobs.cancel(second)

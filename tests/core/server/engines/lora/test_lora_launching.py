"""One training in several processes: on this machine, and on a Ray cluster."""

from __future__ import annotations

import importlib.util
import json
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from lora_bench import FAST, LoraBench, chats, curve, events, texts

from core.errors import BadInput
from core.server.engines.base import JobDir, JobSpec
from core.server.engines.lora.fit import TOGETHER
from core.server.engines.lora.launching import ROOT, device, elsewhere, launch, share
from core.settings import Settings
from tests.core.server.conftest import Provider, lines
from tests.waiting import wait_for

QUIET = {"HF_HUB_OFFLINE": "1", "OMP_NUM_THREADS": "1", "OMP_WAIT_POLICY": "PASSIVE", "TOKENIZERS_PARALLELISM": "false"}


def settings(tmp_path: Path, **variables: str) -> Settings:
    hidden = {"CUDA_VISIBLE_DEVICES": "", "LUOPAN_HOME": str(tmp_path)}
    return Settings.from_env({**hidden, **{f"LUOPAN_{name}": value for name, value in variables.items()}})


def spec(method: str = "supervised", **hyperparameters: Any) -> JobSpec:
    return JobSpec("ftjob-1", "tiny", Path("train.jsonl"), method=method, hyperparameters=hyperparameters)


@pytest.mark.parametrize(
    ("wanted", "batch", "method", "together"),
    [
        ("", 8, "supervised", 1),
        ("2", 8, "supervised", 2),
        ("2", "auto", "dpo", 2),
        ("8", "auto", "supervised", 4),
        ("3", 8, "supervised", 2),
        ("4", 6, "supervised", 3),
        ("4", 1, "supervised", 1),
        ("4", 8, "reinforcement", 1),
    ],
)
def test_as_many_work_together_as_divide_the_batch(
    tmp_path: Path, wanted: str, batch: int | str, method: str, together: int
) -> None:
    assert share(spec(method, batch_size=batch), settings(tmp_path, LORA_WORKERS=wanted)) == together


def test_a_batch_of_more_rows_than_there_are_is_shared_by_as_many_as_divide_those(tmp_path: Path) -> None:
    (tmp_path / "ten.jsonl").write_bytes(lines(10) + b"\n\n")
    asked = replace(spec(batch_size=16), training_path=tmp_path / "ten.jsonl")
    assert share(asked, settings(tmp_path, LORA_WORKERS="4")) == 2


def test_one_process_is_started_plainly_and_several_through_the_launcher(tmp_path: Path) -> None:
    alone = launch(spec(), tmp_path, {"A": "b"}, settings(tmp_path))
    assert alone.argv[1:] == ("-m", "core.server.engines.lora", str(tmp_path)) and alone.env == {"A": "b"}
    two = launch(spec(), tmp_path, {}, settings(tmp_path, LORA_WORKERS="2"))
    assert two.argv[1:] == ("-m", "core.server.engines.lora.launching", str(tmp_path), "2")
    cluster = launch(spec(), tmp_path, {}, settings(tmp_path, RAY_ADDRESS="auto"))
    assert cluster.argv[3:] == (str(tmp_path), "1")


def test_processes_of_one_processor_share_it(tmp_path: Path) -> None:
    one, two = device(spec(), settings(tmp_path)), device(spec(), settings(tmp_path, LORA_WORKERS="2"))
    assert two.count == 2 and two.flops * 2 == pytest.approx(one.flops) and two.free < one.free * 0.7
    assert elsewhere(settings(tmp_path, RAY_ADDRESS="auto")) and not elsewhere(settings(tmp_path))


@pytest.mark.parametrize("odd", ["0", "-1", "two", "1.5", "9999"])
def test_a_number_of_workers_that_cannot_be_is_refused(tmp_path: Path, odd: str) -> None:
    with pytest.raises(BadInput, match="LUOPAN_LORA_WORKERS"):
        settings(tmp_path, LORA_WORKERS=odd)


# Real processes from here on


def make_job(folder: Path, **hyperparameters: Any) -> JobDir:
    folder.mkdir(parents=True)
    (folder / "training.jsonl").write_bytes(lines(24))
    given = {"n_epochs": 1, "batch_size": 4, **hyperparameters}
    job = JobSpec(folder.name, "tiny", folder / "training.jsonl", hyperparameters=given, seed=3)
    return JobDir.create(folder / "job", job)


def start(job: JobDir, model: Path, workers: int, **more: str) -> subprocess.Popen[str]:
    env = {**os.environ, **QUIET, "LUOPAN_LORA_MODELS": f"tiny={model}", "CUDA_VISIBLE_DEVICES": "", **more}
    command = [sys.executable, "-m", "core.server.engines.lora.launching", str(job.path), str(workers)]
    return subprocess.Popen(command, cwd=ROOT, env=env, stderr=subprocess.PIPE, text=True, start_new_session=True)


def ranks(job: JobDir) -> dict[int, int]:
    """The process numbers of those that share a job, by their place among them."""
    word = f"--job={job.path}".encode()
    found = {}
    for entry in Path("/proc").iterdir():
        try:
            if entry.name.isdigit() and word in (entry / "cmdline").read_bytes().split(b"\0"):
                environ = dict(part.split(b"=", 1) for part in (entry / "environ").read_bytes().split(b"\0") if part)
                found[int(environ[b"RANK"])] = int(entry.name)
        except (OSError, KeyError):
            continue
    return found


@pytest.mark.slow
@pytest.mark.timeout(300)
def test_two_processes_learn_what_one_learns(lora: LoraBench, tiny: Path) -> None:
    numbers = {"n_epochs": 1, "batch_size": 4}
    one = lora.train(chats(24), name="one", hyperparameters=numbers)
    two = lora.job(lora.spec(chats(24), hyperparameters=numbers))
    process = start(two, tiny, 2)
    assert process.wait(120) == 0, process.communicate()[1][-2000:]
    assert events(two, "ready")[0]["world_size"] == 2
    assert [event["status"] for event in events(two, "end")] == ["succeeded"]
    steps = [event["step"] for event in events(two, "metrics")]
    assert steps == list(range(1, 7)), "the batch is shared, so there are as many steps, each told once"
    for alone, together in zip(events(one, "metrics"), events(two, "metrics"), strict=True):
        assert together["train_loss"] == pytest.approx(alone["train_loss"], abs=2e-4)

    from safetensors.torch import load_file

    alone = load_file(one.final_path / "adapter_model.safetensors")
    together = load_file(two.final_path / "adapter_model.safetensors")
    assert alone.keys() == together.keys()
    assert all((alone[name] - together[name]).abs().max() < 1e-3 for name in alone)
    assert not list(two.path.glob("scratch*"))


@pytest.mark.slow
@pytest.mark.timeout(300)
def test_two_processes_stop_at_the_same_step_and_one_goes_on_alone(lora: LoraBench, tiny: Path) -> None:
    numbers = {**FAST, "n_epochs": 1}
    whole = lora.train(chats(48), name="whole", hyperparameters=numbers)
    job = lora.job(lora.spec(chats(48), hyperparameters=numbers))
    job.ask("pause")
    assert start(job, tiny, 2).wait(200) == 0
    assert job.read_events()[0][-1]["status"] == "paused" and len(events(job, "metrics")) == 1
    assert "2 processes train together." in texts(job)
    job.ask(None)
    assert lora.work(job) == 0
    assert curve(job) == pytest.approx(curve(whole), abs=1e-3)


@pytest.mark.slow
@pytest.mark.timeout(300)
@pytest.mark.skipif(sys.platform != "linux", reason="looks for processes in /proc")
def test_whoever_is_killed_nobody_is_left_behind_and_the_job_can_go_on(tiny: Path, tmp_path: Path) -> None:
    job = make_job(tmp_path / "job", n_epochs=40)
    told = 0
    for victim in ("one of them", "the launcher"):
        process = start(job, tiny, 2)
        wait_for(lambda known=told: len(events(job, "checkpoint")) > known)
        told = len(events(job, "checkpoint"))
        os.kill(ranks(job)[1] if victim == "one of them" else process.pid, signal.SIGKILL)
        assert process.wait(60) != 0
        wait_for(lambda: not ranks(job), 10)
        assert not events(job, "end"), "the server starts it again"
    steps = len(events(job, "metrics"))
    process = start(job, tiny, 2)
    wait_for(lambda: len(events(job, "metrics")) > steps + 1)
    job.ask("cancel")
    assert process.wait(60) == 0, process.communicate()[1][-2000:]
    assert not ranks(job) and [event["status"] for event in events(job, "end")] == ["cancelled"]
    steps = [event["step"] for event in events(job, "metrics")]
    assert steps == list(range(1, len(steps) + 1)), "it went on, and told no step twice"


@pytest.mark.slow
@pytest.mark.timeout(300)
def test_fewer_processes_than_were_asked_for_is_an_error_and_no_silence(tiny: Path, tmp_path: Path) -> None:
    job = make_job(tmp_path / "job")
    env = {**os.environ, **QUIET, "LUOPAN_LORA_MODELS": f"tiny={tiny}", "RANK": "0", "WORLD_SIZE": "1"}
    env |= {"MASTER_ADDR": "127.0.0.1", "MASTER_PORT": str(free_port())}
    command = [sys.executable, "-m", "core.server.engines.lora.ranks", f"--job={job.path}", "--workers=2"]
    assert subprocess.run(command, cwd=ROOT, env=env).returncode == 1
    error = events(job, "end")[0]["error"]
    assert error["code"] == "wrong_world_size" and "2 processes, but 1 came" in error["message"]


@pytest.mark.slow
def test_the_estimate_knows_how_many_rows_go_through_the_model_together(tiny: Path) -> None:
    from core.server.engines.lora import trainers

    assert trainers._AT_ONCE == TOGETHER


def free_port() -> int:
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        return int(listener.getsockname()[1])


@pytest.fixture(scope="module")
def cluster(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """A Ray cluster of this machine with room for two workers."""
    if importlib.util.find_spec("ray") is None:
        reason = "ray is not installed here (pip install -r requirements-ray.txt)"
        pytest.fail(reason) if os.environ.get("CI") == "true" else pytest.skip(reason)
    address = f"127.0.0.1:{free_port()}"
    ray = str(Path(sys.executable).with_name("ray"))
    folder = Path("/tmp") / f"ray-{os.getpid()}"  # the paths of its sockets must be short
    command = [ray, "start", "--head", f"--port={address.split(':')[1]}", "--num-cpus=2", "--include-dashboard=false"]
    env = {**os.environ, **QUIET, "PYTHONPATH": ""}
    subprocess.run(
        [*command, f"--temp-dir={folder}", "--disable-usage-stats"], check=True, env=env, capture_output=True
    )
    yield address
    stop(folder)


def stop(folder: Path) -> None:
    """Ends the cluster whose files are in this folder, and no other."""
    import shutil

    for entry in Path("/proc").iterdir():
        try:
            if entry.name.isdigit() and str(folder).encode() in (entry / "cmdline").read_bytes():
                os.kill(int(entry.name), signal.SIGKILL)
        except OSError:
            continue
    shutil.rmtree(folder, ignore_errors=True)


@pytest.mark.slow
@pytest.mark.timeout(300)
def test_a_job_over_the_server_is_trained_by_two_workers_of_a_cluster(
    cluster: str, tiny: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, value in {**QUIET, "LUOPAN_LORA_MODELS": f"tiny={tiny}", "LUOPAN_LORA_WORKERS": "2"}.items():
        monkeypatch.setenv(name, value)
    monkeypatch.setenv("LUOPAN_RAY_ADDRESS", cluster)
    provider = Provider(tmp_path / "data").start()
    try:
        method = {"type": "supervised", "supervised": {"hyperparameters": {"n_epochs": 1, "batch_size": 4}}}
        training = provider.upload(lines(24))
        job = provider.client.fine_tuning.jobs.create(model="tiny", training_file=training, method=method, seed=3)
        done = provider.finished(job.id, 200)
        assert done.status == "succeeded", (done.error, provider.messages(job.id))
        folder = JobDir(provider.data / "jobs" / job.id)
        assert events(folder, "ready")[0]["world_size"] == 2
        wait_for(lambda: not (folder.path / "ray").exists(), 10)
        assert len(events(folder, "metrics")) == 6
    finally:
        provider.kill()

    from peft import PeftModel
    from transformers import AutoModelForCausalLM

    base = AutoModelForCausalLM.from_pretrained(tiny)
    trained = PeftModel.from_pretrained(base, str(folder.final_path))
    assert any(float(weight.abs().max()) > 0 for name, weight in trained.named_parameters() if "lora_B" in name)


@pytest.mark.slow
@pytest.mark.timeout(300)
def test_a_job_that_waits_for_room_on_the_cluster_can_be_cancelled(cluster: str, tiny: Path, tmp_path: Path) -> None:
    job = make_job(tmp_path / "job", batch_size=8)
    process = start(job, tiny, 8, LUOPAN_RAY_ADDRESS=cluster)
    wait_for(lambda: events(job, "message") and job.read_state())
    time.sleep(3)
    assert process.poll() is None, "it waits"
    job.ask("cancel")
    assert process.wait(10) == 0 and events(job, "end")[0]["status"] == "cancelled"
    assert json.loads((job.path / "state.json").read_text())["pid"] == 0

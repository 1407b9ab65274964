from __future__ import annotations

import json
import os
import signal
import subprocess
import time
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from engine_bench import EXACT, Bench, Pair, ask, chat, events, free_pairs, items, pairs, preferences, texts

from core.graders import Grader
from core.server.engines.base import JobDir, JobSpec
from core.server.engines.classic.training import Training
from core.server.engines.classic.worker import Worker
from core.server.engines.course import Stopped
from tests.waiting import wait_for

ROOT = Path(__file__).resolve().parents[4]
TEMPLATE = "Sort this text into one of the classes.\n\nText: {}\nClass:"


def weights(folder: Path) -> dict[str, Any]:
    with np.load(folder / "arrays.npz") as arrays:
        return {name: arrays[name].tobytes() for name in arrays.files}


def story(job: JobDir) -> list[dict[str, Any]]:
    """All events without their times, and without what only a resumed run says."""
    kept = [event for event in job.read_events()[0] if "Going on" not in event.get("text", "")]
    return [{k: v for k, v in event.items() if k != "at"} for event in kept if event.get("status") != "paused"]


def spawn(bench: Bench, job: JobDir) -> subprocess.Popen[bytes]:
    launch = bench.engine.command(job.read_spec(), job.path)
    return subprocess.Popen(launch.argv, env={**os.environ, **launch.env}, cwd=ROOT)


def test_a_job_tells_its_story_from_ready_to_end(bench: Bench) -> None:
    job = bench.train(pairs(), valid=pairs()[::7], hyperparameters={"n_epochs": 4, "batch_size": 8})
    told = job.read_events()[0]
    assert told[0]["type"] == "ready"
    assert told[0]["hyperparameters"] == {"n_epochs": 4, "batch_size": 8, "learning_rate_multiplier": 1.0}
    assert told[0]["total_steps"] == 36
    assert told[-1]["type"] == "end"
    assert (told[-1]["status"], told[-1]["error"]) == ("succeeded", None)
    assert told[-1]["trained_tokens"] == bench.engine.check(job.read_spec()).trained_tokens > 72 * 4


def test_the_curve_is_true_and_falls(bench: Bench) -> None:
    job = bench.train(pairs(), valid=pairs()[::7], hyperparameters={"n_epochs": 4, "batch_size": 8})
    points = events(job, "metrics")
    assert [point["step"] for point in points] == list(range(1, 37))
    assert points[0]["train_loss"] == pytest.approx(np.log(3), abs=1e-4)
    assert points[-1]["train_loss"] < 0.3
    ends = [point for point in points if "full_valid_loss" in point]
    assert [point["step"] for point in ends] == [9, 18, 27, 36]
    assert ends[-1]["full_valid_mean_token_accuracy"] == 1.0
    assert {"valid_loss", "valid_mean_token_accuracy"} <= set(ends[-1])


def test_a_long_job_has_about_two_hundred_points(bench: Bench) -> None:
    job = bench.train(pairs() * 4, hyperparameters={"n_epochs": 10, "batch_size": 4})
    assert 200 <= len(events(job, "metrics")) <= 215


def test_each_epoch_leaves_a_model_that_answers(bench: Bench) -> None:
    job = bench.train(pairs(), hyperparameters={"n_epochs": 5, "batch_size": 8})
    assert [event["step"] for event in events(job, "checkpoint")] == [9, 18, 27, 36, 45]
    assert [step for step, _ in job.checkpoints()] == [9, 18, 27, 36, 45]
    for _, path in job.checkpoints():
        assert ask(bench.engine.open(path, "local-classic-1"), "lost my library card").text == "card"
    assert not job.resume_path.exists()


def test_the_same_seed_gives_the_same_model_and_another_seed_another(bench: Bench) -> None:
    one, two, other = (bench.train(pairs(), name=name, seed=seed) for name, seed in (("a", 1), ("b", 1), ("c", 2)))
    assert weights(one.final_path) == weights(two.final_path)
    assert (one.final_path / "model.json").read_text() == (two.final_path / "model.json").read_text()
    assert weights(one.final_path) != weights(other.final_path)


def a_job(bench: Bench, method: str) -> JobSpec:
    """36 steps of one kind of training, four rounds of nine."""
    more: dict[str, Any] = {"hyperparameters": {"n_epochs": 4, "batch_size": 8}, "seed": 5}
    if method == "supervised":
        return bench.spec(pairs(), pairs()[::7], **more)
    if method == "fields":
        answers = [(ask, json.dumps({"desk": desk, "odd": i % 2})) for i, (ask, desk) in enumerate(pairs())]
        return bench.spec(answers, answers[::7], **more)
    parent = bench.folder / "parent" / "final"
    if not parent.exists():
        bench.train(pairs(), name="parent")
    if method == "dpo":
        return bench.spec(preferences(), preferences()[::7], method="dpo", parent=parent, **more)
    return bench.spec(items(), items()[::7], method="reinforcement", grader=EXACT, parent=parent, **more)


@pytest.mark.parametrize("step", [1, 4, 9, 20, 35])
@pytest.mark.parametrize("method", ["supervised", "fields", "dpo", "reinforcement"])
def test_a_paused_job_goes_on_to_the_same_bits(
    bench: Bench, monkeypatch: pytest.MonkeyPatch, method: str, step: int
) -> None:
    spec = a_job(bench, method)
    whole, job = bench.job(spec, "whole"), bench.job(spec)
    assert Worker(whole).run() == 0
    learn = Training._learn

    def learn_and_ask(self: Training, rows: Any, tells: bool) -> Any:
        found = learn(self, rows, tells)
        if self.step == step:
            self.job.ask("pause")
            self.look = stop
        return found

    def stop() -> None:
        raise Stopped("pause")

    with monkeypatch.context() as patch:
        patch.setattr(Training, "_learn", learn_and_ask)
        assert Worker(job).run() == 0
    assert job.read_events()[0][-1]["status"] == "paused"
    assert not job.final_path.exists()
    job.ask(None)
    assert Worker(JobDir(job.path)).run() == 0
    assert f"Going on from step {step} of 36." in texts(job)
    assert weights(job.final_path) == weights(whole.final_path)
    assert (job.final_path / "model.json").read_text() == (whole.final_path / "model.json").read_text()
    assert story(job) == story(whole)


def test_a_job_may_be_paused_after_every_step(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    spec = a_job(bench, "reinforcement")
    whole, job = bench.job(spec, "whole"), bench.job(spec)
    assert Worker(whole).run() == 0
    learn = Training._learn

    def stop() -> None:
        raise Stopped("pause")

    def learn_and_stop(self: Training, rows: Any, tells: bool) -> Any:
        found = learn(self, rows, tells)
        self.look = stop
        return found

    with monkeypatch.context() as patch:
        patch.setattr(Training, "_learn", learn_and_stop)
        for _ in range(40):
            assert Worker(JobDir(job.path)).run() == 0
    assert weights(job.final_path) == weights(whole.final_path)
    assert story(job) == story(whole)


def test_a_grader_is_not_asked_again_by_a_worker_that_goes_on(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    job = bench.job(a_job(bench, "reinforcement"))
    look = Worker.look

    def stop_in_training(self: Worker) -> None:
        look(self)
        if events(job, "metrics"):
            raise Stopped("pause")

    with monkeypatch.context() as patch:
        patch.setattr(Worker, "look", stop_in_training)
        assert Worker(job).run() == 0
    monkeypatch.setattr(Grader, "grade", lambda *_: pytest.fail("graded again"))
    assert Worker(JobDir(job.path)).run() == 0
    assert len(events(job, "message")) == len({event["text"] for event in events(job, "message")})


class Killed(BaseException):
    """The process dies here."""


@pytest.mark.parametrize("valid", [None, pairs()[::7]], ids=["", "with validation"])
def test_a_checkpoint_that_a_kill_left_untold_is_told_by_the_next_worker(
    bench: Bench, monkeypatch: pytest.MonkeyPatch, valid: list[Pair] | None
) -> None:
    numbers = {"n_epochs": 3, "batch_size": 8}
    whole = bench.train(pairs(), valid=valid, name="whole", hyperparameters=numbers, seed=5)
    job = bench.job(bench.spec(pairs(), valid, hyperparameters=numbers, seed=5))
    emit = JobDir.emit

    def die_at_it(self: JobDir, type: str, **more: Any) -> None:
        if type == "checkpoint":
            raise Killed
        emit(self, type, **more)

    with monkeypatch.context() as patch, pytest.raises(Killed):
        patch.setattr(JobDir, "emit", die_at_it)
        Worker(job).run()
    assert [step for step, _ in job.checkpoints()] == [9] and events(job, "checkpoint") == []
    assert Worker(JobDir(job.path)).run() == 0
    assert story(job) == story(whole)


def long_job(bench: Bench, name: str = "job") -> JobDir:
    """Some seconds of work with small steps."""
    spec = bench.spec(pairs() * 8, hyperparameters={"n_epochs": 12, "batch_size": 1}, seed=3)
    return bench.job(spec, name)


def test_a_killed_worker_goes_on_to_the_same_bits(bench: Bench) -> None:
    whole, job = long_job(bench, "whole"), long_job(bench)
    assert Worker(whole).run() == 0
    process = spawn(bench, job)
    wait_for(lambda: len(job.checkpoints()) >= 2)
    process.send_signal(signal.SIGKILL)
    process.wait()
    assert events(job, "end") == []
    assert spawn(bench, job).wait(60) == 0
    assert "Going on from step" in texts(job)
    assert weights(job.final_path) == weights(whole.final_path)
    assert story(job) == story(whole)


def test_a_worker_stops_within_a_second_when_asked(bench: Bench) -> None:
    job = long_job(bench)
    process = spawn(bench, job)
    wait_for(lambda: bool(events(job, "metrics")))
    began = time.time()
    job.ask("cancel")
    assert process.wait(10) == 0
    end = job.read_events()[0][-1]
    assert end["status"] == "cancelled" and end["at"] - began < 1
    state = job.read_state()
    assert state is not None and 0 < state["step"] < state["total_steps"]
    assert not job.final_path.exists()


def test_a_job_that_has_ended_is_not_done_again(bench: Bench) -> None:
    job = bench.train(pairs())
    before = job.read_events()
    assert Worker(JobDir(job.path)).run() == 0
    assert job.read_events() == before


def test_what_was_chosen_and_why_is_said(bench: Bench) -> None:
    said = texts(bench.train([(TEMPLATE.format(question), label) for question, label in pairs()]))
    assert "72 examples have 3 different answers" in said
    assert "characters of instruction" in said
    assert "calibrated (temperature" in said
    assert "free text" in texts(bench.train(free_pairs(), name="open"))


@pytest.mark.parametrize(("rows", "mode"), [(pairs(), "open"), (free_pairs(), "closed")])
def test_the_mode_can_be_asked_for(bench: Bench, rows: list[Pair], mode: str) -> None:
    job = bench.train(rows, metadata={"engine_mode": mode})
    assert events(job, "ready")[0]["mode"] == mode
    assert "engine_mode asked for it" in texts(job)
    question, answer = rows[3]
    assert ask(bench.open(job), question).text == answer


def test_the_instruction_around_the_text_changes_no_answer(bench: Bench) -> None:
    wrapped = [(TEMPLATE.format(question), label) for question, label in pairs()]
    plain, framed = bench.train(pairs(), name="plain"), bench.train(wrapped, name="framed")
    assert weights(plain.final_path) == weights(framed.final_path)
    asked = "can I get a card"
    assert ask(bench.open(framed), TEMPLATE.format(asked)) == ask(bench.open(framed), asked)
    assert ask(bench.open(framed), asked) == ask(bench.open(plain), asked)


def test_answers_that_training_never_saw_are_counted_wrong_and_named(bench: Bench) -> None:
    valid = [*pairs()[::9], ("where is the toilet", "toilet"), ("is there a toilet", "toilet")]
    job = bench.train(pairs(), valid=valid)
    (warning,) = bench.engine.check(job.read_spec()).warnings
    assert "not in the training file: 2 (toilet)" in str(warning)
    last = events(job, "metrics")[-1]
    assert last["full_valid_mean_token_accuracy"] == pytest.approx(8 / 10, abs=1e-4)
    assert last["full_valid_loss"] < 0.5


def test_validation_without_any_known_answer_has_no_loss(bench: Bench) -> None:
    job = bench.train(pairs(), valid=[("where is the toilet", "toilet")])
    last = events(job, "metrics")[-1]
    assert last["full_valid_mean_token_accuracy"] == 0
    assert "full_valid_loss" not in last


def test_rows_that_teach_nothing_are_left_out(bench: Bench) -> None:
    job = bench.train([*pairs(), chat("unlearnt", "x", weight=0)])
    assert "72 examples" in texts(job)


@pytest.mark.parametrize("rows", [[("a", "x")], [("a", "x"), ("b", "y")], [("", "x"), ("", "y")], [("q", "x")] * 30])
@pytest.mark.parametrize("mode", ["closed", "open"])
def test_the_smallest_files_train(bench: Bench, rows: list[Pair], mode: str) -> None:
    job = bench.train(rows, metadata={"engine_mode": mode})
    assert events(job, "end")[0]["status"] == "succeeded"
    ask(bench.open(job), "a")


def test_an_open_job_shows_what_each_part_of_the_index_adds(bench: Bench) -> None:
    job = bench.train(free_pairs(), valid=free_pairs()[::7])
    points = events(job, "metrics")
    assert [point["step"] for point in points] == list(range(1, 73))
    assert points[0]["train_loss"] == 1.0
    assert points[-1]["full_valid_mean_token_accuracy"] == pytest.approx(1)
    for point in points:
        assert point["train_loss"] + point["train_mean_token_accuracy"] == pytest.approx(1, abs=1e-5)
    assert [step for step, _ in job.checkpoints()] == [72]


def test_an_open_job_gives_the_same_model_again(bench: Bench) -> None:
    one, two = (bench.train(free_pairs(), name=name, seed=4) for name in "ab")
    assert weights(one.final_path) == weights(two.final_path)
    assert story(one) == story(two)


def test_a_failure_ends_the_job_with_a_sentence(bench: Bench) -> None:
    job = bench.job(bench.spec(pairs()))
    job.read_spec().training_path.unlink()
    assert Worker(job).run() == 1
    end = job.read_events()[0][-1]
    assert end["status"] == "failed"
    assert end["error"]["code"] == "training_failed"
    assert "No such file" in end["error"]["message"]


def test_a_file_that_cannot_be_learnt_ends_with_its_parameter(bench: Bench) -> None:
    job = bench.job(bench.spec([chat("q", "a", weight=0)]))
    assert Worker(job).run() == 1
    error = job.read_events()[0][-1]["error"]
    assert (error["code"], error["param"]) == ("no_examples", "training_file")


def test_the_command_line_explains_itself(bench: Bench) -> None:
    job = bench.job(bench.spec(pairs()))
    launch = bench.engine.command(job.read_spec(), job.path)
    assert launch.env["OPENBLAS_NUM_THREADS"] == "1"
    wrong = subprocess.run(launch.argv[:-1], capture_output=True, text=True, cwd=ROOT, check=False)
    assert (wrong.returncode, wrong.stderr) == (2, "usage: python -m core.server.engines.classic JOB_DIR\n")

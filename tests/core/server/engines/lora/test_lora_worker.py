"""Training open models for real: a tiny one with random weights, made on the spot."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from lora_bench import EXACT, LoraBench, chats, curve, events, pairs, tasks, texts

from core.server.engines.base import JobDir

pytestmark = pytest.mark.timeout(300)  # processes start that load torch, which takes its time

ROOT = Path(__file__).resolve().parents[5]
HARDER = {"learning_rate_multiplier": 200, "n_epochs": 8, "batch_size": 4, "eval_samples": 2, "eval_interval": 8}
LETTER = {
    "type": "python",
    "name": "letter",
    "source": "def grade(sample, item):\n    return float(item['want'] in sample['output_text'])",
}


def weights(folder: Path) -> bytes:
    return (folder / "adapter_model.safetensors").read_bytes()


def test_answers_are_learnt_and_the_curve_is_true(lora: LoraBench) -> None:
    job = lora.train(chats(48), chats(9, 100))
    told = job.read_events()[0]
    assert (told[0]["type"], told[0]["total_steps"]) == ("ready", 18)
    assert (told[-1]["status"], told[-1]["error"]) == ("succeeded", None)
    assert told[-1]["trained_tokens"] == lora.engine.check(job.read_spec()).trained_tokens
    losses = curve(job)
    assert [event["step"] for event in events(job, "metrics")] == list(range(1, 19))
    assert losses[0] > 5 and losses[-1] < 2
    assert curve(job, "train_mean_token_accuracy")[-1] > 0.9
    assert "9 of 9 validation examples are answered word for word" in texts(job)
    ends = [event for event in events(job, "metrics") if "full_valid_loss" in event]
    assert [event["step"] for event in ends] == [6, 12, 18]
    assert ends[-1]["full_valid_exact_match"] == 1.0 and ends[-1]["full_valid_loss"] < 2
    assert [event["step"] for event in events(job, "checkpoint")] == [6, 12, 18]
    names = {path.name for path in job.final_path.iterdir()}
    assert {"adapter_model.safetensors", "adapter_config.json", "tokenizer.json", "chat_template.jinja"} <= names
    assert not [name for name in names if name.endswith((".bin", ".pt", ".pth", ".pkl"))]
    assert not job.resume_path.exists() and not (job.path / "scratch").exists()


def test_tokens_of_weight_0_carry_no_loss(lora: LoraBench) -> None:
    import torch
    from transformers import AutoModelForCausalLM

    from core.server.engines.lora.bases import Folder
    from core.server.engines.lora.encoding import Encoder

    quiet = {"role": "assistant", "content": "This must never be learnt.", "weight": 0}
    rows: list[dict[str, Any]] = [{"messages": [row["messages"][0], quiet, *row["messages"]]} for row in chats(10)]
    spec = lora.spec(rows, hyperparameters={"n_epochs": 1, "batch_size": 10})
    assert lora.work(lora.job(spec)) == 0
    model = AutoModelForCausalLM.from_pretrained(str(lora.model), local_files_only=True)
    encoder = Encoder(Folder(lora.model))
    loss, learnt = 0.0, 0
    for row, body in zip(encoder.chats(spec.training_path).rows, rows, strict=True):
        text = encoder.tokenizer.tokenizer.decode([label for label in row.labels if label >= 0], False)
        assert text == body["messages"][-1]["content"] + "<|im_end|>"
        with torch.no_grad():
            logs = torch.log_softmax(model(torch.tensor([row.ids])).logits[0], -1)
        places = [at for at, label in enumerate(row.labels) if label >= 0]
        loss -= sum(float(logs[at - 1, row.ids[at]]) for at in places)
        learnt += len(places)
    assert curve(JobDir(lora.folder / "job"))[0] == pytest.approx(loss / learnt, abs=1e-4)


def test_what_is_cut_or_left_out_is_counted_and_told(lora: LoraBench) -> None:
    long = "very " * 700
    rows = [
        *chats(12),
        {"messages": [{"role": "user", "content": "Tell me."}, {"role": "assistant", "content": long}]},
        {"messages": [{"role": "user", "content": long}, {"role": "assistant", "content": "Yes."}]},
        {"messages": [{"role": "user", "content": "?"}, {"role": "system", "content": "!"}, *chats(1)[0]["messages"]]},
    ]
    told = [str(warning) for warning in lora.engine.check(lora.spec(rows)).warnings]
    job = lora.train(rows, hyperparameters={"n_epochs": 1, "batch_size": 4})
    for sentence in (
        "training_file: 1 of 15 examples is longer than 512 tokens; its end is cut.",
        "training_file: 1 of 15 examples is left out: no answer to learn from within 512 tokens.",
    ):
        assert sentence in told and sentence not in texts(job), "the server tells the plan, once"
    assert any("left out. The chat template refuses this example" in sentence for sentence in told)
    assert len(events(job, "metrics")) == 4


def test_the_first_loss_of_preferences_is_that_of_a_coin(lora: LoraBench) -> None:
    job = lora.train(pairs(24), pairs(6, 50), method="dpo")
    losses = curve(job)
    assert losses[0] == pytest.approx(0.6931, abs=0.001)
    assert losses[-1] < 0.4 and curve(job, "valid_reward_accuracy")[-1] == 1.0
    assert curve(job, "train_reward_margin")[-1] > 0.5
    again = lora.train(pairs(24), name="again", method="dpo", parent=job.final_path)
    assert curve(again)[0] == pytest.approx(0.6931, abs=0.001), "the reference is the model that it goes on from"


def test_a_fine_tuned_model_can_be_trained_further(lora: LoraBench) -> None:
    first = lora.train(chats(48))
    more = lora.train(chats(48, 300), name="more", parent=first.final_path)
    assert curve(more)[0] < 2 < curve(first)[0]
    assert weights(more.final_path) != weights(first.final_path)


def test_rewards_rise_where_answers_are_graded(lora: LoraBench) -> None:
    job = lora.train(
        tasks(16),
        tasks(4, 50),
        method="reinforcement",
        grader=LETTER,
        hyperparameters=HARDER,
        metadata={"max_answer_tokens": "4"},
    )
    rewards = curve(job, "train_reward_mean")
    assert len(rewards) == 32
    assert sum(rewards[-6:]) / 6 > sum(rewards[:6]) / 6 + 0.2, rewards
    assert curve(job, "valid_reward_mean")[-1] > curve(job, "valid_reward_mean")[0]


@pytest.mark.parametrize(
    ("method", "rows", "step"),
    [("supervised", chats(48), 4), ("supervised", chats(48), 6), ("dpo", pairs(24), 5), ("reinforcement", tasks(8), 3)],
)
def test_a_paused_job_goes_on_as_if_it_had_not_been(
    lora: LoraBench, monkeypatch: pytest.MonkeyPatch, method: str, rows: list[dict[str, Any]], step: int
) -> None:
    from core.server.engines.lora.progress import Progress

    more: dict[str, Any] = {"method": method, "grader": LETTER if method == "reinforcement" else None}
    if method == "reinforcement":
        more |= {"hyperparameters": {**HARDER, "n_epochs": 3}, "metadata": {"max_answer_tokens": "4"}}
    whole = lora.train(rows, rows[:4], name="whole", **more)
    job = lora.job(lora.spec(rows, rows[:4], **more))
    ends = Progress.on_step_end

    def ends_and_asks(self: Progress, args: Any, state: Any, control: Any, **kept: Any) -> None:
        if state.global_step == step:
            job.ask("pause")
        ends(self, args, state, control, **kept)

    with monkeypatch.context() as patch:
        patch.setattr(Progress, "on_step_end", ends_and_asks)
        assert lora.work(job) == 0
    assert job.read_events()[0][-1]["status"] == "paused"
    assert len(events(job, "metrics")) == step, "it stops within a step"
    job.ask(None)
    assert lora.work(job) == 0
    assert f"Going on from step {step} of" in texts(job)
    assert [event["step"] for event in events(job, "metrics")] == [event["step"] for event in events(whole, "metrics")]
    assert curve(job) == pytest.approx(curve(whole), abs=1e-5)
    assert curve(job, "train_reward_mean") == curve(whole, "train_reward_mean")
    assert weights(job.final_path) == weights(whole.final_path)


def test_the_same_seed_gives_the_same_model_and_another_seed_another(lora: LoraBench) -> None:
    numbers = {"n_epochs": 1, "batch_size": 8}
    one, two, other = (
        lora.train(chats(24), name=name, seed=seed, hyperparameters=numbers)
        for name, seed in (("a", 1), ("b", 1), ("c", 2))
    )
    assert weights(one.final_path) == weights(two.final_path) != weights(other.final_path)


def test_a_cancelled_job_ends_within_a_step(lora: LoraBench, monkeypatch: pytest.MonkeyPatch) -> None:
    from core.server.engines.lora.progress import Progress

    job = lora.job(lora.spec(chats(48)))
    begins = Progress.on_step_begin

    def begins_and_asks(self: Progress, args: Any, state: Any, control: Any, **kept: Any) -> None:
        if state.global_step == 2:
            job.ask("cancel")
        begins(self, args, state, control, **kept)

    monkeypatch.setattr(Progress, "on_step_begin", begins_and_asks)
    assert lora.work(job) == 0
    assert job.read_events()[0][-1]["status"] == "cancelled"
    assert len(events(job, "metrics")) == 2 and not job.final_path.exists()


@pytest.mark.parametrize(
    ("change", "param"),
    [
        ({"hyperparameters": {"n_epochs": 0}}, "hyperparameters.n_epochs"),
        ({"hyperparameters": {"batch_size": 1.5}}, "hyperparameters.batch_size"),
        ({"hyperparameters": {"learning_rate_multiplier": -1}}, "hyperparameters.learning_rate_multiplier"),
        ({"base_model": "another"}, "model"),
        ({"parent": Path("gone")}, "model"),
        ({"metadata": {"max_hours": "0.0001"}}, "model"),
        ({"method": "reinforcement", "grader": {"type": "dream"}}, "grader.type"),
        (
            {"method": "reinforcement", "grader": {**EXACT, "reference": "a"}, "metadata": {"max_answer_tokens": "0"}},
            "metadata.max_answer_tokens",
        ),
    ],
)
def test_a_job_that_cannot_be_done_is_refused_before_it_begins(
    lora: LoraBench, change: dict[str, Any], param: str
) -> None:
    from dataclasses import replace

    from core.server.engines.base import SpecError

    rows = tasks(12) if change.get("method") else chats(12)
    with pytest.raises(SpecError) as refused:
        lora.engine.check(replace(lora.spec(rows), **change))
    assert refused.value.param == param and len(str(refused.value)) > 20


def test_a_plan_says_what_the_training_takes_and_warns_where_it_may_not_fit(
    lora: LoraBench, monkeypatch: pytest.MonkeyPatch
) -> None:
    from core.server.engines.lora import fit

    planned = lora.engine.check(lora.spec(chats(48), hyperparameters={}))
    assert planned.hyperparameters == {"n_epochs": 3, "batch_size": 4, "learning_rate_multiplier": 1.0}
    assert planned.total_steps == 36 and planned.estimated_seconds > 1
    assert "memory" in str(planned.notes[0]) and planned.warnings == ()
    insisting = {"max_memory_gb": "1000"}
    monkeypatch.setattr(fit, "TIGHT", 0.0)
    tight = lora.engine.check(lora.spec(chats(48), metadata=insisting))
    assert "memory" in str(tight.warnings[0]) and tight.notes == ()

"""Preferences and graders on a closed answer set, from the base and from a fine-tuned model."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any

import pytest
from engine_bench import EXACT, Bench, ask, events, free_pairs, items, pairs, preference, preferences, texts

from core.server.engines.base import JobDir, SpecError

FEW = {"n_epochs": 4, "batch_size": 8}
DPO: dict[str, Any] = {"method": "dpo", "hyperparameters": FEW}
RFT: dict[str, Any] = {"method": "reinforcement", "hyperparameters": FEW, "grader": EXACT}
CARD = "may I renew the reader card"


def points(job: JobDir, name: str) -> list[float]:
    return [point[name] for point in events(job, "metrics") if name in point]


def right(bench: Bench, job: JobDir) -> float:
    model = bench.open(job)
    return sum(ask(model, question).text == label for question, label in pairs()) / len(pairs())


def test_preferences_are_learnt_from_the_base(bench: Bench) -> None:
    job = bench.train(preferences(), valid=preferences()[::7], **DPO)
    assert events(job, "ready")[0]["hyperparameters"]["beta"] == 0.5
    losses = points(job, "train_loss")
    assert losses[0] == pytest.approx(math.log(2), abs=1e-4)
    assert losses[-1] < 0.4
    assert points(job, "full_valid_mean_token_accuracy")[-1] == 1.0
    assert points(job, "full_valid_rewards/margins")[-1] > 0.5
    assert right(bench, job) == 1.0
    assert "prefer one of 3 answers" in texts(job)
    assert len(job.checkpoints()) == 4


def test_preferences_move_a_fine_tuned_model(bench: Bench) -> None:
    parent = bench.train(pairs(), name="parent")
    assert ask(bench.open(parent), CARD).text == "card"
    asked = [preference(question, "opening", label) for question, label in pairs() if label == "card"]
    job = bench.train(asked, parent=parent.final_path, method="dpo")
    assert points(job, "train_loss")[0] == pytest.approx(math.log(2), abs=1e-4)
    assert ask(bench.open(job), CARD).text == "opening"
    assert ask(bench.open(job), "take this novel home").text == "borrow"


def test_preferences_between_answers_that_a_model_cannot_give_are_left_out(bench: Bench) -> None:
    parent = bench.train(pairs(), name="parent")
    rows = [*preferences(), preference("toilet?", "toilet", "card")]
    spec = bench.spec(rows, parent=parent.final_path, **DPO)
    (warning,) = bench.engine.check(spec).warnings
    assert str(warning).endswith("that can be chosen: 1.")
    with pytest.raises(SpecError, match="two answers that the model it goes on from can give"):
        bench.engine.check(bench.spec(rows[-1:], parent=parent.final_path, **DPO))


def test_a_grader_teaches_from_the_base(bench: Bench) -> None:
    job = bench.train(items(), valid=items()[::7], **RFT)
    rewards = points(job, "train_reward_mean")
    assert rewards[0] == pytest.approx(1 / 3, abs=1e-3)
    assert rewards[-1] > 0.9
    assert points(job, "valid_reward_mean")[-1] > 0.9
    assert points(job, "full_valid_reward_mean")[-1] > 0.9
    assert set(points(job, "train_reasoning_tokens_mean")) == {0.0}
    assert right(bench, job) == 1.0
    assert "9 gradings" in texts(job) or "18 gradings" in texts(job)
    assert "there are 3 answers to choose from" in texts(job)


def test_a_grader_corrects_a_fine_tuned_model(bench: Bench) -> None:
    parent = bench.train(pairs(), name="parent")
    swapped = [{**item, "desk": {"card": "opening"}.get(item["desk"], item["desk"])} for item in items()]
    job = bench.train(swapped, parent=parent.final_path, method="reinforcement", grader=EXACT)
    assert ask(bench.open(job), CARD).text == "opening"
    assert points(job, "train_kl")[0] == pytest.approx(0, abs=1e-6)
    assert points(job, "train_kl")[-1] > 0.01


@pytest.mark.parametrize(
    ("grader", "form"),
    [
        (EXACT, None),
        ({**EXACT, "input": "{{item.desk}}", "reference": "{{sample.output_text}}"}, None),
        ({"type": "multi", "graders": {"a": EXACT}, "calculate_output": "a * 2"}, None),
        ({**EXACT, "type": "text_similarity", "evaluation_metric": "fuzzy_match"}, None),
        ({**EXACT, "input": "{{sample.output_json.desk}}"}, None),
        (
            {
                "type": "python",
                "source": "def grade(sample, item):\n    return sample['output_json']['d'] == item['desk']",
            },
            {"properties": {"d": {"type": "string", "enum": ["borrow", "opening", "card"]}}, "required": ["d"]},
        ),
    ],
    ids=["value", "the other way round", "within a formula", "alike", "a field", "an enum"],
)
def test_the_answers_come_from_the_grader_or_the_format(bench: Bench, grader: Any, form: Any) -> None:
    wanted = form and {"type": "json_schema", "json_schema": {"name": "d", "schema": {"type": "object", **form}}}
    job = bench.train(items(), **{**RFT, "grader": grader, "response_format": wanted})
    assert events(job, "end")[0]["status"] == "succeeded"
    assert "card" in ask(bench.open(job), CARD).text


@pytest.mark.parametrize(
    ("change", "param", "says"),
    [
        (
            {"grader": {"type": "python", "source": "def grade(s, i):\n    return 1"}},
            "grader",
            "enum in response_format",
        ),
        ({"grader": {**EXACT, "reference": "{{item.gone}}"}}, "grader", "gone"),
        ({"grader": {"type": "magic"}}, "grader.type", "type of a grader"),
        ({"grader": None}, "grader", "object"),
        (
            {"grader": {"type": "score_model", "model": "m", "input": [{"role": "user", "content": "x"}]}},
            "grader",
            "text_similarity, python or multi",
        ),
        ({"hyperparameters": {"compute_multiplier": 11}}, "compute_multiplier", "at most 10"),
        ({"hyperparameters": {"eval_interval": 0}}, "eval_interval", "from 1"),
        ({"hyperparameters": {"eval_samples": 1.5}}, "eval_samples", "1.5"),
    ],
)
def test_a_grader_that_cannot_work_is_refused(bench: Bench, change: Any, param: str, says: str) -> None:
    with pytest.raises(SpecError, match=says) as refused:
        bench.engine.check(bench.spec(items(), **{**RFT, **change}))
    assert refused.value.param.endswith(param)


def test_free_answers_are_refused_with_the_way_out(bench: Bench) -> None:
    rows = [preference(question, answer, f"Not {answer}") for question, answer in free_pairs()]
    with pytest.raises(SpecError, match="lora engine"):
        bench.engine.check(bench.spec(rows, **DPO))
    free = [{**item, "desk": f"{number} {'x' * 70}"} for number, item in enumerate(items())]
    with pytest.raises(SpecError, match="lora engine"):
        bench.engine.check(bench.spec(free, **RFT))


@pytest.mark.parametrize("name", ["open", "fields"])
def test_only_a_model_of_whole_answers_is_gone_on_from(bench: Bench, name: str) -> None:
    answers = (
        free_pairs() if name == "open" else [(q, f'{{"a": "{a}", "b": {i % 2}}}') for i, (q, a) in enumerate(pairs())]
    )
    parent = bench.train(answers, name=name)
    with pytest.raises(SpecError, match="whole answers") as refused:
        bench.engine.check(bench.spec(preferences(), parent=parent.final_path, **DPO))
    assert refused.value.param == "model"


def test_a_grader_that_fails_everywhere_ends_the_job_with_a_sentence(bench: Bench) -> None:
    grader = {**EXACT, "input": "{{sample.output_json.desk}}", "reference": "{{item.desk}}"}
    parent = bench.train(pairs(), name="parent")
    from core.server.engines.classic.worker import Worker

    job = bench.job(bench.spec(items(), parent=parent.final_path, **{**RFT, "grader": grader}))
    assert Worker(job).run() == 1
    error = job.read_events()[0][-1]["error"]
    assert error["code"] == "grader_failed" and "sample_parse_error" in error["message"]


def test_more_compute_goes_through_the_file_more_often(bench: Bench) -> None:
    plan = bench.engine.check(bench.spec(items(), method="reinforcement", grader=EXACT))
    more = bench.engine.check(
        bench.spec(items(), method="reinforcement", grader=EXACT, hyperparameters={"compute_multiplier": 2.0})
    )
    assert more.hyperparameters["n_epochs"] == 2 * plan.hyperparameters["n_epochs"]


def test_the_validation_rows_are_asked_as_often_as_wanted(bench: Bench) -> None:
    numbers = {**FEW, "eval_interval": 5, "eval_samples": 3}
    job = bench.train(items(), valid=items()[::7], **{**RFT, "hyperparameters": numbers})
    asked = [point["step"] for point in events(job, "metrics") if "valid_reward_mean" in point]
    assert asked == sorted({*range(5, 37, 5), 9, 18, 27, 36})


def test_a_fine_tuned_model_learns_new_answers_too(bench: Bench) -> None:
    parent = bench.train(pairs(), name="parent")
    rows = [(f"{way} the toilet", "toilet") for way in ("where is", "I need", "is there", "how do I find")] * 3
    job = bench.train(rows, name="child", parent=parent.final_path)
    assert ask(bench.open(job), "where is a toilet").text == "toilet"
    assert ask(bench.open(job), "take this novel home").text == "borrow"
    assert any("may be forgotten" in str(w) for w in bench.engine.check(job.read_spec()).warnings)


def test_a_parent_that_is_gone_is_named(bench: Bench, tmp_path: Path) -> None:
    with pytest.raises(SpecError, match="cannot be read any more"):
        bench.engine.check(bench.spec(preferences(), parent=tmp_path / "gone", **DPO))


def test_a_format_that_is_not_understood_does_not_matter_where_the_grader_names_the_answers(bench: Bench) -> None:
    form = {"type": "json_schema", "json_schema": {"name": "x", "schema": {"type": "string", "pattern": "[a-z]+"}}}
    assert bench.engine.check(bench.spec(items(), **{**RFT, "response_format": form})).mode == "closed"
    python = {"type": "python", "source": "def grade(sample, item):\n    return 1"}
    with pytest.raises(SpecError, match="does not understand pattern"):
        bench.engine.check(bench.spec(items(), **{**RFT, "grader": python, "response_format": form}))

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from engine_bench import Bench, chat, free_pairs, pairs

from core.server.engines.base import JobSpec, SpecError

ROOT = Path(__file__).resolve().parents[4]


@pytest.mark.parametrize(
    ("rows", "epochs", "batch"), [(10, 15, 8), (1_000, 15, 8), (1_001, 8, 16), (19_999, 8, 16), (20_000, 3, 32)]
)
def test_auto_goes_through_few_rows_more_often(bench: Bench, rows: int, epochs: int, batch: int) -> None:
    plan = bench.engine.check(bench.spec([("q", "a")] * rows))
    assert plan.hyperparameters == {"n_epochs": epochs, "batch_size": batch, "learning_rate_multiplier": 1.0}
    assert plan.total_steps == epochs * -(-rows // batch)
    assert plan.trained_tokens == epochs * rows * 2
    assert plan.estimated_seconds > 0


def test_what_is_asked_for_is_taken(bench: Bench) -> None:
    asked = {"n_epochs": 2, "batch_size": "auto", "learning_rate_multiplier": 0.5}
    plan = bench.engine.check(bench.spec(pairs(), hyperparameters=asked))
    assert plan.hyperparameters == {"n_epochs": 2, "batch_size": 8, "learning_rate_multiplier": 0.5}
    assert plan.mode == "closed"


def test_an_open_job_goes_through_its_file_once(bench: Bench) -> None:
    plan = bench.engine.check(bench.spec(free_pairs(), hyperparameters={"n_epochs": 9}))
    assert (plan.mode, plan.hyperparameters["n_epochs"], plan.total_steps) == ("open", 1, 72)


def test_left_out_rows_are_warned_of(bench: Bench) -> None:
    silent = chat("q", "a", weight=0)
    warnings = bench.engine.check(bench.spec([*pairs(), silent], [*pairs(), silent, silent])).warnings
    assert [str(warning)[:15] for warning in warnings] == ["training_file: ", "validation_file"]
    assert str(warnings[1]).endswith("left out: 2.")


def test_classes_with_a_single_example_are_warned_of(bench: Bench) -> None:
    (warning,) = bench.engine.check(bench.spec([*pairs(), ("toilet?", "toilet")])).warnings
    assert "only once in the training file: 1" in str(warning)
    assert bench.engine.check(bench.spec(free_pairs())).warnings == ()


@pytest.mark.parametrize(
    ("change", "param", "says"),
    [
        ({"base_model": "gpt-4o"}, "model", "not gpt-4o"),
        ({"method": "magic"}, "method", '"magic"'),
        ({"parent": Path("some/final")}, "model", "cannot be read any more"),
        ({"metadata": {"engine_mode": "magic"}}, "metadata.engine_mode", '"magic"'),
        ({"hyperparameters": {"n_epochs": 0}}, "hyperparameters.n_epochs", "from 1 to 50"),
        ({"hyperparameters": {"n_epochs": 2.5}}, "hyperparameters.n_epochs", "2.5"),
        ({"hyperparameters": {"n_epochs": True}}, "hyperparameters.n_epochs", "True"),
        ({"hyperparameters": {"batch_size": 257}}, "hyperparameters.batch_size", "from 1 to 256"),
        ({"hyperparameters": {"batch_size": "many"}}, "hyperparameters.batch_size", "'many'"),
        ({"hyperparameters": {"learning_rate_multiplier": -1}}, "hyperparameters.learning_rate_multiplier", "-1"),
    ],
)
def test_what_cannot_be_done_is_refused_with_its_parameter(
    bench: Bench, change: dict[str, Any], param: str, says: str
) -> None:
    whole: dict[str, Any] = {"job_id": "j", "base_model": "local-classic-1", "training_path": bench.file(pairs())}
    with pytest.raises(SpecError) as refused:
        bench.engine.check(JobSpec(**{**whole, **change}))
    assert refused.value.param == param
    assert says in str(refused.value)


def test_a_broken_validation_file_is_refused_with_its_line(bench: Bench, tmp_path: Path) -> None:
    broken = tmp_path / "broken.jsonl"
    broken.write_text('{"messages": []}\nnot json\n')
    with pytest.raises(SpecError, match="line 2") as refused:
        bench.engine.check(JobSpec("j", "local-classic-1", bench.file(pairs()), broken))
    assert refused.value.param == "validation_file"


def test_the_card_of_the_base_is_honest(bench: Bench) -> None:
    (card,) = bench.engine.models()
    assert card.id == "local-classic-1"
    assert card.methods == ("supervised", "dpo", "reinforcement")
    for promise in ("understands no language", "Untrained it knows nothing"):
        assert promise in str(card.description)


def test_the_door_opens_without_numpy() -> None:
    code = "import sys, core.server.engines.classic.engine; sys.exit('numpy' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], cwd=ROOT, check=False).returncode == 0

"""One rule for every number of a training: what the server takes, every engine takes, and the other way round."""

from __future__ import annotations

from typing import Any

import pytest
from pydantic import TypeAdapter, ValidationError

from core.server.engines.base import JobSpec, SpecError
from core.server.engines.classic.planning import _resolved
from core.server.engines.hyperparameters import RANGES
from core.server.engines.lora.planning import resolved
from core.server.hyperparameters import DpoHyperparameters, ReinforcementHyperparameters

# As PROTOCOL's table has them: the smallest and the largest that is taken, and what lies just outside.
EDGES: dict[str, tuple[list[float], list[Any]]] = {
    "n_epochs": ([1, 50], [0, 51, 1.5, True, "many"]),
    "batch_size": ([1, 256], [0, 257, 2.5]),
    "learning_rate_multiplier": ([1e-9, 0.02, 1_000], [0, -1, 1_001, float("inf"), float("nan")]),
    "beta": ([1e-7, 2], [0, 2.1]),
    "compute_multiplier": ([0.0000101, 0.5, 10], [0.00001, 0, 10.1]),
    "eval_interval": ([1, 2_000_000], [0, 1.5]),
    "eval_samples": ([1, 200_000], [0, 1.5]),
}
CASES = [(name, value, taken) for name, edges in EDGES.items() for taken in (True, False) for value in edges[not taken]]


def test_every_number_has_its_range() -> None:
    assert set(RANGES) == set(EDGES)


@pytest.mark.parametrize(("name", "value", "taken"), CASES)
def test_the_server_and_both_engines_take_the_same(name: str, value: Any, taken: bool) -> None:
    kind, method = (DpoHyperparameters, "dpo") if name == "beta" else (ReinforcementHyperparameters, "reinforcement")
    asked = {name: value}
    spec = JobSpec("j", "local-classic-1", None, method=method, hyperparameters=asked)  # type: ignore[arg-type]
    for take in (
        lambda: TypeAdapter(kind).validate_python(asked),
        lambda: _resolved(spec, 100),
        lambda: resolved(method, asked, 100),
    ):
        if taken:
            take()
            continue
        with pytest.raises((ValidationError, SpecError)) as refused:
            take()
        assert str(RANGES[name].words) in str(refused.value)


def test_an_open_model_answers_no_more_often_than_can_be() -> None:
    assert resolved("reinforcement", {"eval_samples": 200_000}, 100)["eval_samples"] == 64


def test_a_refusal_is_told_in_the_reader_s_language_down_to_its_range() -> None:
    with pytest.raises(SpecError) as refused:
        resolved("supervised", {"n_epochs": 51}, 100)
    told = refused.value.message.as_json()["params"]["words"]
    assert told == {"sentence": "a whole number from {low} to {high}", "params": {"low": "1", "high": "50"}}
    assert str(RANGES["learning_rate_multiplier"].words) == "a number above 0, at most 1000"

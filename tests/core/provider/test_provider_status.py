"""One set of words for the states and figures of all providers."""

from __future__ import annotations

from typing import Any

import pytest

from core.provider.status import Status, metric_name, metrics_of, number, status_of

WORDS = {
    Status.PREPARING: ("validating_files", "pending", "Pending", "created"),
    Status.QUEUED: ("queued", " Queued "),
    Status.RUNNING: ("running", "training", "compressing", "uploading"),
    Status.PAUSED: ("pausing", "paused", "resuming"),
    Status.CANCELLING: ("cancel_requested",),
    Status.SUCCEEDED: ("succeeded", "completed", "success", "SUCCEEDED"),
    Status.FAILED: ("failed", "error"),
    Status.CANCELLED: ("cancelled", "canceled"),
    Status.UNKNOWN: ("", "warming_up", None, 3, ["running"], {}),
}


@pytest.mark.parametrize(("status", "raw"), [(status, raw) for status, raws in WORDS.items() for raw in raws])
def test_a_providers_word_is_understood(status: Status, raw: Any) -> None:
    assert status_of(raw) == status


def test_exactly_three_states_are_the_end() -> None:
    assert {status for status in Status if status.is_terminal} == {Status.SUCCEEDED, Status.FAILED, Status.CANCELLED}


@pytest.mark.parametrize("status", Status)
def test_every_status_has_a_word(status: Status) -> None:
    assert status.shown


@pytest.mark.parametrize(
    ("raw", "name"),
    [
        ("loss", "train_loss"),
        ("training_loss", "train_loss"),
        ("eval_loss", "valid_loss"),
        ("\ufeffstep", "step"),
        (" current_steps ", "step"),
        ("train_accuracy", "train_mean_token_accuracy"),
        ("acc", "train_mean_token_accuracy"),
        ("validation_mean_token_accuracy", "valid_mean_token_accuracy"),
        ("eval_acc", "valid_mean_token_accuracy"),
        ("valid_mean_reward", "valid_reward_mean"),
        ("train_reward_accuracy", "train_rewards/accuracies"),
        ("valid_reward_margin", "valid_rewards/margins"),
        ("train_rewards/chosen", "train_rewards/chosen"),
        ("classification/accuracy", "classification/accuracy"),
        ("Learning Rate", "learning_rate"),
    ],
)
def test_a_metric_has_one_name(raw: str, name: str) -> None:
    assert metric_name(raw) == name


@pytest.mark.parametrize("value", ["", "nan", "None", None, "text", True, "inf", [], float("nan")])
def test_what_says_no_value_is_none(value: Any) -> None:
    assert number(value) is None


def test_only_numbers_of_an_events_data_are_figures() -> None:
    data = {"step": 3, "loss": "0.5", "note": "fast", "valid_loss": None, "mine": 2}
    assert metrics_of(data) == {"step": 3.0, "train_loss": 0.5, "mine": 2.0}

"""A curve in words."""

from __future__ import annotations

from collections.abc import Sequence

import pytest

from core.jobs import Checkpoint, Point, Series, read_curve


def curve(name: str, values: Sequence[float], every: int = 10) -> Series:
    return Series(name, tuple(Point((i + 1) * every, value) for i, value in enumerate(values)))


def words(*curves: Series, checkpoints: Sequence[Checkpoint] = (), tokens: float | None = None) -> str:
    return " ".join(str(text) for text in read_curve(curves, checkpoints, median_answer_tokens=tokens))


FALLING = [2.0, 1.5, 1.1, 0.8, 0.6, 0.4]
VALLEY = [2.0, 1.4, 1.0, 1.1, 1.3, 1.6]
KEPT = [Checkpoint("a", 20, "m:20"), Checkpoint("b", 40, "m:40"), Checkpoint("c", 60, "m:60")]


def test_without_figures_it_says_when_they_come() -> None:
    assert "no curve yet" in words()


def test_memorising_is_named_with_the_best_checkpoint() -> None:
    said = words(curve("train_loss", FALLING), curve("valid_loss", VALLEY), checkpoints=KEPT)
    assert "rises after step 30" in said
    assert "checkpoint at step 20 was best" in said or "checkpoint at step 40 was best" in said


def test_a_checkpoints_own_validation_loss_decides() -> None:
    losses = {20: 1.4, 40: 0.9, 60: 1.6}
    kept = [Checkpoint(c.id, c.step, c.model, None, {"full_valid_loss": losses[c.step]}) for c in KEPT]
    assert "checkpoint at step 40 was best" in words(curve("valid_loss", VALLEY), checkpoints=kept)


def test_without_checkpoints_fewer_epochs_are_advised() -> None:
    assert "fewer epochs" in words(curve("valid_loss", VALLEY))


@pytest.mark.parametrize(
    ("curves", "word"),
    [
        ([curve("train_loss", FALLING)], "fell from 2 to 0.4"),
        ([curve("train_loss", FALLING)], "Without validation rows"),
        ([curve("train_loss", [1.0, 1.0, 0.99, 1.0])], "hardly moved"),
        ([curve("train_loss", [1.0, 1.2, 1.5, 2.0])], "rose"),
        ([curve("valid_loss", FALLING)], "still falling"),
        ([curve("full_valid_loss", [5.6, 4.9, 4.68])], "still falling"),
        ([curve("valid_loss", [2.0, 1.0, 0.99, 1.0, 0.99, 0.99])], "came to rest"),
        ([curve("valid_loss", [1.0, 1.2, 1.4, 1.6])], "never fell"),
        ([curve("valid_loss", [0.05, 0.03, 0.0197, 0.0197, 0.0203, 0.0207])], "came to rest"),  # all but nought
        ([curve("train_loss", [2, 1, 0.1, 0.05]), curve("valid_loss", [2, 1.5, 1.2, 1.2])], "varied examples"),
        ([curve("train_loss", FALLING), curve("valid_mean_token_accuracy", [0.5, 0.84])], "84 %"),
        ([curve("train_loss", FALLING), curve("valid_rewards/accuracies", [0.5, 0.91])], "likelier one in 91 %"),
        ([curve("train_reward_mean", [0.2, 0.2, 0.2, 0.9])], "Reward rose from 0.2 to 0.9"),
        ([curve("train_reward_mean", [0.9, 0.9, 0.9, 0.2])], "Reward fell from 0.9 to 0.2"),
        ([curve("train_reward_mean", [0.5, 0.5, 0.5, 0.5])], "Reward stayed near 0.5"),
        ([curve("train_reward_mean", [0, 0, 0, 0])], "Reward stayed near 0"),
        ([curve("train_reward_mean", [0, 0, 0, 1]), curve("valid_reward_mean", [0, 0.9])], "held out it ended at 0.9"),
        ([curve("train_reward_mean", [0, 0, 0, 1]), curve("valid_reward_mean", [0, 0.3])], "varied examples"),
    ],
)
def test_each_shape_has_its_sentence(curves: list[Series], word: str) -> None:
    assert word in words(*curves)


def test_short_answers_get_a_word_on_the_floor_of_accuracy() -> None:
    falling = curve("train_loss", FALLING)
    assert "near 67 %" in words(falling, tokens=1)
    assert "67 %" not in words(falling, tokens=80) + words(falling)


@pytest.mark.parametrize("count", [1, 2])
def test_too_few_points_say_nothing_wrong(count: int) -> None:
    said = words(curve("train_loss", FALLING[:count]), curve("valid_loss", VALLEY[:count]))
    assert "memorise" not in said and "fell" not in said


def test_a_loss_that_stays_level_came_to_rest_where_it_stopped_falling() -> None:
    said = words(curve("valid_loss", [2.0, 1.4, 1.0, *[0.99] * 40]))
    assert "came to rest around step" in said
    step = int(said.split("came to rest around step ")[1].split(":")[0])
    assert step <= curve("valid_loss", [0.0] * 6).points[-1].step

"""A curve in words: what it says, for somebody who has never read one."""

from __future__ import annotations

from collections.abc import Sequence
from statistics import fmean

from core.jobs.metrics import Point, Series
from core.jobs.values import Checkpoint
from core.words import T, Text

MEMORISING = 1.03  # validation loss this much above its lowest point counts as rising,
NOTICEABLE = 0.01  # where that is also this much of loss: near nought the smallest step is a large share
AT_REST = 0.03  # of its whole fall that the loss may still lie above its lowest point
STILL_FALLING = 0.97  # the last sixth of the curve below this share of the sixth before counts as falling
HARDLY_MOVED = 0.95
HARDLY_REWARDED = 0.02
SHORT_ANSWER = 4  # tokens; below it, two hidden end tokens lift the accuracy of hosted models
HOSTED_FLOOR = 0.67


def read_curve(
    curves: Sequence[Series], checkpoints: Sequence[Checkpoint] = (), *, median_answer_tokens: float | None = None
) -> list[Text]:
    """What the curves say, most important first. `median_answer_tokens`: give it for hosted providers only."""
    by_name = {curve.name: curve.points for curve in curves}
    if by_name.get("train_reward_mean"):
        return _reward_words(by_name)  # its loss is the cost of moving less the reward: it says nothing more
    train = by_name.get("train_loss", ())
    valid = _validation(by_name)
    if not train and not valid:
        return [T("There is no curve yet. It appears as soon as the provider tells the first figures.")]
    said = [*_validation_words(valid, checkpoints), *_training_words(train, bool(valid))]
    said += _gap_words(train, valid)
    said += _accuracy_words(by_name, median_answer_tokens)
    return said + _preference_words(by_name)


def _validation(by_name: dict[str, tuple[Point, ...]]) -> tuple[Point, ...]:
    """The curve that judges best: the whole validation set where it is measured often enough, else its samples."""
    full, sampled = by_name.get("full_valid_loss", ()), by_name.get("valid_loss", ())
    return full if len(full) >= 3 or len(full) >= len(sampled) else sampled


def _validation_words(points: Sequence[Point], checkpoints: Sequence[Checkpoint]) -> list[Text]:
    if len(points) < 3:
        return []
    smooth = _smooth([point.value for point in points])
    lowest = min(range(len(smooth)), key=smooth.__getitem__)
    step = points[lowest].step
    if smooth[-1] > smooth[0] and lowest == 0:
        return [T("Validation loss never fell: the model learns nothing that helps with rows it has not seen.")]
    if smooth[-1] > max(smooth[lowest] * MEMORISING, smooth[lowest] + NOTICEABLE) and lowest < len(points) - 1:
        return _memorising_words(step, checkpoints)
    rest = smooth[lowest] + AT_REST * (smooth[0] - smooth[lowest])
    step = next(point.step for point, value in zip(points, smooth, strict=True) if value <= rest)
    if _is_falling(smooth) or step == points[-1].step:
        return [T("Validation loss was still falling at the end: more epochs may make the model better.")]
    return [T("Validation loss came to rest around step {step}: the training was long enough.", step=step)]


def _memorising_words(step: int, checkpoints: Sequence[Checkpoint]) -> list[Text]:
    best = _best(step, checkpoints)
    rising = T("Validation loss rises after step {step}: from there on the model begins to memorise.", step=step)
    if best is None:
        return [rising, T("Train again with fewer epochs, or with more and more varied examples.")]
    if best == max(checkpoint.step for checkpoint in checkpoints):
        return [rising, T("The last model is still the best one that was kept.")]
    return [rising, T("The checkpoint at step {step} was best: compare it with the last model.", step=best)]


def _best(step: int, checkpoints: Sequence[Checkpoint]) -> int | None:
    """The step of the checkpoint to prefer: by its own validation loss where known, else the nearest to the lowest."""
    if not checkpoints:
        return None
    names = ("full_valid_loss", "valid_loss")
    for name in names:
        if all(name in checkpoint.metrics for checkpoint in checkpoints):
            return min(checkpoints, key=lambda checkpoint: checkpoint.metrics[name]).step
    return min(checkpoints, key=lambda checkpoint: abs(checkpoint.step - step)).step


def _training_words(points: Sequence[Point], has_validation: bool) -> list[Text]:
    if len(points) < 3:
        return []
    first, last = _ends(points)
    if last > first * 1.05:
        said = [T("Training loss rose: the steps are too large. Try a smaller learning-rate multiplier.")]
    elif last > first * HARDLY_MOVED:
        said = [T("Training loss hardly moved: the model learned little. Try more epochs or look at the data.")]
    else:
        said = [T("Training loss fell from {first} to {last}.", first=_round(first), last=_round(last))]
    if not has_validation:
        said.append(T("Without validation rows nobody can see whether the model memorises: set some aside next time."))
    return said


def _gap_words(train: Sequence[Point], valid: Sequence[Point]) -> list[Text]:
    if len(train) < 3 or len(valid) < 3:
        return []
    ends = max(1, len(train) // 10)
    last = fmean(point.value for point in train[-ends:])
    judged = _smooth([point.value for point in valid])[-1]
    if last > 0.01 and judged > 2 * last and judged - last > 0.2:
        return [T("The model does much better on rows it was trained with: more varied examples would help.")]
    return []


def _accuracy_words(by_name: dict[str, tuple[Point, ...]], median_answer_tokens: float | None) -> list[Text]:
    said: list[Text] = []
    for name in ("full_valid_mean_token_accuracy", "valid_mean_token_accuracy"):
        points = by_name.get(name, ())
        if points:
            value = _smooth([point.value for point in points])[-1]
            said.append(
                T("At the end {share} % of the answer tokens of validation rows were right.", share=_share(value))
            )
            break
    if median_answer_tokens is not None and median_answer_tokens < SHORT_ANSWER:
        said.append(
            T(
                "The answers are short. Providers seem to count two hidden end tokens with each, so accuracy begins "
                "near {floor} % even for a model that knows nothing.",
                floor=_share(HOSTED_FLOOR),
            )
        )
    return said


def _preference_words(by_name: dict[str, tuple[Point, ...]]) -> list[Text]:
    for name in ("full_valid_rewards/accuracies", "valid_rewards/accuracies"):
        if points := by_name.get(name, ()):
            share = _share(_smooth([point.value for point in points])[-1])
            return [
                T("At the end the better answer was the likelier one in {share} % of the validation rows.", share=share)
            ]
    return []


def _reward_words(by_name: dict[str, tuple[Point, ...]]) -> list[Text]:
    """What a reinforcement training achieved: the judged rows it learnt from, and those it has not seen."""
    points = by_name["train_reward_mean"]
    first, last = fmean(point.value for point in points[:3]), _ends(points)[1]
    least = HARDLY_REWARDED * max(abs(first), abs(last))
    words = {"first": _round(first), "last": _round(last)}
    if last - first > least:
        said = [T("Reward rose from {first} to {last}: the answers are judged better than before.", **words)]
    elif first - last > least:
        said = [T("Reward fell from {first} to {last}: try a smaller learning-rate multiplier.", **words)]
    else:
        said = [T("Reward stayed near {last}: no better answers were found. Look at the grader.", last=_round(last))]
    held_out = by_name.get("full_valid_reward_mean") or by_name.get("valid_reward_mean", ())
    if held_out:
        judged = _ends(held_out)[1]
        said.append(T("On rows that were held out it ended at {last}.", last=_round(judged)))
        if first < last and last - judged > (last - first) / 2:
            said.append(T("The model does much better on rows it was trained with: more varied examples would help."))
    return said


def _ends(points: Sequence[Point]) -> tuple[float, float]:
    """The means of the first and the last tenth of a curve."""
    ends = max(1, len(points) // 10)
    return fmean(point.value for point in points[:ends]), fmean(point.value for point in points[-ends:])


def _smooth(values: Sequence[float]) -> list[float]:
    """A running mean over about a tenth of the curve, so that one lucky batch decides nothing."""
    reach = len(values) // 20
    return [fmean(values[max(0, i - reach) : i + reach + 1]) for i in range(len(values))]


def _is_falling(values: Sequence[float]) -> bool:
    part = max(1, len(values) // 6)
    return len(values) >= 4 and fmean(values[-part:]) < fmean(values[-2 * part : -part]) * STILL_FALLING


def _round(value: float) -> str:
    return f"{value:.3g}"


def _share(value: float) -> str:
    return f"{value * 100:.0f}"

"""What a job would be: its mode, its numbers, and what stands in its way."""

from __future__ import annotations

from collections import Counter
from pathlib import Path

from core.server.engines.base import JobSpec, Number, Plan, SpecError
from core.server.engines.classic import BASE, METHODS
from core.server.engines.classic.calibration import LEARN_MOST, held_out_parts
from core.server.engines.classic.conversation import count_text
from core.server.engines.classic.deciding import Decision, decide
from core.server.engines.classic.reading import Rows, read_rows
from core.server.engines.classic.rewards import check_grader, seconds_of
from core.server.engines.hyperparameters import chosen
from core.words import T, Text

_OPEN_STEPS = 200
_NAMED = 5  # unseen answers that a warning names
BETA = 0.5  # measured: 47 % on TNEWS, where the usual 0.1 reaches 42 %
_EVALUATIONS = 40  # of a reinforcement job, where nothing is said
_EVAL_ROWS = 200


def read_file(path: Path, param: str, method: str = "supervised") -> Rows:
    """The examples of a file; SpecError names the line that cannot be read, or that nothing can be learnt."""
    try:
        rows = read_rows(path, method)
    except ValueError as error:
        message = T("{param}: {error}. Check the file and upload it again.", param=param, error=str(error))
        raise SpecError(param, "invalid_file", message) from error
    if not rows:
        message = T("{param}: no example in it has an answer by the assistant to learn from.", param=param)
        if method == "dpo":
            message = T("{param}: no example in it has two different answers, one of them preferred.", param=param)
        if method == "reinforcement":
            message = T("{param}: no example in it asks anything.", param=param)
        raise SpecError(param, "no_examples", message)
    return rows


def refuse_what_cannot_be(spec: JobSpec) -> None:
    """Raises SpecError for a model or method that this engine does not train."""
    if spec.base_model != BASE:
        message = T("The classic engine trains {base}, not {seen}.", base=BASE, seen=spec.base_model)
        raise SpecError("model", "model_not_found", message)
    if spec.method not in METHODS:
        message = T(
            'The classic engine trains by the methods {known}, not "{seen}".',
            known=", ".join(METHODS),
            seen=spec.method,
        )
        raise SpecError("method", "unsupported_method", message)


def plan(spec: JobSpec, rows: Rows, valid: Rows | None = None) -> tuple[Plan, Decision]:
    """The numbers of a job on these rows, what a person should know about them, and what it chooses among."""
    if spec.method == "reinforcement":
        check_grader(spec.grader, rows.items + (valid.items if valid else []))
    decided = decide(spec, rows)
    mode, rows = decided.mode, decided.rows
    numbers = _resolved(spec, len(rows))
    if mode == "open":
        numbers["n_epochs"] = 1  # an index is complete after one look
    epochs, batch = int(numbers["n_epochs"]), int(numbers["batch_size"])
    steps = epochs * -(-len(rows) // batch) if mode != "open" else min(_OPEN_STEPS, len(rows))
    if spec.method == "reinforcement" and spec.hyperparameters.get("eval_interval", "auto") == "auto":
        numbers["eval_interval"] = max(1, steps // _EVALUATIONS)
    spoken = len(rows) if mode != "open" else sum(count_text(answer.text) for answer in rows.answers)
    found = Plan(
        mode, numbers, steps, epochs * (rows.tokens + spoken), _seconds(spec, decided, valid, steps, epochs),
        _warnings(spec, decided, valid),
    )  # fmt: skip
    return found, decided


def _seconds(spec: JobSpec, decided: Decision, valid: Rows | None, steps: int, epochs: int) -> float:
    """About how long the job takes, as measured on two cores of 2024: reading goes by characters, learning by steps
    and by characters times epochs, once more for each model that calibration learns without some rows."""
    rows = decided.rows
    chars, measured = rows.characters, valid.characters if valid else 0
    seconds = 0.5 + 3.5e-6 * (chars + measured)
    if decided.choices is None:
        asked = min(_OPEN_STEPS, len(rows)) * 10 + 1_000 + (2_000 if valid else 0)
        return round(seconds + asked * (3e-4 + 4e-8 * len(rows)), 1)
    classes = sum(decided.choices.sizes)
    learning = 1e-4 * steps + 2.5e-7 * epochs * (chars + measured) * (1 + classes / 400)
    again = 0 if valid else held_out_parts(len(rows))
    seconds += learning * (1 + again * min(1, LEARN_MOST / len(rows)))
    if spec.grader:
        seconds += seconds_of(spec.grader, rows.items + (valid.items if valid else []), classes)
    return round(seconds, 1)


def _resolved(spec: JobSpec, rows: int) -> dict[str, Number]:
    """The hyper-parameters without "auto": few rows are gone through more often, in smaller batches."""
    epochs, batch = (15, 8) if rows <= 1_000 else (8, 16) if rows < 20_000 else (3, 32)
    numbers: dict[str, Number] = {"n_epochs": epochs, "batch_size": batch, "learning_rate_multiplier": 1.0}
    if spec.method == "dpo":
        numbers |= {"beta": BETA}
    if spec.method == "reinforcement":
        numbers |= {"compute_multiplier": 1.0, "eval_interval": 1, "eval_samples": _EVAL_ROWS}
    numbers = chosen(spec.hyperparameters, numbers)
    if spec.method == "reinforcement" and spec.hyperparameters.get("n_epochs", "auto") == "auto":
        numbers["n_epochs"] = min(50, max(1, round(epochs * numbers["compute_multiplier"])))
    return numbers


def _warnings(spec: JobSpec, decided: Decision, valid: Rows | None) -> tuple[Text, ...]:
    found = []
    for file, part in (("training_file", decided.rows), ("validation_file", valid)):
        if part and part.without_answer:
            found.append(_left_out(spec.method, file, part.without_answer))
    if spec.method == "supervised" and decided.mode == "closed":
        found += _warnings_of_classes(decided.rows, valid)
    if spec.method == "supervised" and spec.parent:
        found.append(
            T("What the model learnt before and this file does not repeat may be forgotten; its answers stay possible.")
        )
    return tuple(found)


def _left_out(method: str, file: str, n: int) -> Text:
    if method == "dpo":
        return T(
            "{file}: examples left out, because they lack one of two different answers that can be chosen: {n}.",
            file=file,
            n=n,
        )
    if method == "reinforcement":
        return T("{file}: examples without a question, left out: {n}.", file=file, n=n)
    return T("{file}: examples without an answer by the assistant to learn from, left out: {n}.", file=file, n=n)


def _warnings_of_classes(rows: Rows, valid: Rows | None) -> list[Text]:
    found, times = [], Counter(rows.answers)
    if lonely := sum(count == 1 for count in times.values()):
        found.append(
            T("Answers that come only once in the training file: {n}. More examples of them would help.", n=lonely)
        )
    unseen = Counter(answer.text for answer in valid.answers if answer not in times) if valid else Counter()
    if unseen:
        message = T(
            "Validation examples with an answer that is not in the training file: {n} ({answers}). They count as "
            "wrong, and not in the loss.",
            n=unseen.total(),
            answers=", ".join(answer for answer, _times in unseen.most_common(_NAMED)),
        )
        found.append(message)
    return found

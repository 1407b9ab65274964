"""What a job would be: its mode, its numbers, and what stands in its way."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from pathlib import Path
from typing import Literal

from core.server.engines.base import JobSpec, Number, Plan, SpecError
from core.server.engines.classic import BASE
from core.server.engines.classic.conversation import Rows, count_text, is_closed, read_rows
from core.words import T, Text

Mode = Literal["closed", "open"]
MOST_CLASSES = 5_000
_OPEN_STEPS = 200
_NAMED = 5  # unseen answers that a warning names
_RANGES = {"n_epochs": (1, 50), "batch_size": (1, 256), "learning_rate_multiplier": (0.01, 20)}


def read_file(path: Path, param: str) -> Rows:
    """The examples of a file; SpecError names the line that cannot be read, or that nothing can be learnt."""
    try:
        rows = read_rows(path)
    except ValueError as error:
        message = T("{param}: {error}. Check the file and upload it again.", param=param, error=str(error))
        raise SpecError(param, "invalid_file", message) from error
    if not rows:
        message = T("{param}: no example in it has an answer by the assistant to learn from.", param=param)
        raise SpecError(param, "no_examples", message)
    return rows


def refuse_what_cannot_be(spec: JobSpec) -> None:
    """Raises SpecError for a model, method or parent that this engine does not train."""
    if spec.base_model != BASE:
        message = T("The classic engine trains {base}, not {seen}.", base=BASE, seen=spec.base_model)
        raise SpecError("model", "model_not_found", message)
    if spec.method != "supervised":
        message = T('The classic engine trains by the method "supervised", not "{seen}".', seen=spec.method)
        raise SpecError("method", "unsupported_method", message)
    if spec.parent:
        message = T(
            "The classic engine cannot go on from a fine-tuned model. It trains in seconds: put all examples into one "
            "file and start from {base}.",
            base=BASE,
        )
        raise SpecError("model", "parent_not_supported", message)


def mode_of(spec: JobSpec, rows: Rows) -> Mode:
    """Whether the answers are learnt as classes or looked up: as metadata.engine_mode says, else as they are."""
    asked = spec.metadata.get("engine_mode", "")
    if asked not in ("", "closed", "open"):
        message = T('metadata.engine_mode is "{seen}"; it can be "closed" or "open".', seen=asked)
        raise SpecError("metadata.engine_mode", "invalid_value", message)
    different = len(set(rows.answers))
    if asked == "closed" and different > MOST_CLASSES:
        message = T(
            "The file has {n} different answers; as classes at most {most} can be learnt. Leave metadata.engine_mode "
            "out to look up the nearest example instead.",
            n=different,
            most=MOST_CLASSES,
        )
        raise SpecError("metadata.engine_mode", "too_many_answers", message)
    if asked:
        return "closed" if asked == "closed" else "open"
    return "closed" if is_closed(rows.answers) else "open"


def plan(spec: JobSpec, rows: Rows, valid: Rows | None = None) -> Plan:
    """The numbers of a job on these rows, and what a person should know about them."""
    mode = mode_of(spec, rows)
    numbers = _resolved(spec.hyperparameters, len(rows))
    if mode == "open":
        numbers["n_epochs"] = 1  # an index is complete after one look
    epochs, batch = int(numbers["n_epochs"]), int(numbers["batch_size"])
    steps = epochs * -(-len(rows) // batch) if mode == "closed" else min(_OPEN_STEPS, len(rows))
    spoken = len(rows) if mode == "closed" else sum(count_text(answer.text) for answer in rows.answers)
    seconds = 1 + len(rows) / 20_000 + (2 * steps / 1_200 if mode == "closed" else 2)
    return Plan(mode, numbers, steps, epochs * (rows.tokens + spoken), round(seconds, 1), _warnings(mode, rows, valid))


def _resolved(asked: Mapping[str, Number | str], rows: int) -> dict[str, Number]:
    """The hyper-parameters without "auto": few rows are gone through more often, in smaller batches."""
    epochs, batch = (15, 8) if rows <= 1_000 else (8, 16) if rows < 20_000 else (3, 32)
    numbers: dict[str, Number] = {"n_epochs": epochs, "batch_size": batch, "learning_rate_multiplier": 1.0}
    for name, (low, high) in _RANGES.items():
        value = asked.get(name, "auto")
        if value == "auto":
            continue
        whole = name != "learning_rate_multiplier"
        right = isinstance(value, (int, float)) and not isinstance(value, bool) and low <= value <= high
        if not right or (whole and value != int(value)):
            message = T(
                '{name} is {seen}; it can be "auto" or a number from {low} to {high}.',
                name=name,
                seen=repr(value),
                low=low,
                high=high,
            )
            raise SpecError(f"hyperparameters.{name}", "invalid_value", message)
        numbers[name] = int(value) if whole else float(value)
    return numbers


def _warnings(mode: Mode, rows: Rows, valid: Rows | None) -> tuple[Text, ...]:
    found = []
    for file, part in (("training_file", rows), ("validation_file", valid)):
        if part and part.without_answer:
            found.append(
                T(
                    "{file}: examples without an answer by the assistant to learn from, left out: {n}.",
                    file=file,
                    n=part.without_answer,
                )
            )
    if mode == "closed":
        found += _warnings_of_classes(rows, valid)
    return tuple(found)


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

"""What a job would be: its numbers, what stands in its way, what it would take. Nothing here loads torch."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from core.graders import BadGrader
from core.graders import check as check_grader
from core.graders.definitions import parts_of
from core.server.engines.base import JobSpec, Number, Plan, SpecError
from core.server.engines.hyperparameters import chosen
from core.server.engines.lora.bases import Base, Folder, tokenizer_of
from core.server.engines.lora.encoding import Encoder, Rows
from core.tokens import default_epochs
from core.words import T, Text

METHODS = ("supervised", "dpo", "reinforcement")
RATES = {"supervised": 2e-4, "dpo": 5e-5, "reinforcement": 5e-5}  # of learning, times the job's multiplier
RANK = 16
ANSWERS = 8  # tried for each question of a reinforcement step, times compute_multiplier
MOST_ANSWERS = 64  # to one question, also of the validation file
ANSWER_TOKENS = 256  # the longest answer that is tried, unless metadata.max_answer_tokens says otherwise


@dataclass(frozen=True)
class Material:
    """The files of a job as rows, and the encoder that made them."""

    encoder: Encoder
    train: Rows[Any]
    valid: Rows[Any] | None


def read_material(spec: JobSpec, folder: Folder) -> Material:
    """The examples as the model reads them. Raises SpecError where there is nothing to learn."""
    tokenizer_of(folder)
    encoder = Encoder(folder)
    train = _read(encoder, spec.method, spec.training_path, "training_file")
    valid = _read(encoder, spec.method, spec.validation_path, "validation_file") if spec.validation_path else None
    return Material(encoder, train, valid)


def _read(encoder: Encoder, method: str, path: Path, param: str) -> Rows[Any]:
    readers: dict[str, Callable[[Path], Rows[Any]]] = {
        "supervised": encoder.chats,
        "dpo": encoder.pairs,
        "reinforcement": encoder.tasks,
    }
    try:
        rows = readers[method](path)
    except ValueError as error:
        message = T("{param}: {error}. Check the file and upload it again.", param=param, error=str(error))
        raise SpecError(param, "invalid_file", message) from error
    if rows.rows:
        return rows
    if rows.refused:
        message = T("{param}: {reason} It takes none of the examples.", param=param, reason=str(rows.reason))
    else:
        message = T(
            "{param}: no example has an answer to learn from within the {most} tokens that the model reads.",
            param=param,
            most=encoder.longest,
        )
    raise SpecError(param, "no_examples", message)


def refuse_what_cannot_be(spec: JobSpec, bases: Mapping[str, Base]) -> Base:
    """The base of a job; raises SpecError where it cannot be trained."""
    base = bases.get(spec.base_model)
    if base is None:
        message = T("{model} is not among the models that LUOPAN_LORA_MODELS names.", model=spec.base_model)
        raise SpecError("model", "model_not_found", message)
    if spec.method not in METHODS:
        message = T('method.type must be one of {known}, not "{seen}".', known=", ".join(METHODS), seen=spec.method)
        raise SpecError("method", "unsupported_method", message)
    if spec.parent is not None and not (spec.parent / "adapter_model.safetensors").is_file():
        message = T("The fine-tuned model to go on from is not there any more.")
        raise SpecError("model", "model_not_found", message)
    if spec.method == "reinforcement":
        _refuse_grader(spec)
    return base


def _refuse_grader(spec: JobSpec) -> None:
    """Raises SpecError for a grader that cannot work here: one that is wrong, or that asks a model."""
    grader = spec.grader or {}
    try:
        check_grader(grader)
    except BadGrader as error:
        raise SpecError(error.param, "invalid_grader", error.message) from error
    parts = parts_of(grader).values() if grader["type"] == "multi" else [grader]
    if any(part["type"] == "score_model" for part in parts):
        message = T("A lora training cannot ask a judging model. Use a grader of text or a python grader.")
        raise SpecError("grader", "unsupported_grader", message)


def plan(spec: JobSpec, material: Material, world: int = 1) -> Plan:
    """The numbers of a job on these rows, and what a person should know about them; its time is not known yet. Where
    several processes train together, a batch is made to part evenly among them."""
    rows = len(material.train.rows)
    numbers = resolved(spec.method, spec.hyperparameters, rows)
    numbers["batch_size"] = -(-int(numbers["batch_size"]) // world) * world
    epochs, batch = int(numbers["n_epochs"]), int(numbers["batch_size"])
    # Each reinforcement step tries a whole batch of questions; the few that are left over wait for another epoch.
    steps = epochs * (rows // batch if spec.method == "reinforcement" else -(-rows // batch))
    lengths = material.train.lengths()
    tokens = sum(lengths) * epochs
    return Plan(spec.method, numbers, steps, tokens, 0.0, tuple(warnings(material)))


def resolved(method: str, asked: Mapping[str, Number | str], rows: int) -> dict[str, Number]:
    """The hyper-parameters without "auto"."""
    numbers: dict[str, Number] = {
        "n_epochs": default_epochs(rows),
        "batch_size": 4 if rows < 256 else 8 if rows < 2_048 else 16,
        "learning_rate_multiplier": 1.0,
    }
    if method == "dpo":
        numbers["beta"] = 0.1
    if method == "reinforcement":
        numbers |= {"compute_multiplier": 1.0, "eval_interval": max(1, rows // 4), "eval_samples": 1}
        numbers["batch_size"] = min(4, rows)
    numbers = chosen(asked, numbers)
    numbers["batch_size"] = min(int(numbers["batch_size"]), rows)
    if "eval_samples" in numbers:
        numbers["eval_samples"] = min(int(numbers["eval_samples"]), MOST_ANSWERS)
    return numbers


def answers_each(numbers: Mapping[str, Number]) -> int:
    """How many answers are tried for each question of a reinforcement step."""
    return min(MOST_ANSWERS, max(2, round(ANSWERS * numbers["compute_multiplier"])))


def answer_tokens(spec: JobSpec, longest: int) -> int:
    """The most tokens of an answer that is tried, as metadata.max_answer_tokens says. Raises SpecError."""
    told = spec.metadata.get("max_answer_tokens", "")
    if told and not (told.isdecimal() and 1 <= int(told) <= longest):
        message = T(
            "metadata.max_answer_tokens is {seen}; it can be a number from 1 to {high}.", seen=told[:40], high=longest
        )
        raise SpecError("metadata.max_answer_tokens", "invalid_value", message)
    return int(told) if told else min(ANSWER_TOKENS, longest // 2)


def warnings(material: Material) -> list[Text]:
    """What of the files is not learnt from as it stands, counted."""
    found = []
    most = material.encoder.longest
    for param, rows in (("training_file", material.train), ("validation_file", material.valid)):
        if rows is None:
            continue
        told = {"file": param, "all": rows.examples, "most": most}
        if rows.cut:
            found.append(
                T(
                    "{file}: {n} of {all} {all:example|examples} {n:is|are} longer than {most} tokens; "
                    "{n:its end is|their ends are} cut.",
                    n=rows.cut,
                    **told,
                )
            )
        if rows.dropped:
            found.append(
                T(
                    "{file}: {n} of {all} {all:example|examples} {n:is|are} left out: no answer to learn from "
                    "within {most} tokens.",
                    n=rows.dropped,
                    **told,
                )
            )
        if rows.refused:
            found.append(
                T(
                    "{file}: {n} of {all} {all:example|examples} {n:is|are} left out. {reason}",
                    n=rows.refused,
                    reason=str(rows.reason),
                    **told,
                )
            )
    return found

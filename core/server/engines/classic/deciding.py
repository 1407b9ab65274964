"""What a job chooses among: classes, fields, or nothing, where it looks up the nearest example."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from core.graders.compared import answers_compared
from core.server.engines.base import JobSpec, SpecError
from core.server.engines.classic.choices import Choices, Whole, fields_of
from core.server.engines.classic.conversation import Answer, is_closed
from core.server.engines.classic.formats import Format
from core.server.engines.classic.model import read_choices
from core.server.engines.classic.reading import Rows
from core.server.engines.classic.rewards import PARAM
from core.words import T

Mode = Literal["closed", "fields", "open"]
MOST_CLASSES = 5_000
_FEWEST = 2  # answers to choose among


@dataclass(frozen=True)
class Decision:
    """How a job is done: its mode, what it chooses among (None: it looks up), and the rows it can learn from."""

    mode: Mode
    choices: Choices | None
    rows: Rows


def decide(spec: JobSpec, rows: Rows) -> Decision:
    """From the rows, the parent and what was asked for. Raises SpecError where the method cannot be done on them."""
    asked = spec.metadata.get("engine_mode", "")
    if asked not in ("", "closed", "fields", "open"):
        message = T('metadata.engine_mode is "{seen}"; it can be "closed", "fields" or "open".', seen=asked)
        raise SpecError("metadata.engine_mode", "invalid_value", message)
    if spec.method == "supervised":
        return _on(rows, spec) if spec.parent else _supervised(rows, asked)
    parent = _parent(spec)
    if spec.method == "dpo":
        return _preferences(rows, parent, asked)
    return Decision("closed", parent or _listed(spec, rows) or _compared(spec, rows, asked), rows)


def known_to(choices: Choices, rows: Rows) -> Rows:
    """The preferences between answers that can be chosen."""
    known = [
        -1 not in (*choices.places(a), *choices.places(b)) for a, b in zip(rows.answers, rows.rejected, strict=True)
    ]
    return rows if all(known) else rows.only(known)


def _supervised(rows: Rows, asked: str) -> Decision:
    fields = fields_of(rows.answers) if asked in ("", "fields") else None
    if fields:
        return Decision("fields", fields, rows)
    if asked == "fields":
        message = T(
            'metadata.engine_mode is "fields", but the answers are not all JSON objects with the same keys, at least '
            "two, and few values for each. Leave it out to have the engine decide."
        )
        raise SpecError("metadata.engine_mode", "no_fields", message)
    different = len(set(rows.answers))
    if asked == "closed" and different > MOST_CLASSES:
        message = T(
            "The file has {n} different answers; as classes at most {most} can be learnt. Leave metadata.engine_mode "
            "out to look up the nearest example instead.",
            n=different,
            most=MOST_CLASSES,
        )
        raise SpecError("metadata.engine_mode", "too_many_answers", message)
    if asked == "closed" or (not asked and is_closed(rows.answers)):
        return Decision("closed", Whole.of(rows.answers), rows)
    return Decision("open", None, rows)


def _on(rows: Rows, spec: JobSpec) -> Decision:
    """Supervised, from a fine-tuned model: its answers and those that are new."""
    parent = _parent(spec)
    assert parent is not None
    fresh = [answer for answer in rows.answers if parent.places(answer) == (-1,)]
    choices = Whole((*parent.answers, *Whole.of(fresh).answers))
    if fresh and not is_closed(rows.answers) and spec.metadata.get("engine_mode") != "closed":
        raise _open(T("the answers in the file are free text"), "training_file")
    if len(choices.answers) > MOST_CLASSES:
        raise _open(T("there would be {n} different answers", n=len(choices.answers)), "training_file")
    return Decision("closed", choices, rows)


def _parent(spec: JobSpec) -> Whole | None:
    if spec.parent is None:
        return None
    try:
        choices = read_choices(spec.parent)
    except (OSError, ValueError, KeyError) as error:
        message = T("The model to go on from cannot be read any more. Start from the base model, or train it again.")
        raise SpecError("model", "parent_not_found", message) from error
    if isinstance(choices, Whole):
        return choices
    message = T(
        "The classic engine goes on only from a model that chooses among whole answers; this one looks up the nearest "
        "example, or answers field by field. Put all examples into one file and start from the base model."
    )
    raise SpecError("model", "parent_not_supported", message)


def _preferences(rows: Rows, parent: Whole | None, asked: str) -> Decision:
    both = rows.answers + rows.rejected
    if parent is None:
        if asked != "closed" and not is_closed(both):
            raise _open(T("the answers in the file are free text"), "training_file")
        return Decision("closed", _enough(both, "training_file"), rows)
    kept = known_to(parent, rows)
    if not kept:
        message = T("No row has two answers that the model it goes on from can give. Train it on such answers first.")
        raise SpecError("training_file", "unknown_answers", message)
    return Decision("closed", parent, kept)


def _listed(spec: JobSpec, rows: Rows) -> Whole | None:
    try:
        form = Format.read(spec.response_format)
    except SpecError:
        if answers_compared(spec.grader or {}, rows.items):
            return None  # the answers are known without it
        raise
    listed = form.listed() if form else None
    return _enough([Answer(text) for text in listed], "response_format") if listed else None


def _compared(spec: JobSpec, rows: Rows, asked: str) -> Whole:
    answers = [Answer(text) for text in answers_compared(spec.grader or {}, rows.items)]
    if not answers:
        message = T(
            "Reinforcement with the classic engine chooses among known answers, and here none are known. Go on from a "
            "fine-tuned model, or list the answers as an enum in response_format, or compare {sample} with {item} in "
            "the grader. For free text take a base model of the lora engine.",
            sample="{{sample.output_text}}",
            item="{{item.…}}",
        )
        raise SpecError(PARAM, "no_answers", message)
    if asked != "closed" and not is_closed(answers):
        raise _open(T("the values that the grader compares with are free text"), PARAM)
    return _enough(answers, PARAM)


def _enough(answers: list[Answer], param: str) -> Whole:
    choices = Whole.of(answers)
    if not _FEWEST <= len(choices.answers) <= MOST_CLASSES:
        message = T(
            "There {n:is|are} {n} different {n:answer|answers} to choose among; it can be {least} to {most}.",
            n=len(choices.answers),
            least=_FEWEST,
            most=MOST_CLASSES,
        )
        raise SpecError(param, "too_many_answers" if choices.answers else "no_answers", message)
    return choices


def _open(why: object, param: str) -> SpecError:
    message = T(
        "The classic engine trains so only where the answers are a set to choose from (at most 500, of at most 64 "
        "characters, most of them repeated), and {why}. For free text take a base model of the lora engine.",
        why=why,
    )
    return SpecError(param, "open_answers", message)

"""A grader at work: from an answer and the fields of its example to a reward."""

from __future__ import annotations

import json
import math
import re
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from types import TracebackType
from typing import Any

from core.graders.definitions import check, message_texts, parts_of
from core.graders.formulas import BadFormula, Formula, read
from core.graders.sandbox import SECONDS, Broken, Sandbox
from core.graders.similarity import METRICS
from core.graders.templates import Missing, fill, first_step, places

Ask = Callable[[str, list[dict[str, Any]], dict[str, Any]], str]
ERRORS = (
    "formula_parse_error",
    "sample_parse_error",
    "truncated_observation_error",
    "unresponsive_reward_error",
    "invalid_variable_error",
    "other_error",
    "python_grader_server_error",
    "python_grader_runtime_error",
    "model_grader_server_error",
    "model_grader_refusal_error",
    "model_grader_parse_error",
)
_NUMBER = re.compile(r"[-+]?(?:\d+\.?\d*|\.\d+)(?:[eE][-+]?\d+)?")


@dataclass(frozen=True)
class Grading:
    """What a grader found. With an error the reward is 0; `errors` holds each kind as true or false, and details as
    text; `scores` the reward of each grader by name; `execution_time` is in seconds."""

    reward: float
    sub_rewards: dict[str, float] = field(default_factory=dict)
    errors: dict[str, bool | str] = field(default_factory=dict)
    scores: dict[str, Any] = field(default_factory=dict)
    token_usage: int = 0
    execution_time: float = 0.0

    @property
    def failed(self) -> bool:
        """Whether anything went wrong."""
        return any(self.errors.values())


class _Wrong(Exception):
    """One of ERRORS, with details to tell."""

    def __init__(self, kind: str, details: str = "") -> None:
        super().__init__(kind, details)
        self.kind = kind
        self.details = details


class Grader:
    """A grader ready to work; close it, or use it as a context manager. `ask(model, messages, sampling_params)` answers
    for the judging model of a score_model; `seconds` is how long a python grader may think about one answer."""

    def __init__(self, grader: dict[str, Any], ask: Ask | None = None, *, seconds: float = SECONDS) -> None:
        check(grader)
        self._multi = grader["type"] == "multi"
        self._parts = parts_of(grader) if self._multi else {str(grader.get("name") or grader["type"]): grader}
        self._formula: Formula | None = read(grader["calculate_output"]) if self._multi else None
        self._ask = ask
        self._boxes = {
            name: Sandbox(part["source"], seconds) for name, part in self._parts.items() if part["type"] == "python"
        }

    def __enter__(self) -> Grader:
        return self

    def __exit__(self, _kind: type[BaseException] | None, _e: BaseException | None, _t: TracebackType | None) -> None:
        self.close()

    def close(self) -> None:
        """Ends what the grader started."""
        for box in self._boxes.values():
            box.close()

    def grade(self, output_text: str, item: Mapping[str, Any], *, output_json: Any = None) -> Grading:
        """The reward of an answer. Never raises: what went wrong is in `errors`."""
        began = time.perf_counter()
        errors: dict[str, bool | str] = dict.fromkeys(ERRORS, False)
        names = {"item": dict(item), "sample": _sample(output_text, output_json)}
        scores: dict[str, float] = {}
        for name, part in self._parts.items():
            try:
                scores[name] = self._score(name, part, names)
            except Exception as error:
                wrong = error if isinstance(error, _Wrong) else _Wrong("other_error")
                scores[name] = 0.0
                errors[wrong.kind] = True
                if wrong.kind in ("python_grader_runtime_error", "model_grader_server_error"):
                    errors[f"{wrong.kind}_details"] = wrong.details
                elif wrong.kind == "python_grader_server_error":
                    errors[f"{wrong.kind}_type"] = wrong.details
        reward = next(iter(scores.values()))
        if self._formula is not None:
            try:
                reward = self._formula.value(scores)
            except BadFormula:
                reward, errors["formula_parse_error"] = 0.0, True
        if not self._multi and any(errors.values()):
            reward = 0.0
        taken = time.perf_counter() - began
        return Grading(reward, dict(scores) if self._multi else {}, errors, dict(scores), 0, taken)

    def _score(self, name: str, part: dict[str, Any], names: dict[str, Any]) -> float:
        match part["type"]:
            case "string_check":
                return _compared(part["operation"], _filled(part["input"], names), _filled(part["reference"], names))
            case "text_similarity":
                measure = METRICS[part["evaluation_metric"]]
                return measure(_filled(part["input"], names), _filled(part["reference"], names))
            case "python":
                try:
                    return self._boxes[name].grade(names["sample"], names["item"])
                except Broken as error:
                    raise _Wrong(f"python_grader_{error.kind}_error", error.details) from error
            case _:
                return self._judged(part, names)

    def _judged(self, part: dict[str, Any], names: dict[str, Any]) -> float:
        messages = []
        for message in part["input"]:
            texts = [_filled(text, names) for text in message_texts(message["content"]) if text is not None]
            messages.append({"role": message["role"], "content": "\n".join(texts)})
        if self._ask is None:
            raise _Wrong("model_grader_server_error", "there is no model to ask")
        try:
            reply = self._ask(part["model"], messages, dict(part.get("sampling_params") or {}))
        except Exception as error:
            raise _Wrong("model_grader_server_error", str(error)[:2000]) from error
        low, high = part.get("range") or (0.0, 1.0)
        number = number_in(reply)
        if number is None or not low <= number <= high:
            raise _Wrong("model_grader_parse_error")
        return number


def number_in(reply: str) -> float | None:
    """The number that a judge gave: the reply itself, "result" or "score" of a JSON object, or the one number in it."""
    try:
        value = json.loads(reply)
    except (ValueError, RecursionError):
        value = None
    if isinstance(value, dict):
        value = next((value[key] for key in ("result", "score", "reward", "rating") if key in value), None)
    if isinstance(value, int | float) and not isinstance(value, bool):
        return float(value) if math.isfinite(value) else None
    found = _NUMBER.findall(reply)
    return float(found[0]) if len(found) == 1 and math.isfinite(float(found[0])) else None


def _sample(output_text: str, output_json: Any) -> dict[str, Any]:
    sample: dict[str, Any] = {
        "output_text": output_text,
        "output_tools": [],
        "choices": [{"index": 0, "message": {"role": "assistant", "content": output_text}}],
    }
    if output_json is None:
        try:
            output_json = json.loads(output_text)
        except (ValueError, RecursionError):
            return sample
    return {**sample, "output_json": output_json}


def _filled(text: str, names: dict[str, Any]) -> str:
    try:
        return fill(text, names)
    except Missing as error:
        wants_json = any(first_step(p) == ("sample", "output_json") for p in places(f"{{{{{error.args[0]}}}}}"))
        missing_json = wants_json and "output_json" not in names["sample"]
        raise _Wrong("sample_parse_error" if missing_json else "invalid_variable_error") from error


def _compared(operation: str, text: str, reference: str) -> float:
    if operation in ("eq", "ne"):
        return float((text == reference) is (operation == "eq"))
    if operation == "like":
        return float(reference in text)
    return float(reference.casefold() in text.casefold())

"""What a grader may be: the definitions as they are sent, and everything that can be wrong with them before use."""

from __future__ import annotations

import ast
import warnings
from collections.abc import Collection
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from core.graders.formulas import BadFormula, read
from core.graders.similarity import METRICS
from core.graders.templates import first_step, places
from core.words import T, Text

SOURCE_LIMIT = 256 << 10  # bytes, as at Azure
SAMPLE = frozenset({"output_text", "output_json", "output_tools", "choices"})


class BadGrader(Exception):
    """A grader that cannot be used: the parameter at fault ("grader.source") and a sentence."""

    def __init__(self, param: str, message: Text) -> None:
        super().__init__(param, message)
        self.param = param
        self.message = message

    def __str__(self) -> str:
        return f"{self.param}: {self.message}"


class _Grader(BaseModel):
    model_config = ConfigDict(strict=True, extra="allow")

    name: Annotated[str, Field(max_length=200)] | None = None


class StringCheck(_Grader):
    """1 where two texts are equal (eq), differ (ne), or one contains the other (like; ilike: in any case), else 0."""

    type: Literal["string_check"]
    input: str
    reference: str
    operation: Literal["eq", "ne", "like", "ilike"]


class TextSimilarity(_Grader):
    """How alike two texts are, from 0 to 1."""

    type: Literal["text_similarity"]
    input: str
    reference: str
    evaluation_metric: Literal[
        "cosine", "fuzzy_match", "bleu", "gleu", "meteor",
        "rouge_1", "rouge_2", "rouge_3", "rouge_4", "rouge_5", "rouge_l",
    ]  # fmt: skip


class Sampling(BaseModel):
    """How the judging model answers."""

    model_config = ConfigDict(strict=True, extra="allow")

    temperature: Annotated[float, Field(ge=0, le=2)] | None = None
    top_p: Annotated[float, Field(ge=0, le=1)] | None = None
    seed: int | None = None
    max_completions_tokens: Annotated[int, Field(ge=1)] | None = None
    reasoning_effort: str | None = None


class JudgeMessage(BaseModel):
    """A message to the judging model; its texts may hold templates."""

    model_config = ConfigDict(strict=True, extra="allow")

    role: Literal["user", "assistant", "system", "developer"]
    content: str | dict[str, Any] | list[str | dict[str, Any]]


class ScoreModel(_Grader):
    """A number that a model gives."""

    type: Literal["score_model"]
    model: Annotated[str, Field(min_length=1, max_length=300)]
    input: Annotated[list[JudgeMessage], Field(min_length=1, max_length=256)]
    range: Annotated[list[float], Field(min_length=2, max_length=2)] | None = None
    sampling_params: Sampling | None = None


class Python(_Grader):
    """What `def grade(sample, item)` of this source returns."""

    type: Literal["python"]
    source: str
    image_tag: str | None = None


class Multi(_Grader):
    """Several graders, by name, joined by a formula; one by itself is taken under its own name."""

    type: Literal["multi"]
    graders: Annotated[dict[str, Any], Field(min_length=1, max_length=100)]
    calculate_output: Annotated[str, Field(min_length=1)]


KINDS: dict[str, type[_Grader]] = {
    "string_check": StringCheck,
    "text_similarity": TextSimilarity,
    "score_model": ScoreModel,
    "python": Python,
    "multi": Multi,
}
TYPES = tuple(KINDS)


def check(grader: Any, fields: Collection[str] | None = None) -> None:
    """Raises BadGrader where a grader cannot be used; every {{item.x}} must be among `fields`, where given."""
    _check(grader, "grader", fields)


def parts_of(grader: dict[str, Any]) -> dict[str, Any]:
    """The graders that a `multi` joins, by name, whether they came as a dictionary or as one grader."""
    graders = grader.get("graders")
    if isinstance(graders, dict) and isinstance(graders.get("type"), str):
        return {str(graders.get("name") or "grader"): graders}
    return dict(graders) if isinstance(graders, dict) else {}


def fields_of(grader: Any) -> set[str]:
    """The fields that a grader reads: x of each {{item.x}}, wherever it stands."""
    steps = (first_step(place) for place in places(_templated(grader)))
    return {field for space, field in steps if space == "item" and field}


def _templated(grader: Any) -> Any:
    """A grader without the Python source, whose braces are its own."""
    if isinstance(grader, dict):
        return {key: _templated(value) for key, value in grader.items() if key not in ("source", "calculate_output")}
    return [_templated(value) for value in grader] if isinstance(grader, list) else grader


def _check(grader: Any, param: str, fields: Collection[str] | None) -> None:
    if not isinstance(grader, dict):
        raise BadGrader(param, T("A grader must be an object with a type."))
    kind = grader.get("type")
    if not isinstance(kind, str) or kind not in KINDS:
        known = ", ".join(TYPES)
        raise BadGrader(f"{param}.type", T("The type of a grader must be one of {known}.", known=known))
    model = _read(KINDS[kind], grader, param)
    if isinstance(model, Multi):
        _check_multi(grader, param, fields)
        return
    if isinstance(model, Python):
        _check_source(model.source, param)
        return
    if isinstance(model, ScoreModel):
        _check_judge(model, param)
    for place in places(grader):
        _check_place(place, param, fields)


def _read(model: type[_Grader], grader: dict[str, Any], param: str) -> _Grader:
    try:
        return model.model_validate(grader)
    except ValidationError as error:
        first = error.errors(include_url=False, include_context=False)[0]
    steps = [step for step in first["loc"] if step not in ("str", "list[union[str,dict[str,any]]]", "dict[str,any]")]
    path = "".join(f"[{step}]" if isinstance(step, int) else f".{step}" for step in steps)[:120]
    if first["type"] == "missing":
        raise BadGrader(param + path, T("This is missing."))
    raise BadGrader(param + path, T("{problem}.", problem=first["msg"]))


def _check_multi(grader: dict[str, Any], param: str, fields: Collection[str] | None) -> None:
    parts = parts_of(grader)
    single = parts != grader["graders"]
    for name, part in parts.items():
        place = f"{param}.graders" if single else f"{param}.graders.{name[:80]}"
        if isinstance(part, dict) and part.get("type") == "multi":
            raise BadGrader(place, T("A multi grader cannot hold another one."))
        _check(part, place, fields)
    where = f"{param}.calculate_output"
    try:
        formula = read(grader["calculate_output"])
    except BadFormula as error:
        raise BadGrader(where, T("The formula cannot be read: {problem}.", problem=str(error))) from None
    if unknown := sorted(formula.names - parts.keys()):
        message = T("The formula names {name}, but no grader is called so.", name=unknown[0][:80])
        raise BadGrader(where, message)


def _check_source(source: str, param: str) -> None:
    where = f"{param}.source"
    if len(source.encode("utf-8", "replace")) > SOURCE_LIMIT:
        raise BadGrader(where, T("The source is larger than {limit} KB.", limit=SOURCE_LIMIT >> 10))
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            tree = ast.parse(source)
    except SyntaxError as error:
        told = T("The source is not valid Python: line {line}: {problem}.", line=error.lineno or 0, problem=error.msg)
        raise BadGrader(where, told) from None
    except (ValueError, RecursionError, MemoryError) as error:
        raise BadGrader(where, T("The source cannot be read: {problem}.", problem=str(error)[:200])) from None
    named = {node.name for node in tree.body if isinstance(node, ast.FunctionDef)}
    if "grade" not in named:
        raise BadGrader(where, T("The source must define a function: def grade(sample, item)."))


def _check_judge(model: ScoreModel, param: str) -> None:
    if model.range is not None and not model.range[0] < model.range[1]:
        raise BadGrader(f"{param}.range", T("The range must be two numbers, the smaller one first."))
    for number, message in enumerate(model.input):
        if any(text is None for text in message_texts(message.content)):
            raise BadGrader(f"{param}.input[{number}].content", T("Only text can be read here."))


def message_texts(content: Any) -> list[str | None]:
    """The texts of a judge's message; None for a part that is no text."""
    parts = content if isinstance(content, list) else [content]
    texts: list[str | None] = []
    for part in parts:
        text = part.get("text") if isinstance(part, dict) and "text" in str(part.get("type")) else part
        texts.append(text if isinstance(text, str) else None)
    return texts


def _check_place(place: str, param: str, fields: Collection[str] | None) -> None:
    space, field = first_step(place)
    if space == "item":
        if field and fields is not None and field not in fields:
            raise BadGrader(param, T("The grader reads “{field}”, which is not there.", field=field[:80]))
    elif space != "sample" or field not in SAMPLE:
        shown = f"{{{{{place[:80]}}}}}"
        raise BadGrader(param, T("{place} is nothing that a grader can read.", place=shown))


assert set(METRICS) == set(TextSimilarity.model_fields["evaluation_metric"].annotation.__args__)  # type: ignore[union-attr]

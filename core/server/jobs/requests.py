"""What clients may ask, as pydantic models: tolerant of nulls and of keys we do not know, strict on values."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, GetJsonSchemaHandler, RootModel, model_validator
from pydantic_core import CoreSchema, PydanticCustomError

from core.graders import BadGrader, check
from core.graders.definitions import Multi, Python, ScoreModel, StringCheck, TextSimilarity
from core.server.errors import bad_request
from core.server.hyperparameters import DpoHyperparameters, Hyperparameters, ReinforcementHyperparameters
from core.server.reading import Metadata
from core.words import T


class _AnyGrader(RootModel[StringCheck | TextSimilarity | ScoreModel | Python | Multi]):
    """A grader: a string check, a similarity, a judging model, Python, or several joined by a formula."""


class _DescribedAsGrader:
    """Marks a field that is taken as it was sent and described as what a grader may be."""

    def __get_pydantic_json_schema__(self, _core: CoreSchema, handler: GetJsonSchemaHandler) -> dict[str, Any]:
        return handler(_AnyGrader.__pydantic_core_schema__)


AnyGrader = Annotated[dict[str, Any], _DescribedAsGrader()]


class _Detail(BaseModel):
    hyperparameters: Hyperparameters | None = None


class _DpoDetail(BaseModel):
    hyperparameters: DpoHyperparameters | None = None


class ReinforcementDetail(BaseModel):
    """How answers are graded."""

    grader: AnyGrader
    hyperparameters: ReinforcementHyperparameters | None = None
    response_format: dict[str, Any] | None = None


class Method(BaseModel):
    """How to train: its type, and the details under a key of that name."""

    type: Literal["supervised", "dpo", "reinforcement"]
    supervised: _Detail | None = None
    dpo: _DpoDetail | None = None
    reinforcement: ReinforcementDetail | None = None

    @model_validator(mode="after")
    def _reinforcement_has_a_grader(self) -> Method:
        if self.type == "reinforcement" and self.reinforcement is None:
            raise PydanticCustomError("needs_grader", "a reinforcement job needs method.reinforcement with a grader")
        return self


class CreateJob(BaseModel):
    """POST /v1/fine_tuning/jobs."""

    model_config = ConfigDict(strict=True)

    model: Annotated[str, Field(min_length=1, max_length=300)]
    training_file: Annotated[str, Field(min_length=1, max_length=200)]
    validation_file: Annotated[str, Field(max_length=200)] | None = None
    suffix: Annotated[str, Field(min_length=1, max_length=64)] | None = None
    seed: Annotated[int, Field(ge=0, le=2147483647)] | None = None
    metadata: Metadata | None = None
    integrations: list[dict[str, Any]] | None = None
    method: Method | None = None
    hyperparameters: Hyperparameters | None = None

    @model_validator(mode="after")
    def _suffix_makes_an_id(self) -> CreateJob:
        if self.suffix is not None and (not self.suffix.isprintable() or any(c in "/:?#%" for c in self.suffix)):
            raise PydanticCustomError("suffix", "must hold none of / : ? # % and no control characters")
        return self

    def method_type(self) -> str:
        return self.method.type if self.method else "supervised"

    def chosen(self) -> dict[str, int | float | str]:
        """The hyperparameters: the method's own before the older ones at the top level."""
        older = (self.hyperparameters or Hyperparameters()).model_dump()
        kind = self.method_type()
        detail = getattr(self.method, kind) if self.method else None
        own = detail.hyperparameters if detail else None
        if kind == "dpo":
            return (own or DpoHyperparameters(**older)).model_dump()
        if kind == "reinforcement":
            return (own or ReinforcementHyperparameters(**older)).values()
        return own.model_dump() if own else older

    def reinforcement(self) -> ReinforcementDetail | None:
        """The grader and the format of the answers of a reinforcement job, as they were sent."""
        return self.method.reinforcement if self.method and self.method.type == "reinforcement" else None


def refuse_bad(grader: dict[str, Any], param: str, item: dict[str, Any] | None = None) -> None:
    """Raises ApiError 400, with the parameter, where a grader cannot be used; its fields must stand in `item`."""
    try:
        check(grader, None if item is None else item.keys())
    except BadGrader as error:
        where = param + error.param.removeprefix("grader")
        message = T("{param}: {problem}", param=where, problem=str(error.message))
        raise bad_request(message, where, "invalid_grader") from None

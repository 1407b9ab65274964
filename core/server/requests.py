"""What clients may ask, as pydantic models: tolerant of nulls and of keys we do not know, strict on values."""

from __future__ import annotations

from collections.abc import Callable
from typing import Annotated, Any, Literal, TypeVar

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, ValidationError, model_validator
from pydantic_core import PydanticCustomError

from core.server.errors import ApiError, bad_request
from core.words import T

METHODS = ("supervised", "dpo", "reinforcement")
AUTO = "auto"


def _auto_or(kind: type[int] | type[float], least: float, most: float, words: str) -> Callable[[Any], Any]:
    def check(value: Any) -> Any:
        if value is None or value == AUTO:
            return AUTO
        number = isinstance(value, int | float) and not isinstance(value, bool)
        whole = number and (kind is float or value == int(value))
        if not whole or not least <= value <= most:
            raise PydanticCustomError("auto_or_number", 'must be "auto" or {words}', {"words": words})
        return kind(value)

    return check


class Hyperparameters(BaseModel):
    """The three that every method has; "auto" where nothing is said."""

    n_epochs: Annotated[int | Literal["auto"], BeforeValidator(_auto_or(int, 1, 50, "a whole number from 1 to 50"))] = (
        "auto"
    )
    batch_size: Annotated[
        int | Literal["auto"], BeforeValidator(_auto_or(int, 1, 256, "a whole number from 1 to 256"))
    ] = "auto"
    learning_rate_multiplier: Annotated[
        float | Literal["auto"], BeforeValidator(_auto_or(float, 1e-9, 1e6, "a number above 0"))
    ] = "auto"


class _MethodDetail(BaseModel):
    hyperparameters: Hyperparameters | None = None


class Method(BaseModel):
    """How to train: its type, and the details under a key of that name."""

    type: Literal["supervised", "dpo", "reinforcement"]
    supervised: _MethodDetail | None = None
    dpo: _MethodDetail | None = None
    reinforcement: _MethodDetail | None = None

    def hyperparameters(self) -> Hyperparameters | None:
        """Those given for this type."""
        detail: _MethodDetail | None = getattr(self, self.type)
        return detail.hyperparameters if detail else None


Key = Annotated[str, Field(min_length=1, max_length=64)]
Value = Annotated[str, Field(max_length=512)]


class CreateJob(BaseModel):
    """POST /v1/fine_tuning/jobs."""

    model_config = ConfigDict(strict=True)

    model: Annotated[str, Field(min_length=1, max_length=300)]
    training_file: Annotated[str, Field(min_length=1, max_length=200)]
    validation_file: Annotated[str, Field(max_length=200)] | None = None
    suffix: Annotated[str, Field(min_length=1, max_length=64)] | None = None
    seed: Annotated[int, Field(ge=0, le=2147483647)] | None = None
    metadata: Annotated[dict[Key, Value], Field(max_length=16)] | None = None
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
        own = self.method.hyperparameters() if self.method else None
        return (own or self.hyperparameters or Hyperparameters()).model_dump()


M = TypeVar("M", bound=BaseModel)


def parse(model: type[M], body: Any) -> M:
    """The request as the model has it. Raises ApiError 400 with the parameter at fault."""
    if not isinstance(body, dict):
        raise bad_request(T("The body must be one JSON object."))
    try:
        return model.model_validate(body)
    except ValidationError as error:
        raise _refusal(error) from None


def _refusal(error: ValidationError) -> ApiError:
    first = error.errors(include_url=False, include_context=False)[0]
    param = ""
    loc = first["loc"]
    loc = loc[: loc.index("[key]") - 1] if "[key]" in loc else loc
    for part in loc:
        param += f"[{part}]" if isinstance(part, int) else f".{part}" if param else str(part)
    param = param.removesuffix(".str")[:120]  # pydantic's name for a branch of `stop`
    if not param and first["type"] == "suffix":
        param = "suffix"
    if first["type"] == "missing":
        return bad_request(T("{param} is missing.", param=param), param)
    value = first["input"]
    seen = repr(value.get("suffix") if param == "suffix" and isinstance(value, dict) else value)
    seen = seen if len(seen) <= 80 else seen[:79] + "…"
    message = T("{param}: {problem} (seen: {seen}).", param=param or "body", problem=first["msg"], seen=seen)
    return bad_request(message, param or None)

"""The hyperparameters of the three methods, with the ranges that OpenAI documents; "auto" where nothing is said."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated, Any, Literal

from pydantic import BaseModel, GetCoreSchemaHandler, GetJsonSchemaHandler
from pydantic_core import CoreSchema, PydanticCustomError, core_schema

from core.server.engines.hyperparameters import RANGES, Range

AUTO: Literal["auto"] = "auto"


@dataclass(frozen=True)
class AutoOr:
    """Marks a field that is "auto" or a number in the range of this name, told in words."""

    name: str

    @property
    def range(self) -> Range:
        return RANGES[self.name]

    def check(self, value: Any) -> Any:
        """The value that is meant. Raises PydanticCustomError."""
        if value is None or value == AUTO:
            return AUTO
        if not self.range.holds(value):
            raise PydanticCustomError("auto_or_number", 'must be "auto" or {words}', {"words": str(self.range.words)})
        return int(value) if self.range.whole else float(value)

    def __get_pydantic_core_schema__(self, source: Any, handler: GetCoreSchemaHandler) -> CoreSchema:
        return core_schema.no_info_before_validator_function(self.check, handler(source))

    def __get_pydantic_json_schema__(self, _core: CoreSchema, _handler: GetJsonSchemaHandler) -> dict[str, Any]:
        found = self.range
        bounds = {"minimum": found.least, "exclusiveMinimum": found.above, "maximum": found.most}
        number = {"type": "integer" if found.whole else "number"}
        number |= {key: bound for key, bound in bounds.items() if bound is not None}  # type: ignore[misc]
        return {"anyOf": [{"const": AUTO}, number, {"type": "null"}]}


Whole = int | Literal["auto"]
Real = float | Literal["auto"]
Epochs = Annotated[Whole, AutoOr("n_epochs")]
Batch = Annotated[Whole, AutoOr("batch_size")]
Rate = Annotated[Real, AutoOr("learning_rate_multiplier")]
Beta = Annotated[Real, AutoOr("beta")]
Compute = Annotated[Real, AutoOr("compute_multiplier")]
Interval = Annotated[Whole, AutoOr("eval_interval")]
Samples = Annotated[Whole, AutoOr("eval_samples")]


class Hyperparameters(BaseModel):
    """The three that every method has."""

    n_epochs: Epochs = AUTO
    batch_size: Batch = AUTO
    learning_rate_multiplier: Rate = AUTO


class DpoHyperparameters(Hyperparameters):
    """With the weight of the distance to the model that the training began with."""

    beta: Beta = AUTO


class ReinforcementHyperparameters(Hyperparameters):
    """With how much is tried out, and how often it is looked at."""

    compute_multiplier: Compute = AUTO
    eval_interval: Interval = AUTO
    eval_samples: Samples = AUTO
    reasoning_effort: Literal["default", "low", "medium", "high"] | None = None

    def values(self) -> dict[str, int | float | str]:
        """All of them, with a word for each."""
        return {**self.model_dump(), "reasoning_effort": self.reasoning_effort or "default"}

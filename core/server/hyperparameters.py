"""The hyperparameters of the three methods, with the ranges that OpenAI documents; "auto" where nothing is said."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated, Any, Literal

from pydantic import BaseModel, GetCoreSchemaHandler, GetJsonSchemaHandler
from pydantic_core import CoreSchema, PydanticCustomError, core_schema

AUTO: Literal["auto"] = "auto"


@dataclass(frozen=True)
class AutoOr:
    """Marks a field that is "auto" or a number in a range, told in words."""

    words: str
    least: float | None = None
    above: float | None = None
    most: float | None = None
    whole: bool = True

    def check(self, value: Any) -> Any:
        """The value that is meant. Raises PydanticCustomError."""
        if value is None or value == AUTO:
            return AUTO
        fits = isinstance(value, int | float) and not isinstance(value, bool)
        fits = fits and (not self.whole or value == int(value) if -1e300 < value < 1e300 else False)
        fits = fits and (self.least is None or value >= self.least) and (self.above is None or value > self.above)
        if not fits or (self.most is not None and value > self.most):
            raise PydanticCustomError("auto_or_number", 'must be "auto" or {words}', {"words": self.words})
        return int(value) if self.whole else float(value)

    def __get_pydantic_core_schema__(self, source: Any, handler: GetCoreSchemaHandler) -> CoreSchema:
        return core_schema.no_info_before_validator_function(self.check, handler(source))

    def __get_pydantic_json_schema__(self, _core: CoreSchema, _handler: GetJsonSchemaHandler) -> dict[str, Any]:
        bounds = {"minimum": self.least, "exclusiveMinimum": self.above, "maximum": self.most}
        number = {"type": "integer" if self.whole else "number"}
        number |= {key: bound for key, bound in bounds.items() if bound is not None}  # type: ignore[misc]
        return {"anyOf": [{"const": AUTO}, number, {"type": "null"}]}


LARGEST = 2**31 - 1
Whole = int | Literal["auto"]
Real = float | Literal["auto"]
Epochs = Annotated[Whole, AutoOr("a whole number from 1 to 50", least=1, most=50)]
Batch = Annotated[Whole, AutoOr("a whole number from 1 to 256", least=1, most=256)]
Rate = Annotated[Real, AutoOr("a number above 0", above=0, most=1e6, whole=False)]
Beta = Annotated[Real, AutoOr("a number above 0, at most 2", above=0, most=2, whole=False)]
Compute = Annotated[Real, AutoOr("a number above 0.00001, at most 10", above=0.00001, most=10, whole=False)]
Count = Annotated[Whole, AutoOr("a whole number from 1 on", least=1, most=LARGEST)]


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
    eval_interval: Count = AUTO
    eval_samples: Count = AUTO
    reasoning_effort: Literal["default", "low", "medium", "high"] | None = None

    def values(self) -> dict[str, int | float | str]:
        """All of them, with a word for each."""
        return {**self.model_dump(), "reasoning_effort": self.reasoning_effort or "default"}

"""What a training and its use may cost: a range, since no provider publishes how it counts; narrower where finished
jobs have shown what this provider bills."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

from core.tokens.counting import PER_EXAMPLE
from core.tokens.images import extra_tokens
from core.tokens.price import Price
from core.words import _

TOOLS_SURCHARGE = 1.4  # the same chats were billed about 40 % higher with `tools` than with `functions`
FEW_JOBS, MARGIN = 3, 0.02  # a ratio that rests on fewer jobs than this is widened on both sides
DAYS = 30  # of a month
LEAST = 0.01  # US dollars: less is told as such


@dataclass(frozen=True)
class Money:
    """A range of US dollars, and the training tokens behind it (epochs included)."""

    low: float
    high: float
    low_tokens: int
    high_tokens: int
    tools_surcharge: bool = False


@dataclass(frozen=True)
class Ratio:
    """Billed tokens per counted token, as seen in so many finished jobs of one model at one provider."""

    low: float
    high: float
    jobs: int

    @classmethod
    def of(cls, seen: Sequence[float]) -> Ratio | None:
        """The range of what was seen, a little wider where that is not much; None where nothing was."""
        if not seen:
            return None
        margin = MARGIN if len(seen) < FEW_JOBS else 0.0
        return cls(min(seen) * (1 - margin), max(seen) * (1 + margin), len(seen))


@dataclass(frozen=True)
class Load:
    """What is to be trained and asked: tokens of each row that trains, and what the answers and the rest come to."""

    tokens: Sequence[int]
    epochs: int
    answers: int = 0  # tokens of all answers
    validation: int = 0  # tokens of the rows that are held out
    tools: bool = False
    images: tuple[int, int] = (0, 0)  # in low detail, in any other
    asks_a_day: int = 0
    _known: dict[int | None, int] = field(default_factory=dict, compare=False, repr=False)

    def billable(self, limit: int | None = None) -> int:
        """Tokens that one pass is billed for: each row is cut at the limit."""
        if limit not in self._known:
            import numpy as np

            values = np.maximum(np.asarray(self.tokens, dtype=np.int64), 0)
            self._known[limit] = int((values if limit is None else np.minimum(values, limit)).sum())
        return self._known[limit]


@dataclass(frozen=True)
class Cost:
    """What one model would cost. None is "not known", 0 is "nothing". hosting, use: US dollars a month."""

    price: Price
    training: Money | None
    validation: Money | None
    hosting: float | None
    use: float | None
    ratio: Ratio | None = None

    @property
    def total(self) -> tuple[float, float] | None:
        """Training and the first month, as far as known; None where already the training is not known."""
        if self.training is None:
            return None
        more = (self.hosting or 0) + (self.use or 0)
        held = self.validation
        return (
            self.training.low + (held.low if held else 0) + more,
            self.training.high + (held.high if held else 0) + more,
        )

    @property
    def unknown(self) -> tuple[str, ...]:
        """The parts that nobody knows: "training", "validation", "hosting", "use"."""
        parts = {
            "training": self.training,
            "validation": self.validation,
            "hosting": self.hosting,
            "use": self.use,
        }
        return tuple(name for name, part in parts.items() if part is None)


def estimate(
    billable_tokens: int,
    epochs: int,
    price: Price | float,
    *,
    examples: int = 0,
    with_tools: bool = False,
    ratio: Ratio | None = None,
) -> Money | None:
    """The range that training may cost; `price` is a row or dollars per 1M tokens. None where it is not known.

    Low counts 4 a message and nothing an example, as dashboards were seen to do; high is the cookbook's count, with a
    surcharge where tools are used. With a ratio the range is what finished jobs were billed.
    """
    each = price.training if isinstance(price, Price) else price
    if each is None:
        return None
    if ratio is not None:
        low, high = (round(billable_tokens * epochs * times) for times in (ratio.low, ratio.high))
        return Money(low * each / 1e6, high * each / 1e6, low, high)
    low = max(0, billable_tokens - PER_EXAMPLE * examples) * epochs
    high = billable_tokens * epochs
    if with_tools:
        high = round(high * TOOLS_SURCHARGE)
    return Money(low * each / 1e6, high * each / 1e6, low, high, with_tools)


def cost(price: Price, load: Load, ratio: Ratio | None = None) -> Cost:
    """What a model would cost for this load: training, validation where it is billed, a month of hosting and use."""
    counted = load.billable(price.context) + extra_tokens(price.model, *load.images)
    rows = len(load.tokens)
    training = estimate(counted, load.epochs, price, examples=rows, with_tools=load.tools, ratio=ratio)
    return Cost(price, training, _validation(price, load, ratio), price.hosting, _use(price, load), ratio)


def _validation(price: Price, load: Load, ratio: Ratio | None) -> Money | None:
    if not load.validation or price.validation_billed is False or price.training == 0:
        return Money(0.0, 0.0, 0, 0)
    if price.validation_billed is None:
        return None
    return estimate(load.validation, load.epochs, price, ratio=ratio)  # asked once an epoch


def _use(price: Price, load: Load) -> float | None:
    """A month of questions and answers as long as those of the training rows."""
    if not load.asks_a_day or not load.tokens:
        return 0.0
    if price.input is None or price.output is None:
        return None
    asked = load.billable() - load.answers
    each = (asked * price.input + load.answers * price.output) / len(load.tokens) / 1e6
    return each * load.asks_a_day * DAYS


def compare(prices: Iterable[Price], load: Load, ratios: dict[tuple[str, str], Ratio] | None = None) -> list[Cost]:
    """The costs of several models, the cheapest first; behind them those of which a part, or all, is not known."""
    costs = [cost(price, load, (ratios or {}).get(price.name)) for price in prices]
    return sorted(costs, key=lambda it: (it.total is None, bool(it.unknown), it.total or (0, 0), it.price.name))


def in_dollars(low: float, high: float) -> str:
    """A range of US dollars in short, such as "$0.74 – 0.79"; what is next to nothing is not nothing."""
    if not high:
        return _("free")
    if high < LEAST:
        return _("less than ${amount}", amount=f"{LEAST:.2f}")
    return f"${high:,.2f}" if f"{low:,.2f}" == f"{high:,.2f}" else f"${low:,.2f} – {high:,.2f}"

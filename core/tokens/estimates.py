"""What a training may cost: a range, since no provider publishes how it counts."""

from __future__ import annotations

from dataclasses import dataclass

from core.tokens.counting import PER_EXAMPLE
from core.tokens.price import Price

TOOLS_SURCHARGE = 1.4  # the same chats were billed about 40 % higher with `tools` than with `functions`


@dataclass(frozen=True)
class Money:
    """A range of US dollars, and the training tokens behind it (epochs included)."""

    low: float
    high: float
    low_tokens: int
    high_tokens: int
    tools_surcharge: bool = False


def estimate(
    billable_tokens: int, epochs: int, price: Price | float, *, examples: int = 0, with_tools: bool = False
) -> Money | None:
    """The range that training may cost; `price` is a row or dollars per 1M tokens. None where it is not known.

    Low counts 4 a message and nothing an example, as dashboards were seen to do; high is the cookbook's count, with a
    surcharge where tools are used.
    """
    each = price.training if isinstance(price, Price) else price
    if each is None:
        return None
    low = max(0, billable_tokens - PER_EXAMPLE * examples) * epochs
    high = billable_tokens * epochs
    if with_tools:
        high = round(high * TOOLS_SURCHARGE)
    return Money(low * each / 1e6, high * each / 1e6, low, high, with_tools)

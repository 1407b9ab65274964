"""Tokens and prices: exact counts offline, default epochs, and what a training would cost."""

from core.tokens.catalogue import Catalogue
from core.tokens.counting import Count, Counter, count_body, count_texts, counter
from core.tokens.encodings import DEFAULT, base_of, encoding, encoding_name_for, encoding_names, known_encoding
from core.tokens.estimates import Cost, Load, Money, Ratio, compare, cost, estimate, in_dollars
from core.tokens.figures import Distribution, default_epochs, distribution
from core.tokens.price import Price

__all__ = [
    "DEFAULT",
    "Catalogue",
    "Cost",
    "Count",
    "Counter",
    "Distribution",
    "Load",
    "Money",
    "Price",
    "Ratio",
    "base_of",
    "compare",
    "cost",
    "count_body",
    "count_texts",
    "counter",
    "default_epochs",
    "distribution",
    "encoding",
    "encoding_name_for",
    "encoding_names",
    "estimate",
    "in_dollars",
    "known_encoding",
]

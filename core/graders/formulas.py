"""The formula of a `multi` grader: numbers, names, + - * / ^, and a few functions; parsed here, never evaluated as
Python."""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass

LENGTH, DEPTH = 4000, 60
_TOKEN = re.compile(r"\s*(?:(\d+(?:\.\d*)?(?:[eE][+-]?\d+)?|\.\d+(?:[eE][+-]?\d+)?)|([^\W\d]\w*)|(\*\*|[-+*/^(),]))")
FUNCTIONS: dict[str, tuple[Callable[..., float], int, int]] = {  # with the fewest and the most arguments
    "min": (min, 1, 100),
    "max": (max, 1, 100),
    "abs": (abs, 1, 1),
    "floor": (math.floor, 1, 1),
    "ceil": (math.ceil, 1, 1),
    "exp": (math.exp, 1, 1),
    "sqrt": (math.sqrt, 1, 1),
    "log": (math.log, 1, 2),
}


class BadFormula(Exception):
    """A formula that cannot be read, or that has no value; says why."""


Value = Callable[[Mapping[str, float]], float]


@dataclass(frozen=True)
class Formula:
    """A formula that was read: the names in it, and its value for given values of them."""

    names: frozenset[str]
    _value: Value

    def value(self, names: Mapping[str, float]) -> float:
        """The value, a finite number. Raises BadFormula where there is none (a division by zero, a missing name)."""
        try:
            result = self._value(names)
            if isinstance(result, complex) or not math.isfinite(result):
                raise BadFormula("the value is not a finite number")
            return float(result)
        except KeyError as error:
            raise BadFormula(f"nothing is called {error.args[0]}") from None
        except (ArithmeticError, ValueError, TypeError) as error:
            raise BadFormula(str(error)) from None


def read(text: str) -> Formula:
    """The formula that a text holds. Raises BadFormula."""
    if len(text) > LENGTH:
        raise BadFormula(f"it is longer than {LENGTH} characters")
    reader = _Reader(_tokens(text))
    value = reader.sum()
    if reader.at < len(reader.tokens):
        raise BadFormula(f'"{reader.tokens[reader.at]}" is not expected here')
    return Formula(frozenset(reader.names), value)


def _tokens(text: str) -> list[str]:
    tokens, at = [], 0
    end = len(text.rstrip())
    while at < end:
        match = _TOKEN.match(text, at)
        if match is None:
            raise BadFormula(f'"{text[at:].strip()[:1]}" has no meaning in a formula')
        tokens.append(match[0].strip())
        at = match.end()
    return tokens


class _Reader:
    """Reads by descent: sum, product, sign, power, atom."""

    def __init__(self, tokens: list[str]) -> None:
        self.tokens = tokens
        self.at = 0
        self.depth = 0
        self.names: set[str] = set()

    def _next(self, *wanted: str) -> str | None:
        if self.at < len(self.tokens) and self.tokens[self.at] in wanted:
            self.at += 1
            return self.tokens[self.at - 1]
        return None

    def sum(self) -> Value:
        """a + b - c"""
        self.depth += 1
        if self.depth > DEPTH:
            raise BadFormula("it is nested too deeply")
        terms = [(1.0, self._product())]
        while sign := self._next("+", "-"):
            terms.append((1.0 if sign == "+" else -1.0, self._product()))
        self.depth -= 1
        if len(terms) == 1:
            return terms[0][1]
        return lambda names: sum(sign * term(names) for sign, term in terms)

    def _product(self) -> Value:
        first = self._signed()
        more: list[tuple[str, Value]] = []
        while operator := self._next("*", "/"):
            more.append((operator, self._signed()))
        if not more:
            return first

        def value(names: Mapping[str, float]) -> float:
            result = first(names)
            for operator, factor in more:
                result = result * factor(names) if operator == "*" else result / factor(names)
            return result

        return value

    def _signed(self) -> Value:
        minus = False
        while sign := self._next("+", "-"):
            minus ^= sign == "-"
        inner = self._power()
        return (lambda names: -inner(names)) if minus else inner

    def _power(self) -> Value:
        base = self._atom()
        if not self._next("^", "**"):
            return base
        self.depth += 1
        if self.depth > DEPTH:
            raise BadFormula("it is nested too deeply")
        exponent = self._signed()  # of the right first: 2 ^ 3 ^ 2 is 2 ^ 9
        self.depth -= 1
        return lambda names: math.pow(base(names), exponent(names))

    def _atom(self) -> Value:
        if self.at >= len(self.tokens):
            raise BadFormula("it ends too early")
        token = self.tokens[self.at]
        self.at += 1
        if token == "(":
            inner = self.sum()
            self._close()
            return inner
        if token[0].isdigit() or token[0] == ".":
            number = float(token)
            return lambda _names: number
        if not (token[0].isalpha() or token[0] == "_"):
            raise BadFormula(f'"{token}" is not expected here')
        if self._next("("):
            return self._call(token)
        self.names.add(token)
        return lambda names: float(names[token])

    def _call(self, name: str) -> Value:
        if name not in FUNCTIONS:
            raise BadFormula(f"there is no function {name}; there are {', '.join(FUNCTIONS)}")
        function, least, most = FUNCTIONS[name]
        arguments = [self.sum()]
        while self._next(","):
            arguments.append(self.sum())
        self._close()
        if not least <= len(arguments) <= most:
            raise BadFormula(f"{name} does not take {len(arguments)} values")
        return lambda names: function(*(argument(names) for argument in arguments))

    def _close(self) -> None:
        if not self._next(")"):
            raise BadFormula("a bracket is not closed")

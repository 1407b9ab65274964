"""Tokens of the functions offered to a model, by the formula of OpenAI's cookbook (How_to_count_tokens)."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from core.dataset.examples import Body

_PER_FUNCTION = 7
_PER_FUNCTION_CL100K = 10  # gpt-4 and gpt-3.5
_HAS_PROPERTIES = 3
_PER_PROPERTY = 3
_HAS_ENUM = -3
_PER_ENUM_ITEM = 3
_END = 12


def functions_of(body: Body) -> list[dict[str, Any]]:
    """The functions that an example offers: those of `tools` and of the older `functions`."""
    tools = body.get("tools")
    legacy = body.get("functions")
    wrapped = [tool.get("function") for tool in tools if isinstance(tool, dict)] if isinstance(tools, list) else []
    plain = legacy if isinstance(legacy, list) else []
    return [function for function in (*wrapped, *plain) if isinstance(function, dict)]


def tokens_of_tools(body: Body, count: Callable[[str], int], encoding_name: str) -> int:
    """Tokens that the example's functions cost; 0 without any."""
    functions = functions_of(body)
    if not functions:
        return 0
    each = _PER_FUNCTION_CL100K if encoding_name == "cl100k_base" else _PER_FUNCTION
    return _END + sum(each + _function(function, count) for function in functions)


def _function(function: dict[str, Any], count: Callable[[str], int]) -> int:
    total = count(f"{_word(function.get('name'))}:{_description(function)}")
    parameters = function.get("parameters")
    properties = parameters.get("properties") if isinstance(parameters, dict) else None
    if not isinstance(properties, dict) or not properties:
        return total
    total += _HAS_PROPERTIES
    for key, value in properties.items():
        total += _PER_PROPERTY
        spec = value if isinstance(value, dict) else {}
        items = spec.get("enum")
        if isinstance(items, list):
            total += _HAS_ENUM + sum(_PER_ENUM_ITEM + count(_word(item)) for item in items)
        total += count(f"{key}:{_word(spec.get('type'))}:{_description(spec)}")
    return total


def _description(spec: dict[str, Any]) -> str:
    return _word(spec.get("description")).removesuffix(".")


def _word(value: Any) -> str:
    return "" if value is None else value if isinstance(value, str) else str(value)

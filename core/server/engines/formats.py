"""Whether a text is in the format that a request asks for: text, a JSON object, or JSON after a schema."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from typing import Any

from core.server.engines.base import AskError
from core.words import T

Fits = Callable[[str], bool]


def fits(response_format: dict[str, Any] | None, param: str = "response_format") -> Fits | None:
    """A check of texts against a format as chat completions ask for it; None where every text is fine. Raises
    AskError for a format or schema that means nothing."""
    kind = "text" if response_format is None else response_format.get("type")
    if kind == "text":
        return None
    if kind == "json_object":
        return lambda text: isinstance(_read(text), dict)
    if kind != "json_schema" or response_format is None:
        known = "text, json_object, json_schema"
        raise AskError(f"{param}.type", T("{param}.type must be one of {known}.", param=param, known=known))
    return _schema_check(response_format.get("json_schema"), f"{param}.json_schema")


def _schema_check(wanted: object, param: str) -> Fits:
    if not isinstance(wanted, dict) or not isinstance(wanted.get("name"), str):
        raise AskError(f"{param}.name", T("{param}.name is missing.", param=param))
    schema = wanted.get("schema", {})
    if not isinstance(schema, dict | bool):
        raise AskError(f"{param}.schema", T("{param}.schema must be a JSON schema.", param=param))
    # Heavy, and needed by few.
    from jsonschema import Draft202012Validator
    from jsonschema.exceptions import SchemaError
    from referencing import Registry
    from referencing.exceptions import Unresolvable

    try:
        Draft202012Validator.check_schema(schema)
    except (SchemaError, RecursionError, re.error) as error:
        problem = getattr(error, "message", "too deep")[:200]
        message = T("{param}.schema is no valid JSON schema: {problem}.", param=param, problem=problem)
        raise AskError(f"{param}.schema", message) from None
    validator = Draft202012Validator(schema, registry=Registry())  # an empty registry: nothing is ever fetched

    def check(text: str) -> bool:
        value = _read(text)
        try:
            return value is not _NO_JSON and bool(validator.is_valid(value))
        except (Unresolvable, RecursionError):
            message = T("{param}.schema refers to something that is not in it.", param=param)
            raise AskError(f"{param}.schema", message) from None

    return check


_NO_JSON = object()


def _read(text: str) -> object:
    try:
        return json.loads(text)
    except (ValueError, RecursionError):
        return _NO_JSON

"""`response_format`: which answers satisfy it, and, where it lists them, which answers there are.

Of JSON Schema the words are understood that say which values an answer may have: type, enum, const, properties,
required, additionalProperties, items, anyOf. A schema with any other word is refused rather than half obeyed.
"""

from __future__ import annotations

import itertools
import json
from collections.abc import Mapping
from typing import Any

from core.server.engines.base import SpecError
from core.words import T, Text

Schema = Mapping[str, Any]
_TOLD = {"title", "description", "$schema", "$id", "examples", "default", "$comment"}  # say nothing about validity
_HEEDED = {"type", "enum", "const", "properties", "required", "additionalProperties", "items", "anyOf"}
_TYPES: dict[str, tuple[type, ...]] = {
    "object": (dict,),
    "array": (list,),
    "string": (str,),
    "number": (int, float),
    "integer": (int, float),
    "boolean": (bool,),
    "null": (type(None),),
}
_DEEPEST = 32
_MOST_LISTED = 5_000


class Format:
    """A response_format that was read."""

    def __init__(self, schema: Schema | None) -> None:
        self.schema = schema

    @classmethod
    def read(cls, wanted: Mapping[str, Any] | None) -> Format | None:
        """The format; None where any text will do. Raises SpecError where it is none that is understood."""
        kind = (wanted or {}).get("type", "text")
        if kind == "text":
            return None
        if kind == "json_object":
            return cls({"type": "object"})
        if kind != "json_schema":
            raise _refused(
                T('response_format.type is "{seen}"; it can be text, json_object or json_schema.', seen=kind)
            )
        described = (wanted or {}).get("json_schema")
        schema = described.get("schema") if isinstance(described, dict) else None
        if not isinstance(schema, dict):
            raise _refused(T("response_format.json_schema.schema must be an object."))
        _check(schema, _DEEPEST)
        return cls(schema)

    def allows(self, text: str) -> bool:
        """Whether an answer satisfies it."""
        try:
            value = json.loads(text)
        except (ValueError, RecursionError):
            return False
        return self.schema is None or _fits(value, self.schema)

    def allows_keys(self, keys: tuple[str, ...]) -> bool:
        """Whether an object with these keys may, its values left aside."""
        schema = self.schema or {}
        known, closed = schema.get("properties", {}), schema.get("additionalProperties") is False
        return set(schema.get("required", ())) <= set(keys) and not (closed and set(keys) - set(known))

    def of_field(self, key: str) -> Format:
        """What the value of a key has to satisfy."""
        schema = self.schema or {}
        more = schema.get("additionalProperties")
        return Format(schema.get("properties", {}).get(key, more if isinstance(more, dict) else None))

    @property
    def by_field(self) -> bool:
        """Whether each field of an object can be judged by itself."""
        return not {"enum", "const", "anyOf"} & set(self.schema or {})

    def listed(self) -> list[str] | None:
        """Every answer that satisfies it, as JSON, where it lists them: objects whose required fields are all enums;
        None where it does not, or where there are too many."""
        values = _listed(self.schema or {})
        return None if values is None else [json.dumps(value, ensure_ascii=False) for value in values]


def _check(schema: Any, deep: int) -> None:
    if not isinstance(schema, dict) or not deep:
        raise _refused(T("response_format: every part of the schema must be an object, at most 32 deep."))
    unknown = sorted(set(schema) - _HEEDED - _TOLD)
    if unknown:
        message = T(
            "response_format: this model does not understand {words} in a schema. It understands {known}.",
            words=", ".join(unknown)[:200],
            known=", ".join(sorted(_HEEDED)),
        )
        raise _refused(message)
    types = _names(schema.get("type", []))
    if not all(isinstance(name, str) and name in _TYPES for name in types):
        raise _refused(T("response_format: a type in the schema can be {known}.", known=", ".join(_TYPES)))
    right = {"enum": list, "required": list, "anyOf": list, "properties": dict, "items": dict}
    for word, kind in right.items():
        if word in schema and not isinstance(schema[word], kind):
            raise _refused(T("response_format: “{word}” in the schema has a value of the wrong type.", word=word))
    if not all(isinstance(key, str) for key in schema.get("required", ())):
        raise _refused(T("response_format: “{word}” in the schema has a value of the wrong type.", word="required"))
    more = schema.get("additionalProperties", True)
    within = [*schema.get("properties", {}).values(), *schema.get("anyOf", ())]
    within += [schema["items"]] if "items" in schema else []
    for part in within if isinstance(more, bool) else [*within, more]:
        _check(part, deep - 1)


def _names(types: Any) -> list[Any]:
    return types if isinstance(types, list) else [types]


def _fits(value: Any, schema: Schema) -> bool:
    if "type" in schema and not any(_is(value, name) for name in _names(schema["type"])):
        return False
    if "enum" in schema and not any(_same(value, one) for one in schema["enum"]):
        return False
    if "const" in schema and not _same(value, schema["const"]):
        return False
    if "anyOf" in schema and not any(_fits(value, one) for one in schema["anyOf"]):
        return False
    if isinstance(value, list):
        return all(_fits(one, schema.get("items", {})) for one in value)
    if not isinstance(value, dict):
        return True
    known, more = schema.get("properties", {}), schema.get("additionalProperties", True)
    if not set(schema.get("required", ())) <= set(value) or (more is False and set(value) - set(known)):
        return False
    others = more if isinstance(more, dict) else {}
    return all(_fits(one, known.get(key, others)) for key, one in value.items())


def _is(value: Any, name: str) -> bool:
    if isinstance(value, bool):
        return name == "boolean"
    if name == "integer" and isinstance(value, float):
        return value.is_integer()
    return isinstance(value, _TYPES[name])


def _same(one: Any, other: Any) -> bool:
    if isinstance(one, bool) or isinstance(other, bool):
        return one is other
    if isinstance(one, list) and isinstance(other, list):
        return len(one) == len(other) and all(map(_same, one, other))
    if isinstance(one, dict) and isinstance(other, dict):
        return one.keys() == other.keys() and all(_same(value, other[key]) for key, value in one.items())
    return bool(one == other)


def _listed(schema: Schema) -> list[Any] | None:
    if "enum" in schema or "const" in schema:
        values = schema["enum"] if "enum" in schema else [schema["const"]]
        return [value for value in values if _fits(value, schema)]
    if schema.get("type") == "boolean":
        return [True, False]
    known = schema.get("properties", {})
    if schema.get("type") != "object" or not known:
        return None
    lists = {key: values for key, part in known.items() if (values := _listed(part)) is not None}
    if len(lists) < len(known) or _product(lists.values()) > _MOST_LISTED:
        return None
    return [dict(zip(lists, values, strict=True)) for values in itertools.product(*lists.values())]


def _product(lists: Any) -> int:
    count = 1
    for values in lists:
        count *= len(values)
    return count


def _refused(message: Text) -> SpecError:
    return SpecError("response_format", "unsupported_value", message)

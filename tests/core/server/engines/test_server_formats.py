"""Whether a text is in the format that a request asks for."""

from __future__ import annotations

from typing import Any

import pytest

from core.server.engines.base import AskError
from core.server.engines.formats import fits

TOPIC = {"type": "object", "properties": {"topic": {"enum": ["road", "water"]}}, "required": ["topic"]}


def schema(value: Any) -> dict[str, Any]:
    return {"type": "json_schema", "json_schema": {"name": "topic", "schema": value}}


@pytest.mark.parametrize(
    ("wanted", "text", "right"),
    [
        ({"type": "json_object"}, '{"a": 1}', True),
        ({"type": "json_object"}, "[1]", False),
        ({"type": "json_object"}, "road", False),
        ({"type": "json_object"}, "[" * 5000, False),
        (schema(TOPIC), '{"topic": "road"}', True),
        (schema(TOPIC), '{"topic": "sky"}', False),
        (schema(TOPIC), "road", False),
        (schema({}), "7", True),
        (schema(True), "7", True),
        (schema({"$defs": {"n": {"type": "number"}}, "$ref": "#/$defs/n"}), "7", True),
    ],
)
def test_a_text_fits_its_format_or_not(wanted: dict[str, Any], text: str, right: bool) -> None:
    check = fits(wanted)
    assert check is not None and check(text) is right


@pytest.mark.parametrize("wanted", [None, {"type": "text"}])
def test_any_text_is_text(wanted: dict[str, Any] | None) -> None:
    assert fits(wanted) is None


@pytest.mark.parametrize(
    ("wanted", "param"),
    [
        ({}, "response_format.type"),
        ({"type": "xml"}, "response_format.type"),
        ({"type": "json_schema"}, "response_format.json_schema.name"),
        ({"type": "json_schema", "json_schema": {"schema": {}}}, "response_format.json_schema.name"),
        (schema("x"), "response_format.json_schema.schema"),
        (schema({"type": "topic"}), "response_format.json_schema.schema"),
        (schema({"pattern": "("}), "response_format.json_schema.schema"),
        (schema({"$ref": "#"}), "response_format.json_schema.schema"),
        (schema({"$ref": "http://127.0.0.1:9/schema"}), "response_format.json_schema.schema"),
        (schema({"$ref": "file:///etc/passwd"}), "response_format.json_schema.schema"),
    ],
)
def test_a_format_that_means_nothing_is_refused_with_its_place(wanted: dict[str, Any], param: str) -> None:
    with pytest.raises(AskError) as caught:
        check = fits(wanted)
        assert check is not None
        check('"text"')
    assert caught.value.param == param and str(caught.value)

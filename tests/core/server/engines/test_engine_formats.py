from __future__ import annotations

import json
from typing import Any

import jsonschema
import pytest
from engine_bench import Bench, ask, pairs
from hypothesis import given
from hypothesis import strategies as st

from core.server.engines.base import SampleParams, SpecError
from core.server.engines.classic.formats import Format


def wanted(schema: Any) -> dict[str, Any]:
    return {"type": "json_schema", "json_schema": {"name": "answer", "schema": schema}}


def test_text_is_no_format() -> None:
    assert Format.read(None) is None
    assert Format.read({"type": "text"}) is None


@pytest.mark.parametrize(
    ("answer", "fits"), [('{"a": 1}', True), ("{}", True), ("[1]", False), ("card", False), ("", False), ("{", False)]
)
def test_a_json_object_is_one(answer: str, fits: bool) -> None:
    form = Format.read({"type": "json_object"})
    assert form is not None and form.allows(answer) is fits


VALUES = st.recursive(
    st.none() | st.booleans() | st.integers(-2, 2) | st.sampled_from([0.5, 2.0]) | st.sampled_from(["a", "b", ""]),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from("abc"), inner, max_size=3),
    max_leaves=6,
)
KINDS = st.sampled_from(["object", "array", "string", "number", "integer", "boolean", "null"])
SCHEMAS = st.recursive(
    st.fixed_dictionaries(
        {},
        optional={
            "type": KINDS | st.lists(KINDS, min_size=1, max_size=2, unique=True),
            "enum": st.lists(VALUES, min_size=1, max_size=3),
            "const": VALUES,
            "title": st.just("x"),
        },
    ),
    lambda inner: st.fixed_dictionaries(
        {},
        optional={
            "type": KINDS,
            "properties": st.dictionaries(st.sampled_from("abc"), inner, max_size=2),
            "required": st.lists(st.sampled_from("abc"), max_size=2, unique=True),
            "additionalProperties": st.booleans() | inner,
            "items": inner,
            "anyOf": st.lists(inner, min_size=1, max_size=2),
        },
    ),
    max_leaves=4,
)


@given(SCHEMAS, VALUES)
def test_what_is_allowed_is_what_json_schema_says(schema: dict[str, Any], value: Any) -> None:
    form = Format.read(wanted(schema))
    assert form is not None
    assert form.allows(json.dumps(value)) is jsonschema.Draft202012Validator(schema).is_valid(value)


@pytest.mark.parametrize(
    ("form", "says"),
    [
        ({"type": "grammar"}, "can be text, json_object or json_schema"),
        ({"type": "json_schema"}, "must be an object"),
        (wanted("x"), "must be an object"),
        (wanted({"pattern": "a+", "type": "string"}), "does not understand pattern"),
        (wanted({"properties": {"a": {"minLength": 2}}}), "does not understand minLength"),
        (wanted({"type": "text"}), "a type in the schema"),
        (wanted({"required": "a"}), "required"),
        (wanted({"properties": {"a": 1}}), "every part of the schema"),
        (wanted({"required": [1]}), "required"),
        (wanted({"type": {"a": 1}}), "a type in the schema"),
    ],
)
def test_what_is_not_understood_is_refused(form: dict[str, Any], says: str) -> None:
    with pytest.raises(SpecError, match=says) as refused:
        Format.read(form)
    assert refused.value.param == "response_format"


def test_a_schema_deeper_than_any_answer_is_refused() -> None:
    schema: dict[str, Any] = {}
    for _ in range(100):
        schema = {"items": schema}
    with pytest.raises(SpecError, match="at most 32 deep"):
        Format.read(wanted(schema))


@pytest.mark.parametrize(
    ("schema", "listed"),
    [
        ({"enum": ["a", "b"]}, ['"a"', '"b"']),
        ({"type": "object", "properties": {"x": {"enum": [1, 2]}}, "required": ["x"]}, ['{"x": 1}', '{"x": 2}']),
        (
            {"type": "object", "properties": {"x": {"const": "k"}, "y": {"type": "boolean"}}},
            ['{"x": "k", "y": true}', '{"x": "k", "y": false}'],
        ),
        ({"type": "object", "properties": {"x": {"type": "string"}}}, None),
        ({"type": "object"}, None),
        ({"type": "object", "properties": {k: {"enum": list(range(20))} for k in "abc"}}, None),
    ],
)
def test_the_answers_that_a_schema_lists(schema: dict[str, Any], listed: list[str] | None) -> None:
    form = Format.read(wanted(schema))
    assert form is not None and form.listed() == listed


def labelled() -> list[tuple[str, str]]:
    return [(question, json.dumps({"desk": label, "n": len(label)})) for question, label in pairs()]


def test_a_model_answers_within_the_format(bench: Bench) -> None:
    model = bench.open(bench.train(labelled(), metadata={"engine_mode": "closed"}))
    assert "response_format" in model.abilities
    free = ask(model, "my card does not scan", top_logprobs=3)
    assert json.loads(free.text)["desk"] == "card"
    form = wanted({"type": "object", "properties": {"desk": {"enum": ["borrow", "opening"]}}})
    for seed in range(20):
        piece = ask(model, "my card does not scan", response_format=form, top_logprobs=5, seed=seed, temperature=1.0)
        assert json.loads(piece.text)["desk"] in ("borrow", "opening")
        assert len(piece.top) == 2
    assert ask(model, "my card does not scan", response_format={"type": "json_object"}).text == free.text


def test_a_format_that_no_answer_satisfies_is_refused_at_once(bench: Bench) -> None:
    model = bench.open(bench.train(pairs()))
    with pytest.raises(SpecError, match="none of the answers"):
        model.generate([], SampleParams(response_format={"type": "json_object"}))

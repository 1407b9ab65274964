"""Whatever comes, checks answer with issues and never with an exception."""

import json
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from core.checks import Issue, check_body, check_line, explain, issue_table, judge
from core.dataset.examples import Kind

NAMES = st.sampled_from([
    "messages", "role", "content", "name", "weight", "tool_calls", "tool_call_id", "function_call", "function", "id",
    "arguments", "type", "tools", "functions", "parallel_tool_calls", "prompt", "completion", "input", "url", "detail",
    "preferred_output", "non_preferred_output", "preferred_completion", "image_url", "text", "parameters",
    "properties", "enum", "system", "user", "assistant", "tool", "developer",
])  # fmt: skip
ODD = st.sampled_from(["<|im_end|>", "\x00", "\ud800", "data:image/png;base64"])
TEXTS = NAMES | st.text(alphabet=st.characters(codec=None), max_size=20) | ODD
VALUES: st.SearchStrategy[Any] = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**63), 2**64 - 1) | st.floats() | TEXTS,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(NAMES | st.text(max_size=5), inner, max_size=5),
    max_leaves=25,
)
PARTS = st.lists(
    st.fixed_dictionaries(
        {"type": st.sampled_from(["text", "image_url"])}, optional={"text": VALUES, "image_url": VALUES}
    )
)
CALLS = st.lists(st.fixed_dictionaries({}, optional={"id": VALUES, "type": VALUES, "function": VALUES}))
MESSAGES = st.fixed_dictionaries(
    {},
    optional={
        "role": st.sampled_from(["system", "user", "assistant", "tool", "function", "developer"]) | VALUES,
        "content": TEXTS | PARTS | VALUES,
        "name": VALUES,
        "weight": VALUES,
        "tool_call_id": VALUES,
        "tool_calls": CALLS | VALUES,
        "function_call": VALUES,
    },
)
BODIES = st.dictionaries(NAMES, VALUES, max_size=6) | st.fixed_dictionaries(
    {"messages": st.lists(MESSAGES, max_size=4)},
    optional={
        "tools": st.lists(st.fixed_dictionaries({"type": st.just("function"), "function": VALUES})) | VALUES,
        "functions": VALUES,
    },
)


def understandable(issues: list[Issue]) -> bool:
    return all(i.sentence and i.code in issue_table() and len(i.seen) <= 120 and i.seen.isprintable() for i in issues)


@settings(deadline=None)  # the first call builds an encoding or imports numpy
@given(st.text(alphabet=st.characters(codec=None)) | st.binary())
def test_any_line_gets_issues_in_words(raw: str | bytes) -> None:
    body, issues = check_line(raw)
    assert body is not None or issues
    assert understandable([i for i in issues if "\u3000" not in i.seen])


@settings(deadline=None)  # the first call builds an encoding or imports numpy
@given(VALUES | BODIES)
def test_any_json_gets_issues_in_words(value: Any) -> None:
    raw = json.dumps(value)
    body, issues = check_line(raw)
    assert (body is None) is (not isinstance(value, dict))
    assert understandable([i for i in issues if "\u3000" not in i.seen])
    (judged,) = judge([raw], "o200k_base")
    assert judged.issues == tuple(dict.fromkeys(issue.code for issue in explain(raw)))


@settings(deadline=None)  # the first call builds an encoding or imports numpy
@given(VALUES | BODIES, st.none() | st.sampled_from(Kind))
def test_any_object_can_be_checked_as_any_kind(body: Any, kind: Kind | None) -> None:
    assert understandable([i for i in check_body(body, kind) if "\u3000" not in i.seen])


@settings(deadline=None)  # the first call builds an encoding or imports numpy
@given(BODIES)
def test_the_short_way_finds_what_the_long_way_finds(body: dict[str, Any]) -> None:
    (judged,) = judge([json.dumps(body)], "")
    assert judged.details == check_body(json.loads(json.dumps(body)))


@pytest.mark.parametrize("key", ["k" * 5_000, "\u202e", "\ud800", "", "a.b[0]"])
def test_odd_names_are_shown_short_and_printable(key: str) -> None:
    issues = check_body({"messages": [{"role": "user", "content": "x", key: {key: "\x00"}}], key: 1})
    assert all(len(issue.field) <= 200 and issue.field.isprintable() for issue in issues)
    assert understandable(issues)

"""Other tools' formats: told by their keys, converted to the provider's own, or refused with the place and reason."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.checks import Severity, check_body
from core.dataset import mapping
from core.dataset.examples import Draft, Kind
from core.dataset.readers import Reject, read, sniff
from core.dataset.recipes import Recipe
from core.dataset.shapes import KINDS, Shape, Unfit, convert, shape_of

USER, ANSWER = {"role": "user", "content": "a"}, {"role": "assistant", "content": "b"}
WORSE = {"role": "assistant", "content": "c"}
CALL = {"name": "weather", "arguments": {"city": "上海"}}
PAIR = {"input": {"messages": [USER]}, "preferred_output": [ANSWER], "non_preferred_output": [WORSE]}


def said(*turns: tuple[str, str]) -> list[dict[str, str]]:
    return [{"from": who, "value": text} for who, text in turns]


CONVERTED: list[tuple[dict[str, Any], dict[str, Any]]] = [
    ({"conversations": said(("human", "a"), ("gpt", "b"))}, {"messages": [USER, ANSWER]}),
    ({"id": 1, "conversations": said(("User", "a"), ("ASSISTANT", "b"))}, {"messages": [USER, ANSWER]}),
    ({"conversations": [USER, ANSWER]}, {"messages": [USER, ANSWER]}),
    ({"conversation": [{"human": "a", "assistant": "b"}]}, {"messages": [USER, ANSWER]}),
    (
        {"system": "s", "conversations": said(("human", "a"), ("gpt", "b"))},
        {"messages": [{"role": "system", "content": "s"}, USER, ANSWER]},
    ),
    (
        {"conversations": [*said(("human", "a")), {"from": "gpt", "value": "b", "weight": 0}, *said(("gpt", "b"))]},
        {"messages": [USER, {**ANSWER, "weight": 0}, ANSWER]},
    ),
    (
        {"instruction": "a", "input": "", "output": "b", "history": [["x", "y"]]},
        {"messages": [{"role": "user", "content": "x"}, {"role": "assistant", "content": "y"}, USER, ANSWER]},
    ),
    ({"prompt": "a", "chosen": "b", "rejected": "c"}, PAIR),
    ({"prompt": [USER], "chosen": [ANSWER], "rejected": [WORSE]}, PAIR),
    ({"chosen": [USER, ANSWER], "rejected": [USER, WORSE], "score": 3}, PAIR),
    ({"prompt": "a", "chosen": [USER, ANSWER], "rejected": [USER, WORSE]}, PAIR),
    ({"input": {"messages": [USER]}, "preferred_completion": [ANSWER], "non_preferred_completion": [WORSE]}, PAIR),
    (
        {"conversations": [{"from": "human", "value": "a"}], "chosen": {"from": "gpt", "value": "b"},
         "rejected": {"from": "gpt", "value": "c"}},
        PAIR,
    ),
]  # fmt: skip


@pytest.mark.parametrize(("body", "wanted"), CONVERTED)
def test_an_example_is_converted(body: dict[str, Any], wanted: dict[str, Any]) -> None:
    shape = shape_of(body)
    assert shape is not None and convert(shape, body) == wanted
    assert not [issue for issue in check_body(wanted, KINDS[shape]) if issue.severity is Severity.ERROR]


def test_calls_and_their_results_find_each_other() -> None:
    turns = said(("human", "a"), ("function_call", json.dumps(CALL)), ("observation", "20°"), ("gpt", "b"))
    body = {"conversations": turns, "tools": json.dumps([{"name": "weather", "parameters": {}}])}
    done = convert(Shape.SHAREGPT, body)
    call = done["messages"][1]["tool_calls"][0]
    assert call["function"] == {"name": "weather", "arguments": '{"city":"上海"}'}
    assert done["messages"][2] == {"role": "tool", "tool_call_id": call["id"], "content": "20°"}
    assert done["tools"] == [{"type": "function", "function": {"name": "weather", "parameters": {}}}]
    assert not [issue for issue in check_body(done, Kind.CHAT) if issue.severity is Severity.ERROR]


@pytest.mark.parametrize(
    ("body", "field", "words"),
    [
        ({"conversations": []}, "conversations", "no conversation"),
        ({"conversations": ["x"]}, "conversations[0]", "object with from and value"),
        ({"conversations": said(("alien", "x"))}, "conversations[0].from", 'Who speaks is "alien"'),
        ({"conversations": said(("human", "x"))}, "conversations", "Nobody answers"),
        ({"conversations": [{"from": "gpt", "value": 3}]}, "conversations[0].value", "must be a text"),
        ({"conversations": said(("observation", "x"))}, "conversations[0]", "no call came before"),
        ({"conversations": said(("function_call", "x"))}, "conversations[0].value", "must be JSON with name"),
        ({"conversations": said(("gpt", "x")), "tools": "["}, "tools", "no valid JSON"),
        ({"chosen": "b", "rejected": "c"}, "prompt", "What was asked is missing"),
        ({"prompt": "a", "chosen": "", "rejected": "c"}, "chosen", "must be a text"),
        ({"prompt": "a", "chosen": [USER], "rejected": "c"}, "chosen", "must end with the assistant"),
        ({"instruction": "a", "output": "", "history": []}, "output", "must be a text"),
        ({"instruction": "a", "output": "b", "history": ["x"]}, "history[0]", "a question and its answer"),
    ],
)
def test_what_cannot_be_converted_says_where_and_why(body: dict[str, Any], field: str, words: str) -> None:
    shape = shape_of(body)
    assert shape is not None
    with pytest.raises(Unfit) as unfit:
        convert(shape, body)
    assert unfit.value.field == field and words in str(unfit.value.reason)


@pytest.mark.parametrize(
    "body",
    [{"messages": [USER, ANSWER]}, PAIR, {"prompt": "a", "completion": "b"}, {"instruction": "a", "output": "b"}, {},
     {"messages": [USER], "reference": "x"}, {"conversations": "none"}],
)  # fmt: skip
def test_the_providers_own_formats_are_left_alone(body: dict[str, Any]) -> None:
    assert shape_of(body) is None


@pytest.mark.parametrize("as_list", [False, True])
def test_a_file_is_recognised_and_imported_with_its_faults_listed(as_list: bool, tmp_path: Path) -> None:
    bodies = [{"conversations": said(("human", "a"), ("gpt", "b"))}] * 3 + [{"conversations": said(("x", "y"))}]
    text = json.dumps(bodies) if as_list else "\n".join(map(json.dumps, bodies))
    path = tmp_path / "sharegpt"
    path.write_text(text)
    source = sniff(path)
    recipe = mapping.suggest(source)
    assert (source.shape, source.training, recipe.shape) == (Shape.SHAREGPT, Kind.CHAT, Shape.SHAREGPT)
    assert Recipe.from_json(recipe.to_json()) == recipe
    done = list(mapping.apply(recipe, read(source), source=source))
    assert [d.body for d in done if isinstance(d, Draft)] == [{"messages": [USER, ANSWER]}] * 3
    assert [(d.row, d.column) for d in done if isinstance(d, Reject)] == [(4, "conversations[0].from")]


def test_a_table_of_chosen_and_rejected_answers_is_preference_data(tmp_path: Path) -> None:
    path = tmp_path / "x.csv"
    path.write_text("prompt,chosen,rejected\na,b,c\n")
    source = sniff(path)
    draft = next(iter(mapping.apply(mapping.suggest(source), read(source), source=source)))
    assert isinstance(draft, Draft) and (draft.kind, draft.body) == (Kind.PREFERENCE, PAIR)


values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=5),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.sampled_from(
                ["from", "value", "role", "content", "human", "assistant", "messages", "tool_calls", "name"]
            ),
            inner,
            max_size=3,
        )
    ),
    max_leaves=12,
)
KEYS = ["conversations", "conversation", "chosen", "rejected", "preferred_completion", "non_preferred_completion",
        "prompt", "input", "messages", "history", "instruction", "output", "system", "tools"]  # fmt: skip


@given(st.dictionaries(st.sampled_from(KEYS), values, max_size=6), st.sampled_from(list(KINDS)))
def test_anything_is_converted_or_refused(body: dict[str, Any], shape: Shape) -> None:
    try:
        assert isinstance(convert(shape_of(body) or shape, body), dict)
    except Unfit as unfit:
        assert unfit.field and str(unfit.reason)


def test_a_conversation_of_a_chatgpt_export_is_its_last_branch() -> None:
    def node(parent: str | None, role: str, *parts: object) -> dict[str, object]:
        return {"parent": parent, "message": {"author": {"role": role}, "content": {"parts": list(parts)}}}

    mapping: dict[str, object] = {
        "root": {"parent": None, "message": None},
        "empty": node("root", "system", ""),
        "asked": node("empty", "user", "How do I cook rice?"),
        "first try": node("asked", "assistant", "No idea."),
        "tool": node("asked", "tool", "{}"),
        "second try": node("tool", "assistant", "Wash it, ", {"picture": 1}, "then boil it."),
    }
    body = {"title": "Rice", "mapping": mapping, "current_node": "second try"}
    assert shape_of(body) is Shape.CHATGPT
    assert convert(Shape.CHATGPT, body) == {
        "messages": [
            {"role": "user", "content": "How do I cook rice?"},
            {"role": "assistant", "content": "Wash it, then boil it."},
        ]
    }
    for broken in ({**body, "current_node": "asked"}, {"mapping": {"a": {"parent": "a"}}, "current_node": "a"}):
        with pytest.raises(Unfit, match="mapping"):
            convert(Shape.CHATGPT, broken)

"""Rows whose answer is a call of a function: the functions are offered, and calls are judged by what they call."""

from __future__ import annotations

import json
from typing import Any

import pytest

from core import evaluation
from core.dataset.examples import Draft, Kind, Split, dump
from core.evaluation import EvaluationDraft, ModelRef
from core.evaluation.calls import offered_by, readable
from core.settings import Settings
from core.store import Store

TOOLS = [{"type": "function", "function": {"name": "play", "parameters": {"type": "object"}}}]


def call(id: str, arguments: str, name: str = "play") -> dict[str, Any]:
    return {"id": id, "type": "function", "function": {"name": name, "arguments": arguments}}


@pytest.mark.parametrize(
    ("said", "right"),
    [
        ([call("call_zz", '{"loud":true,  "what":"Bach"}')], True),
        ([call("call_zz", '{"what": "jazz", "loud": true}')], False),
        ([call("call_zz", '{"what": "Bach", "loud": true}', "stop")], False),
        ([call("a", '{"what": "Bach", "loud": true}'), call("b", "{}")], False),
        ("Bach it is", False),
    ],
)
def test_a_call_is_right_where_it_calls_the_same_with_the_same_arguments(
    store: Store, settings: Settings, oracle: Any, said: Any, right: bool
) -> None:
    turns = [
        {"role": "user", "content": "Play Bach, loud"},
        {"role": "assistant", "tool_calls": [call("call_1", '{"what": "Bach", "loud": true}')]},
    ]
    body = {"messages": turns, "tools": TOOLS, "parallel_tool_calls": False}
    dataset = store.create_dataset("calls", Kind.CHAT)
    store.add_drafts(dataset.id, [Draft(dump(body), Kind.CHAT, split=Split.VALIDATION)])
    store.finish_import(dataset.id)
    oracle.answer = lambda _model, _question: said
    draft = EvaluationDraft("calls", store.freeze(dataset.id).id, (ModelRef("toy", "m"),))
    begun = evaluation.start(store, settings, draft, "me")
    evaluation.run(store, settings, begun.id)
    assert [score.right for score in evaluation.scores(store, begun.id)] == [int(right)]
    assert store.evaluations.questions(begun.id)[0].expected == 'play({"loud": true, "what": "Bach"})'
    assert (oracle.bodies[0]["tools"], oracle.bodies[0]["parallel_tool_calls"]) == (TOOLS, False)


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        (json.dumps([call("x", '{"what": "Bach"}')]), 'play({"what": "Bach"})'),
        (json.dumps([call("x", "{}"), call("y", "loud")]), "play({})\nplay(loud)"),
        ('{"name": "play", "arguments": "{}"}', "play({})"),
        ('{"name": "Ann"}', '{"name": "Ann"}'),
        ('[{"a": 1}]', '[{"a": 1}]'),
        ("[{broken", "[{broken"),
        ("sports", "sports"),
    ],
)
def test_calls_are_written_without_their_ids_and_all_else_stays(text: str, shown: str) -> None:
    assert readable(text) == shown


def test_a_row_without_functions_offers_nothing() -> None:
    assert offered_by({"messages": [], "parallel_tool_calls": True, "tools": []}) == {}

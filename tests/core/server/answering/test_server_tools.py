"""Tools and formats over HTTP: honoured by models that have learnt something that fits, refused by name by others."""

from __future__ import annotations

import json
from typing import Any

import openai
import pytest
from pydantic import BaseModel

TRACK = {"type": "function", "function": {"name": "track", "parameters": {"type": "object"}}}
REFUND = {"type": "function", "function": {"name": "refund", "parameters": {"type": "object"}}}
ASKED: Any = [{"role": "user", "content": "Where is my parcel number 3?"}]


def call(name: str) -> dict[str, Any]:
    function = {"name": name, "arguments": json.dumps({"from": "shop"})}
    return {"role": "assistant", "tool_calls": [{"id": "call_1", "type": "function", "function": function}]}


def trained(provider: Any, answers: list[tuple[str, Any]]) -> str:
    rows = []
    for number in range(60):
        question, answer = answers[number % len(answers)]
        message = answer if isinstance(answer, dict) else {"role": "assistant", "content": answer}
        rows.append({"messages": [{"role": "user", "content": f"{question} number {number}?"}, message]})
    file_id = provider.upload("\n".join(map(json.dumps, rows)).encode())
    job = provider.client.fine_tuning.jobs.create(
        model="local-classic-1", training_file=file_id, hyperparameters={"n_epochs": 10}
    )
    done = provider.finished(job.id)
    assert done.status == "succeeded", done.error
    return str(done.fine_tuned_model)


@pytest.fixture(scope="module")
def caller(provider: Any) -> str:
    """A model that calls one of two tools, or talks."""
    return trained(
        provider,
        [("Where is my parcel", call("track")), ("Give me back the money", call("refund")), ("Good morning", "Hello!")],
    )


@pytest.fixture(scope="module")
def sorter(provider: Any) -> str:
    """A model that answers with JSON, or with a word."""
    return trained(
        provider,
        [("Where is my parcel", '{"topic": "road"}'), ("A leak in house", '{"topic": "water"}'), ("Good day", "none")],
    )


def asked(provider: Any, model: str, **more: Any) -> Any:
    return provider.client.chat.completions.create(model=model, messages=ASKED, temperature=0, **more).choices[0]


@pytest.mark.parametrize(
    ("more", "name"),
    [
        ({}, "track"),
        ({"tools": [TRACK, REFUND]}, "track"),
        ({"tools": [TRACK, REFUND], "tool_choice": "required"}, "track"),
        ({"tools": [REFUND], "tool_choice": "required"}, "refund"),
        ({"tools": [TRACK, REFUND], "tool_choice": {"type": "function", "function": {"name": "refund"}}}, "refund"),
        ({"tools": [TRACK, REFUND], "tool_choice": "none"}, None),
        ({"tool_choice": "none"}, None),
    ],
)
def test_a_learnt_tool_is_called_where_it_may_be(provider: Any, caller: str, more: Any, name: str | None) -> None:
    choice = asked(provider, caller, **more)
    if name is None:
        assert (choice.message.content, choice.finish_reason) == ("Hello!", "stop")
    else:
        assert choice.finish_reason == "tool_calls" and choice.message.content is None
        assert [one.function.name for one in choice.message.tool_calls] == [name]


def test_a_tool_call_streams(provider: Any, caller: str) -> None:
    with provider.client.chat.completions.stream(model=caller, messages=ASKED, temperature=0) as stream:
        final = stream.get_final_completion()
    assert final.choices[0].message.tool_calls[0].function.name == "track"


def test_a_tool_that_was_never_learnt_cannot_be_called(provider: Any, caller: str) -> None:
    other = {"type": "function", "function": {"name": "weather"}}
    with pytest.raises(openai.BadRequestError) as caught:
        asked(provider, caller, tools=[other], tool_choice="required")
    assert caught.value.param == "tool_choice"


def test_a_response_calls_tools_too(provider: Any, caller: str) -> None:
    tools = [{"type": "function", "name": "refund", "parameters": {"type": "object"}, "strict": False}]
    wanted = {"model": caller, "input": ASKED, "temperature": 0, "tools": tools}
    reply = provider.client.responses.create(**wanted, tool_choice={"type": "function", "name": "refund"})
    item = reply.output[0]
    assert (item.type, item.name, json.loads(item.arguments)) == ("function_call", "refund", {"from": "shop"})
    events = list(provider.client.responses.create(**wanted, tool_choice="required", stream=True))
    assert [event.type for event in events][2:] == [
        "response.output_item.added",
        "response.function_call_arguments.delta",
        "response.function_call_arguments.done",
        "response.output_item.done",
        "response.completed",
    ]
    output = {"type": "function_call_output", "call_id": item.call_id, "output": "done"}
    assert provider.client.responses.create(model=caller, input=[output], previous_response_id=reply.id).output


class Topic(BaseModel):
    """What a client may want to parse."""

    topic: str


@pytest.mark.parametrize("topic", ["road", "water"])
def test_only_answers_that_fit_the_schema_are_given(provider: Any, sorter: str, topic: str) -> None:
    schema = {"type": "object", "properties": {"topic": {"const": topic}}, "required": ["topic"]}
    form = {"type": "json_schema", "json_schema": {"name": "topic", "schema": schema}}
    assert json.loads(asked(provider, sorter, response_format=form).message.content) == {"topic": topic}
    text = {"format": {"type": "json_schema", "name": "topic", "schema": schema}}
    reply = provider.client.responses.create(model=sorter, input=ASKED, text=text)
    assert json.loads(reply.output_text) == {"topic": topic}


def test_the_clients_own_parsing_works(provider: Any, sorter: str) -> None:
    parse = provider.client.chat.completions.parse
    reply = parse(model=sorter, messages=ASKED, temperature=0, response_format=Topic)
    assert reply.choices[0].message.parsed == Topic(topic="road")
    assert provider.client.responses.parse(model=sorter, input=ASKED, text_format=Topic).output_parsed is not None


def test_a_json_object_may_be_any(provider: Any, sorter: str) -> None:
    messages: Any = [{"role": "user", "content": "Good day number 5?"}]
    reply = provider.client.chat.completions.create(
        model=sorter, messages=messages, temperature=0, response_format={"type": "json_object"}
    )
    assert "topic" in json.loads(reply.choices[0].message.content)


def test_a_schema_that_nothing_fits_is_refused(provider: Any, sorter: str, caller: str) -> None:
    schema = {"type": "object", "properties": {"topic": {"const": "sky"}}, "required": ["topic"]}
    form = {"type": "json_schema", "json_schema": {"name": "topic", "schema": schema}}
    for model in (sorter, caller):
        with pytest.raises(openai.BadRequestError) as caught:
            asked(provider, model, response_format=form)
        assert str(caught.value.param).startswith("response_format")
    with pytest.raises(openai.BadRequestError) as caught:
        provider.client.responses.create(
            model=sorter, input=ASKED, text={"format": {**form["json_schema"], "type": "json_schema"}}
        )
    assert str(caught.value.param).startswith("text.format")

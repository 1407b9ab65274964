"""/v1/responses, asked with the unmodified client and read strictly by its own types."""

from __future__ import annotations

import json
from typing import Any

import openai
import pytest
from openai.types.responses import Response, ResponseItemList, ResponseStreamEvent
from pydantic import TypeAdapter

from core import sqlite
from tests.waiting import wait_for

BASE = "local-classic-1"
PROMPT = "What is the ripe apple of row 3?"
OTHER = "What is the fast car of row 4?"
EVENTS: TypeAdapter[Any] = TypeAdapter(ResponseStreamEvent)


def respond(provider: Any, **asked: Any) -> Response:
    reply = provider.ask("POST", "/responses", json=asked)
    assert reply.status_code == 200, reply.text
    return Response.model_validate(reply.json(), strict=True)


def test_a_text_is_answered_with_a_text(provider: Any, trained: Any) -> None:
    reply = respond(provider, model=trained.fine_tuned_model, input=PROMPT, temperature=0, metadata={"a": "b"})
    assert (reply.output_text, reply.status, reply.metadata) == ("fruit", "completed", {"a": "b"})
    assert reply.usage is not None and reply.usage.output_tokens == 1
    assert reply.usage.total_tokens == reply.usage.input_tokens + 1
    assert reply.id.startswith("resp_") and reply.output[0].id.startswith("msg_")  # type: ignore[union-attr]


@pytest.mark.parametrize(
    "given",
    [
        [{"role": "user", "content": PROMPT}],
        [{"type": "message", "role": "user", "content": [{"type": "input_text", "text": PROMPT}]}],
        [
            {"role": "user", "content": OTHER},
            {"role": "assistant", "content": [{"type": "output_text", "text": "vehicle", "annotations": []}]},
            {"type": "reasoning", "id": "rs_1", "summary": []},
            {"type": "function_call", "call_id": "call_1", "name": "look", "arguments": "{}"},
            {"type": "function_call_output", "call_id": "call_1", "output": "nothing"},
            {"role": "user", "content": PROMPT},
        ],
    ],
)
def test_items_are_a_conversation(provider: Any, trained: Any, given: list[Any]) -> None:
    reply = respond(provider, model=trained.fine_tuned_model, input=given, temperature=0)
    assert reply.output_text == "fruit"
    items = provider.ask("GET", f"/responses/{reply.id}/input_items?order=asc").json()
    listed = ResponseItemList.model_validate(items)
    assert [item.type for item in listed.data] == [item.get("type", "message") for item in given]


def test_a_response_is_kept_until_it_is_deleted(provider: Any, trained: Any) -> None:
    made = provider.client.responses.create(model=trained.fine_tuned_model, input=PROMPT, temperature=0)
    assert provider.client.responses.retrieve(made.id).output_text == "fruit"
    items = list(provider.client.responses.input_items.list(made.id, limit=1))
    assert [item.content[0].text for item in items] == [PROMPT]
    provider.client.responses.delete(made.id)
    for ask in (provider.client.responses.retrieve, provider.client.responses.delete):
        with pytest.raises(openai.NotFoundError):
            ask(made.id)
    with pytest.raises(openai.NotFoundError):
        list(provider.client.responses.input_items.list(made.id))


def test_what_is_not_to_be_stored_is_not(provider: Any) -> None:
    made = provider.client.responses.create(model=BASE, input=PROMPT, store=False)
    with pytest.raises(openai.NotFoundError):
        provider.client.responses.retrieve(made.id)


def test_one_goes_on_from_a_response(provider: Any, trained: Any) -> None:
    model = trained.fine_tuned_model
    first = provider.client.responses.create(model=model, input=OTHER, instructions="Be short.")
    second = provider.client.responses.create(model=model, input=PROMPT, previous_response_id=first.id, temperature=0)
    alone = provider.client.responses.input_tokens.count(model=model, input=PROMPT)
    together = provider.client.responses.input_tokens.count(model=model, input=PROMPT, previous_response_id=first.id)
    assert second.previous_response_id == first.id and second.instructions is None
    assert second.usage.input_tokens == together.input_tokens > alone.input_tokens
    third = provider.client.responses.create(
        model=model, input=[{"type": "item_reference", "id": first.output[0].id}], previous_response_id=second.id
    )
    assert third.usage.input_tokens > second.usage.input_tokens
    with pytest.raises(openai.BadRequestError) as caught:
        provider.client.responses.create(model=model, input=PROMPT, previous_response_id="resp_gone")
    assert (caught.value.param, caught.value.code) == ("previous_response_id", "previous_response_not_found")


def test_a_response_streams_event_by_event(provider: Any, trained: Any) -> None:
    reply = provider.ask(
        "POST",
        "/responses",
        json={
            "model": trained.fine_tuned_model,
            "input": PROMPT,
            "temperature": 0,
            "stream": True,
            "include": ["message.output_text.logprobs"],
        },
    )
    assert reply.headers["content-type"].startswith("text/event-stream")
    blocks = [block.split("\n") for block in reply.text.strip().split("\n\n")]
    events = [EVENTS.validate_python(json.loads(data.removeprefix("data: "))) for _name, data in blocks]
    assert [name.removeprefix("event: ") for name, _data in blocks] == [event.type for event in events]
    assert [event.type for event in events] == [
        "response.created",
        "response.in_progress",
        "response.output_item.added",
        "response.content_part.added",
        "response.output_text.delta",
        "response.output_text.done",
        "response.content_part.done",
        "response.output_item.done",
        "response.completed",
    ]
    assert [event.sequence_number for event in events] == list(range(9))
    assert events[0].response.output == [] and events[0].response.status == "in_progress"
    assert events[4].delta == "fruit" and events[4].logprobs[0].logprob <= 0
    assert events[5].text == "fruit" and events[8].response.output_text == "fruit"
    assert provider.client.responses.retrieve(events[8].response.id).output_text == "fruit"


def test_the_clients_own_stream_helper_follows(provider: Any, trained: Any) -> None:
    with provider.client.responses.stream(model=trained.fine_tuned_model, input=PROMPT, temperature=0) as stream:
        texts = [event.delta for event in stream if event.type == "response.output_text.delta"]
        final = stream.get_final_response()
    assert "".join(texts) == "fruit" == final.output_text and final.status == "completed"


def test_an_answer_that_is_cut_is_incomplete(provider: Any) -> None:
    reply = respond(provider, model=BASE, input="hello", max_output_tokens=3)
    assert reply.status == "incomplete" and reply.incomplete_details is not None
    assert reply.incomplete_details.reason == "max_output_tokens" and len(reply.output_text) > 3


@pytest.mark.parametrize(
    ("change", "param"),
    [
        ({"input": []}, "input"),
        ({"input": 7}, "input"),
        ({"input": [{"role": "wizard", "content": "x"}]}, "input[0].role"),
        ({"input": [{"role": "user"}]}, "input[0].content"),
        ({"input": [{"role": "user", "content": [{"type": "input_image"}]}]}, "input[0].content[0].type"),
        ({"input": [{"role": "user", "content": [{"type": "input_text"}]}]}, "input[0].content[0].text"),
        ({"input": [{"type": "computer_call"}]}, "input[0].type"),
        ({"input": [{"type": "function_call", "name": "f", "arguments": "{}"}]}, "input[0].call_id"),
        ({"input": [{"type": "item_reference", "id": "msg_gone"}]}, "input[0].id"),
        ({"background": True}, "background"),
        ({"conversation": "conv_1"}, "conversation"),
        ({"prompt": {"id": "pmpt_1"}}, "prompt"),
        ({"moderation": {"model": "m"}}, "moderation"),
        ({"tools": [{"type": "web_search"}]}, "tools[0].type"),
        ({"tools": [{"type": "function", "name": "no spaces"}]}, "tools[0].name"),
        ({"tools": [{"type": "function", "name": "f"}], "tool_choice": "required"}, "tool_choice"),
        ({"tool_choice": {"type": "function", "name": "f"}}, "tool_choice"),
        ({"text": {"format": {"type": "json_object"}}}, "text.format"),
        ({"text": {"format": {"type": "json_schema", "name": "a", "schema": 7}}}, "text.format.schema"),
        ({"text": {"format": {"type": "xml"}}}, "text.format.type"),
        ({"max_output_tokens": 0}, "max_output_tokens"),
        ({"temperature": 3}, "temperature"),
        ({"metadata": {"k": 1}}, "metadata.k"),
        ({"model": "gpt-4o"}, "model"),
    ],
)
@pytest.mark.parametrize("streamed", [False, True])
def test_what_cannot_be_done_names_its_parameter(
    provider: Any, change: dict[str, Any], param: str, streamed: bool
) -> None:
    reply = provider.ask("POST", "/responses", json={"model": BASE, "input": "hello", "stream": streamed, **change})
    assert reply.status_code == (404 if param == "model" else 400)
    assert reply.json()["error"]["param"] == param, reply.text


def test_a_response_that_is_whole_can_be_neither_cancelled_nor_streamed(provider: Any) -> None:
    made = provider.client.responses.create(model=BASE, input="hello")
    for method, path in (("POST", f"/responses/{made.id}/cancel"), ("GET", f"/responses/{made.id}?stream=true")):
        assert provider.ask(method, path).status_code == 400


def test_a_response_is_made_once_for_its_idempotency_key(provider: Any, trained: Any) -> None:
    body = {"model": trained.fine_tuned_model, "input": PROMPT}
    headers = {"Idempotency-Key": f"response-{trained.id}"}
    first, second = (provider.ask("POST", "/responses", json=body, headers=headers) for _ in range(2))
    assert first.json() == second.json() and second.headers["idempotent-replayed"] == "true"
    assert provider.ask("POST", "/responses", json={**body, "input": OTHER}, headers=headers).status_code == 422


def test_a_deleted_response_is_not_kept_with_its_idempotency_key(provider: Any, trained: Any) -> None:
    body = {"model": trained.fine_tuned_model, "input": PROMPT}
    headers = {"Idempotency-Key": f"forgotten-{trained.id}"}
    first = provider.ask("POST", "/responses", json=body, headers=headers).json()
    provider.client.responses.delete(first["id"])
    again = provider.ask("POST", "/responses", json=body, headers=headers)
    assert again.json()["id"] != first["id"] and "idempotent-replayed" not in again.headers


def test_a_response_that_is_streamed_takes_no_key(provider: Any, trained: Any) -> None:
    body = {"model": trained.fine_tuned_model, "input": PROMPT, "stream": True}
    headers = {"Idempotency-Key": f"streamed-{trained.id}"}
    replies = [provider.ask("POST", "/responses", json=body, headers=headers) for _ in range(2)]
    begun = [json.loads(reply.text.split("data: ", 1)[1].split("\n", 1)[0]) for reply in replies]
    assert begun[0]["response"]["id"] != begun[1]["response"]["id"]
    assert "idempotent-replayed" not in replies[1].headers


def test_what_was_kept_for_long_enough_goes_by_itself(own_provider: Any) -> None:
    body = {"model": "local-classic-1", "input": PROMPT}
    keys = [{"Idempotency-Key": name} for name in ("old", "fresh")]
    old, fresh = (own_provider.ask("POST", "/responses", json=body, headers=key).json()["id"] for key in keys)
    own_provider.kill()
    connection = sqlite.module().connect(own_provider.data / "provider.db", isolation_level=None)
    connection.execute("UPDATE responses SET created_at = 1 WHERE id = ?", (old,))
    connection.execute("UPDATE idempotency SET created = 1 WHERE key = 'old'")
    own_provider.start()
    wait_for(lambda: own_provider.ask("GET", f"/responses/{old}").status_code == 404, 10)
    wait_for(lambda: [row[0] for row in connection.execute("SELECT key FROM idempotency")] == ["fresh"], 10)
    connection.close()
    assert own_provider.ask("GET", f"/responses/{fresh}").status_code == 200

"""A response in the making, and the events that tell of it."""

from __future__ import annotations

import itertools
import json
from collections.abc import Iterator

from core.server import wire
from core.server.answering import Answer, ChatRequest, logprob
from core.server.database import now
from core.server.engines.base import Piece
from core.server.responses.items import output_call, output_message, output_text
from core.server.responses.requests import ResponseRequest
from core.server.streaming import broken_off


class Writing:
    """One response as far as it has come, with the events that tell of it."""

    def __init__(self, asked: ResponseRequest, messages: list[wire.Json], items: list[wire.Json]) -> None:
        self.chat: ChatRequest = asked.as_chat(messages)
        self.items = items
        self.answer = Answer()
        self.prompt_tokens = 0
        self.response = _empty(asked)
        self._number = itertools.count()
        self._message: wire.Json | None = None

    def begin(self) -> Iterator[wire.Json]:
        """The events before the first piece."""
        yield self._event("response.created", response=dict(self.response))
        yield self._event("response.in_progress", response=dict(self.response))

    def add(self, piece: Piece) -> Iterator[wire.Json]:
        """Takes a piece in."""
        self.answer.add(piece)
        if piece.kind == "tool_calls":
            yield from self._close_message("completed")
            for call in json.loads(piece.text):
                yield from self._call(output_call(call))
            return
        if self._message is None:
            yield from self._open_message()
        logs = [logprob(piece)] if self.chat.logprobs and piece.logprob is not None else []
        message, part = self._open()
        part["text"] += piece.text
        part["logprobs"] += logs
        yield self._event("response.output_text.delta", item=message, delta=piece.text, logprobs=logs)

    def close(self) -> Iterator[wire.Json]:
        """The events after the last piece."""
        if self._message is None and not self.response["output"]:
            yield from self._open_message()
        yield from self._close_message("incomplete" if self.answer.bounded == "length" else "completed")

    def end(self) -> None:
        """Puts down how it ended, and what it took."""
        cut = self.answer.bounded == "length"
        self.response["status"] = "incomplete" if cut else "completed"
        self.response["incomplete_details"] = {"reason": "max_output_tokens"} if cut else None
        self.response["completed_at"] = None if cut else now()
        self.response["usage"] = {
            "input_tokens": self.prompt_tokens,
            "input_tokens_details": {"cached_tokens": 0, "cache_write_tokens": 0},
            "output_tokens": self.answer.tokens,
            "output_tokens_details": {"reasoning_tokens": 0},
            "total_tokens": self.prompt_tokens + self.answer.tokens,
        }

    def fail(self, error: Exception) -> None:
        """Puts down that it broke off."""
        message = broken_off(error)["error"]["message"]
        self.response |= {"status": "failed", "error": {"code": "server_error", "message": message}}

    def last(self) -> wire.Json:
        """The event of the end."""
        return self._event(f"response.{self.response['status']}", response=self.response)

    def _open_message(self) -> Iterator[wire.Json]:
        self._message = output_message(wire.new_id("msg_"), [], "in_progress")
        self.response["output"] = [*self.response["output"], self._message]
        yield self._event("response.output_item.added", item=dict(self._message), whole=True)
        self._message["content"] = [output_text("", [])]
        yield self._event("response.content_part.added", item=self._message, part=output_text("", []))

    def _close_message(self, status: str) -> Iterator[wire.Json]:
        if self._message is None:
            return
        message, part = self._open()
        text, logs = part["text"], part["logprobs"]
        yield self._event("response.output_text.done", item=message, text=text, logprobs=logs)
        yield self._event("response.content_part.done", item=message, part=part)
        message["status"] = status
        yield self._event("response.output_item.done", item=message, whole=True)
        self._message = None

    def _call(self, item: wire.Json) -> Iterator[wire.Json]:
        self.response["output"] = [*self.response["output"], item]
        begun = {**item, "arguments": "", "status": "in_progress"}
        yield self._event("response.output_item.added", item=begun, whole=True)
        arguments = item["arguments"]
        yield self._event("response.function_call_arguments.delta", item=item, delta=arguments)
        yield self._event("response.function_call_arguments.done", item=item, arguments=arguments, name=item["name"])
        yield self._event("response.output_item.done", item=item, whole=True)

    def _open(self) -> tuple[wire.Json, wire.Json]:
        assert self._message is not None
        return self._message, self._message["content"][0]

    def _event(self, type: str, *, item: wire.Json | None = None, whole: bool = False, **more: object) -> wire.Json:
        event: wire.Json = {"type": type, "sequence_number": next(self._number)}
        if item is not None:
            event["output_index"] = len(self.response["output"]) - 1
            event |= {"item": item} if whole else {"item_id": item["id"]}
            if "content" in item and not whole:
                event["content_index"] = 0
        return {**event, **more}


def _empty(asked: ResponseRequest) -> wire.Json:
    return {
        "id": wire.new_id("resp_"),
        "object": "response",
        "created_at": now(),
        "completed_at": None,
        "status": "in_progress",
        "background": False,
        "error": None,
        "incomplete_details": None,
        "instructions": asked.instructions,
        "max_output_tokens": asked.max_output_tokens,
        "metadata": asked.metadata or {},
        "model": asked.model,
        "output": [],
        "parallel_tool_calls": asked.parallel_tool_calls is not False,
        "previous_response_id": asked.previous_response_id,
        "store": asked.store is not False,
        "temperature": 1.0 if asked.temperature is None else asked.temperature,
        "text": {"format": (asked.text or {}).get("format") or {"type": "text"}},
        "tool_choice": asked.tool_choice or "auto",
        "tools": [{"description": None, "parameters": None, "strict": None, **tool} for tool in asked.tools or ()],
        "top_logprobs": asked.top_logprobs or 0,
        "top_p": 1.0 if asked.top_p is None else asked.top_p,
        "truncation": "disabled",
        "usage": None,
    }

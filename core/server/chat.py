"""The route /v1/chat/completions."""

from __future__ import annotations

import itertools
import json
import logging
from collections.abc import Iterator, Sequence
from typing import Any

from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import Response, StreamingResponse
from starlette.routing import Route

from core.server import wire
from core.server.answers import Answer, Bounds, delta, logprob, usage, wrapped
from core.server.database import now
from core.server.engines.base import Piece, Predictor, SampleParams
from core.server.errors import ApiError, bad_request, error_body
from core.server.models import Models, Served
from core.server.predictors import Predictors
from core.server.replies import JSONResponse
from core.server.requests import ChatRequest, parse
from core.server.routes_jobs import read_json
from core.words import T, Text

log = logging.getLogger("luopan.provider")

JSON_LIMIT = 16 << 20  # bytes
ROLES = ("system", "developer", "user", "assistant", "tool", "function")


class ChatRoutes:
    """Answers of base and fine-tuned models."""

    def __init__(self, models: Models, predictors: Predictors) -> None:
        self._models = models
        self._predictors = predictors

    def routes(self) -> Sequence[Route]:
        """The routes, to be mounted."""
        return [Route("/v1/chat/completions", self.create, methods=["POST"])]

    async def create(self, request: Request) -> Response:
        asked = parse(ChatRequest, await read_json(request, JSON_LIMIT))
        refuse_what_cannot_be(asked)
        served = await run_in_threadpool(self._models.served, asked.model)
        if not asked.stream:
            return JSONResponse(await run_in_threadpool(self._complete, served, asked))
        chunks = self._chunks(served, asked)
        first = await run_in_threadpool(next, chunks)  # what cannot be answered is still a plain error here
        return StreamingResponse(_events(itertools.chain([first], chunks)), media_type="text/event-stream")

    def _complete(self, served: Served, asked: ChatRequest) -> wire.Json:
        answers = []
        with self._predictors.use(served) as predictor:
            prompt = predictor.count(asked.messages)
            for index in range(asked.n or 1):
                answer, bounds = Answer(), _bounds(asked)
                for piece in bounds.apply(predictor.generate(asked.messages, _params(asked, index))):
                    answer.add(piece)
                answer.finish = bounds.finish or answer.finish
                answers.append(answer)
        return {
            **_head("chat.completion", asked.model),
            "choices": [a.choice(i, bool(asked.logprobs)) for i, a in enumerate(answers)],
            "usage": usage(prompt, sum(answer.tokens for answer in answers)),
        }

    def _chunks(self, served: Served, asked: ChatRequest) -> Iterator[wire.Json]:
        head = _head("chat.completion.chunk", asked.model)
        with_usage = bool((asked.stream_options or {}).get("include_usage"))
        if with_usage:
            head["usage"] = None
        with self._predictors.use(served) as predictor:
            tokens = 0
            for index in range(asked.n or 1):
                answer = Answer()
                for change, logs in _changes(predictor, asked, index, answer):
                    yield {**head, "choices": [_chunk_choice(index, change, logs if asked.logprobs else None)]}
                yield {**head, "choices": [_chunk_choice(index, {}, None, answer.finish)]}
                tokens += answer.tokens
            if with_usage:
                yield {**head, "choices": [], "usage": usage(predictor.count(asked.messages), tokens)}


def _changes(
    predictor: Predictor, asked: ChatRequest, index: int, answer: Answer
) -> Iterator[tuple[wire.Json, wire.Json | None]]:
    """The deltas of one choice with their logprobs; the role comes with the first, once there is something to say."""
    bounds = _bounds(asked)
    pieces = bounds.apply(predictor.generate(asked.messages, _params(asked, index)))
    first = next(pieces, None)
    is_call = first is not None and first.kind == "tool_calls"
    yield {"role": "assistant", "content": None if is_call else "", "refusal": None}, None
    for piece in itertools.chain([first] if first else [], pieces):
        answer.add(piece)
        yield delta(piece), _piece_logprobs(piece)
    answer.finish = bounds.finish or answer.finish


def _piece_logprobs(piece: Piece) -> wire.Json | None:
    return wrapped([logprob(piece)] if piece.logprob is not None else [])


def _chunk_choice(index: int, change: wire.Json, logs: wire.Json | None, finish: str | None = None) -> wire.Json:
    return {"index": index, "delta": change, "logprobs": logs, "finish_reason": finish}


def _head(kind: str, model: str) -> wire.Json:
    return {
        "id": wire.new_id("chatcmpl-"),
        "object": kind,
        "created": now(),
        "model": model,
        "system_fingerprint": None,
    }


def _events(chunks: Iterator[wire.Json]) -> Iterator[str]:
    """Server-sent events; an error on the way is an event too, since the status is already sent."""
    try:
        for chunk in chunks:
            yield f"data: {json.dumps(chunk, ensure_ascii=False)}\n\n"
    except Exception as error:
        log.exception("an answer broke off")
        status = error.status if isinstance(error, ApiError) else 500
        message = str(error) if isinstance(error, ApiError) else str(T("The model broke off while answering."))
        yield f"data: {json.dumps(error_body(message, status=status, code='answer_broke_off'))}\n\n"
        return
    yield "data: [DONE]\n\n"


def _params(asked: ChatRequest, index: int) -> SampleParams:
    return SampleParams(
        temperature=1.0 if asked.temperature is None else asked.temperature,
        top_p=1.0 if asked.top_p is None else asked.top_p,
        max_tokens=asked.max_completion_tokens or asked.max_tokens,
        top_logprobs=asked.top_logprobs or 0,
        seed=None if asked.seed is None else (asked.seed + index) % 2**63,
        stop=_stops(asked),
    )


def _bounds(asked: ChatRequest) -> Bounds:
    return Bounds(_stops(asked), asked.max_completion_tokens or asked.max_tokens)


def _stops(asked: ChatRequest) -> tuple[str, ...]:
    return (asked.stop,) if isinstance(asked.stop, str) else tuple(asked.stop or ())


def refuse_what_cannot_be(asked: ChatRequest) -> None:
    """Raises ApiError 400, with the parameter, for wishes that would change the answer and cannot be met."""
    stops = _stops(asked)
    text_only = (asked.response_format or {"type": "text"}).get("type") == "text"
    named = isinstance(asked.tool_choice, dict) or asked.tool_choice not in (None, "none", "auto")
    wishes: list[tuple[bool, str, Text]] = [
        (len(stops) > 4 or not all(stops), "stop", T("stop takes up to four texts that are not empty.")),
        (
            asked.top_logprobs is not None and not asked.logprobs,
            "top_logprobs",
            T("top_logprobs needs logprobs to be true."),
        ),
        (bool(asked.logit_bias), "logit_bias", T("This server cannot bias single tokens.")),
        (
            not text_only,
            "response_format",
            T("This server cannot force a format; train the model on answers in that format."),
        ),
        (named, "tool_choice", T('This server cannot force a tool; "auto" and "none" are fine.')),
        (any(m != "text" for m in asked.modalities or ()), "modalities", T("This server answers with text only.")),
    ]
    for wrong, param, message in wishes:
        if wrong:
            raise bad_request(message, param)
    for index, chat_message in enumerate(asked.messages):
        _refuse_message(index, chat_message)


def _refuse_message(index: int, message: dict[str, Any]) -> None:
    param = f"messages[{index}]"
    if message.get("role") not in ROLES:
        known = ", ".join(ROLES)
        raise bad_request(T("{param}.role must be one of {known}.", param=param, known=known), f"{param}.role")
    content = message.get("content")
    if content is None and (message["role"] == "assistant" or message["role"] == "function"):
        return
    if isinstance(content, list):
        for part in content:
            if not isinstance(part, dict) or part.get("type") not in ("text", "refusal"):
                raise bad_request(T("{param}.content: this server reads text only.", param=param), f"{param}.content")
    elif not isinstance(content, str):
        raise bad_request(T("{param}.content must be text.", param=param), f"{param}.content")

"""What clients sent, read: a body as JSON, and as the pydantic model of a route."""

from __future__ import annotations

from typing import Annotated, Any, TypeVar

import orjson
from pydantic import BaseModel, Field, ValidationError
from starlette.requests import Request

from core.server.errors import ApiError, bad_request
from core.words import T

JSON_LIMIT, LARGE_LIMIT = 1 << 20, 16 << 20  # bytes
DEPTH_LIMIT = 200
MOST_VALUES = 2_000_000

M = TypeVar("M", bound=BaseModel)
_Key = Annotated[str, Field(min_length=1, max_length=64)]
Metadata = Annotated[dict[_Key, Annotated[str, Field(max_length=512)]], Field(max_length=16)]


async def read_json(request: Request, limit: int = JSON_LIMIT) -> object:
    """The body as JSON, whatever its content type says. Raises ApiError 400, or 413 over the limit (bytes)."""
    raw = bytearray()
    async for block in request.stream():
        raw += block
        if len(raw) > limit:
            message = T("The body is larger than {limit} MB.", limit=limit >> 20)
            raise ApiError(413, message, code="request_too_large")
    if raw.count(b",") + 4 * raw.count(b"{") > MOST_VALUES:  # once read, each takes many times its bytes
        raise ApiError(413, T("The body holds too many values."), code="request_too_large")
    try:
        body = orjson.loads(raw)
    except orjson.JSONDecodeError as error:
        raise bad_request(T("The body is not valid JSON: {problem}.", problem=str(error))) from None
    if too_deep(body):
        raise bad_request(T("The body is nested deeper than {most} levels.", most=DEPTH_LIMIT))
    return body


def too_deep(body: object) -> bool:
    """Whether more brackets are open at some place than anything sensible needs."""
    here: list[Any] = [body]
    for _level in range(DEPTH_LIMIT):
        here = [v for v in here if isinstance(v, dict | list)]
        if not here:
            return False
        here = [child for v in here for child in (v.values() if isinstance(v, dict) else v)]
    return True


def parse(model: type[M], body: Any) -> M:
    """The request as the model has it. Raises ApiError 400 with the parameter at fault."""
    if not isinstance(body, dict):
        raise bad_request(T("The body must be one JSON object."))
    try:
        return model.model_validate(body)
    except ValidationError as error:
        raise _refusal(error) from None


def _refusal(error: ValidationError) -> ApiError:
    first = error.errors(include_url=False, include_context=False)[0]
    param = ""
    loc = first["loc"]
    loc = loc[: loc.index("[key]") - 1] if "[key]" in loc else loc
    for part in loc:
        param += f"[{part}]" if isinstance(part, int) else f".{part}" if param else str(part)
    param = param.removesuffix(".str")[:120]  # pydantic's name for a branch of `stop`
    if not param and first["type"] == "suffix":
        param = "suffix"
    if first["type"] == "missing":
        return bad_request(T("{param} is missing.", param=param), param)
    value = first["input"]
    seen = repr(value.get("suffix") if param == "suffix" and isinstance(value, dict) else value)
    seen = seen if len(seen) <= 80 else seen[:79] + "…"
    message = T("{param}: {problem} (seen: {seen}).", param=param or "body", problem=first["msg"], seen=seen)
    return bad_request(message, param or None)

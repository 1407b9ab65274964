"""Every error as OpenAI's body, the only shape its client can read a sentence from."""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping
from http import HTTPStatus
from typing import Any

from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect, Request
from starlette.responses import JSONResponse, Response

from core import sqlite
from core.words import T, Text

log = logging.getLogger("luopan.provider")


class ApiError(Exception):
    """An answer that is an error: its status, a sentence, the parameter at fault and a stable code."""

    def __init__(
        self,
        status: int,
        message: Text | str,
        *,
        param: str | None = None,
        code: str | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> None:
        super().__init__(status, message, param, code)
        self.status = status
        self.message = message
        self.param = param
        self.code = code
        self.headers = headers

    def __str__(self) -> str:
        return str(self.message)

    def response(self) -> JSONResponse:
        """The error as it is sent."""
        body = error_body(str(self.message), status=self.status, param=self.param, code=self.code)
        return JSONResponse(body, self.status, headers=self.headers)


def bad_request(message: Text | str, param: str | None = None, code: str | None = None) -> ApiError:
    """A request that cannot be done as it is: HTTP 400."""
    return ApiError(400, message, param=param, code=code)


def error_body(message: str, *, status: int, param: str | None = None, code: str | None = None) -> dict[str, Any]:
    """OpenAI's error object."""
    kind = "server_error" if status >= 500 else "invalid_request_error"
    return {"error": {"message": message, "type": kind, "param": param, "code": code}}


def _http_error(request: Request, error: HTTPException) -> JSONResponse:
    method, path = request.method, request.url.path
    sentences = {
        404: T("There is nothing at {path} here.", path=path),
        405: T("{path} does not answer to {method}.", path=path, method=method),
        413: T("The request is larger than this server takes."),
    }
    codes = {404: "unknown_url", 405: "method_not_allowed", 413: "request_too_large"}
    status = error.status_code
    message = sentences.get(status) or T("The request failed: {reason}.", reason=HTTPStatus(status).phrase)
    return ApiError(status, message, code=codes.get(status), headers=error.headers).response()


def unexpected(method: str, path: str, error: Exception) -> JSONResponse:
    """The answer to a mistake of ours; the log has the details."""
    log.error("%s %s failed", method, path, exc_info=error)
    message = T("Something went wrong inside the local provider; its log says more. You can try again.")
    return ApiError(500, message, code="internal_error").response()


def is_disk(error: Exception) -> bool:
    """Whether the disk is at fault: full, over a quota, failing. There may be room again later."""
    if isinstance(error, sqlite.module().OperationalError):
        return any(word in str(error) for word in ("is full", "disk I/O", "unable to open", "readonly"))
    return isinstance(error, OSError) and not isinstance(error, FileNotFoundError)


def _no_space(request: Request, error: Exception) -> JSONResponse:
    if not is_disk(error) and not isinstance(error, OSError):
        return unexpected(request.method, request.url.path, error)
    log.error("%s %s failed: %s", request.method, request.url.path, error)
    reason = (error.strerror if isinstance(error, OSError) else None) or str(error)
    message = T("The local provider could not write to its disk: {reason}.", reason=reason)
    return ApiError(507, message, code="storage_failed").response()


HANDLERS: dict[Any, Callable[..., Response]] = {
    ApiError: lambda _request, error: error.response(),
    HTTPException: _http_error,
    OSError: _no_space,
    sqlite.module().OperationalError: _no_space,
    ClientDisconnect: lambda _request, _error: Response(status_code=499),  # nobody is there to read it
}

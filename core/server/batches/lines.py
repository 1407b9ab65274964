"""The lines of a batch: looked through before any is answered, then read one by one."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, BinaryIO

import orjson

from core.words import T, Text

Json = dict[str, Any]

MOST = 50_000  # requests of one batch, as at OpenAI
LONGEST = 16 << 20  # bytes of a line
SHOWN = 100  # errors that are told; more help nobody
_BOM = b"\xef\xbb\xbf"
_WANTED = (("custom_id", str), ("method", str), ("url", str), ("body", dict))


@dataclass
class Findings:
    """What a look through a file found: how many requests, the one model they ask (None: several), and the errors."""

    total: int = 0
    model: str | None = None
    errors: list[Json] = field(default_factory=list)


def examine(path: Path, endpoint: str, known: Callable[[str], bool]) -> Findings:
    """Looks through all lines; `known` says whether a model is there. Memory grows by 8 bytes and a little a line."""
    findings, seen, models = Findings(), set[bytes](), dict[str, bool]()
    with path.open("rb") as file:
        for number, line in _numbered(file):
            findings.total += 1
            if findings.total > MOST:
                message = T("A batch takes at most {most} requests.", most=MOST)
                findings.errors = [_error("too_many_tasks", message)]
                return findings
            request = _request(line)
            problem = _problem(request, endpoint) or _repeated(request, seen) or _unknown(request, models, known)
            if problem is not None and len(findings.errors) < SHOWN:
                findings.errors.append(_error(*problem, line=number))
    if not findings.total:
        findings.errors = [_error("empty_file", T("The input file holds no request."))]
    findings.model = next(iter(models)) if len(models) == 1 else None
    return findings


Problem = tuple[str, Text, str | None]


def _problem(request: object, endpoint: str) -> Problem | None:
    if not isinstance(request, dict):
        return "invalid_json_line", T("This line is not parseable as valid JSON."), None
    for name, kind in _WANTED:
        if not isinstance(request.get(name), kind) or not request[name]:
            return "missing_required_parameter", T("Missing required parameter: '{name}'.", name=name), name
    if request["method"] != "POST":
        return "invalid_method", T("The method of a request in a batch is POST."), "method"
    if request["url"] != endpoint:
        seen = request["url"][:80]
        message = T("The url {url} is not the endpoint of this batch, {endpoint}.", url=seen, endpoint=endpoint)
        return "url_mismatch", message, "url"
    if not isinstance(request["body"].get("model"), str):
        return "missing_required_parameter", T("Missing required parameter: '{name}'.", name="body.model"), "body.model"
    return None


def _repeated(request: Any, seen: set[bytes]) -> Problem | None:
    name = request["custom_id"]
    digest = hashlib.blake2b(name.encode("utf-8", "surrogatepass"), digest_size=8).digest()
    if digest in seen:
        message = T("The custom_id {name} stands on another line too. It must be unique in a batch.", name=name[:80])
        return "duplicate_custom_id", message, "custom_id"
    seen.add(digest)
    return None


def _unknown(request: Any, models: dict[str, bool], known: Callable[[str], bool]) -> Problem | None:
    name = request["body"]["model"]
    if name not in models:
        models[name] = known(name)
    if models[name]:
        return None
    return "model_not_found", T("The model {model} does not exist here.", model=name[:120]), "body.model"


def _error(code: str, message: Text, param: str | None = None, line: int | None = None) -> Json:
    return {"code": code, "message": str(message), "param": param, "line": line}


def requests(file: BinaryIO, start: int) -> Iterator[tuple[Json, int]]:
    """The requests from this byte on, each with the byte after it."""
    file.seek(start)
    for _number, line in _numbered(file):
        yield orjson.loads(line), file.tell()


def _numbered(file: BinaryIO) -> Iterator[tuple[int, bytes]]:
    """The lines that are not blank with their numbers; one that is too long comes as nothing readable."""
    number, first = 0, file.tell() == 0
    while line := file.readline(LONGEST + 1):
        number += 1
        if len(line) > LONGEST and not line.endswith(b"\n"):
            while line and not line.endswith(b"\n"):
                line = file.readline(LONGEST)
            yield number, b"?"
            continue
        if first and number == 1:
            line = line.removeprefix(_BOM)
        if line.strip():
            yield number, line


def _request(line: bytes) -> object:
    try:
        return orjson.loads(line)
    except orjson.JSONDecodeError:
        return None

"""A multipart upload, streamed to disk as it arrives: memory stays small whatever the size of the file."""

from __future__ import annotations

import os
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import BinaryIO

from python_multipart.exceptions import MultipartParseError
from python_multipart.multipart import MultipartParser, parse_options_header
from starlette.concurrency import run_in_threadpool

from core.server.errors import ApiError, bad_request
from core.words import T

FIELD_LIMIT = 4096  # bytes of one plain field
FIELDS_LIMIT = 20
WRITE_AT = 1 << 20
FORM_OVERHEAD = 1 << 20  # bytes of a form besides its file


@dataclass
class Upload:
    """What came in: the plain fields, and the file's name and size; its bytes are at `path`, on disk."""

    path: Path
    fields: dict[str, str] = field(default_factory=dict)
    filename: str = ""
    bytes: int = 0
    has_file: bool = False


class _Parts:
    """Follows the parser's callbacks and writes the part of one name away."""

    def __init__(self, upload: Upload, out: BinaryIO, limit: int, wanted: str) -> None:
        self.upload = upload
        self.wanted = wanted
        self.out = out
        self.limit = limit
        self.held = bytearray()  # of the file, not written yet
        self.ended = False
        self._reset()

    def write_held(self) -> None:
        """Writes what is held. The disk may take its time, so this belongs into a thread."""
        with memoryview(self.held) as left:
            while left:
                left = left[self.out.write(left) :]
        self.held = bytearray()

    def _reset(self) -> None:
        self.header, self.value, self.headers = b"", b"", dict[bytes, bytes]()
        self.name, self.is_file, self.text = "", False, bytearray()

    def parser(self, boundary: bytes) -> MultipartParser:
        return MultipartParser(
            boundary,
            {
                "on_part_begin": self._reset,
                "on_header_field": self._on_header_field,
                "on_header_value": self._on_header_value,
                "on_header_end": self._on_header_end,
                "on_headers_finished": self._on_headers,
                "on_part_data": self._on_data,
                "on_part_end": self._on_part_end,
                "on_end": self._on_end,
            },
        )

    def _on_header_field(self, data: bytes, start: int, end: int) -> None:
        self.header += data[start:end]

    def _on_header_value(self, data: bytes, start: int, end: int) -> None:
        self.value += data[start:end]

    def _on_header_end(self) -> None:
        self.headers[self.header.lower()] = self.value
        self.header, self.value = b"", b""

    def _on_headers(self) -> None:
        _, options = parse_options_header(self.headers.get(b"content-disposition"))
        self.name = options.get(b"name", b"").decode("utf-8", "replace")
        if self.name == self.wanted:
            if self.upload.has_file:
                raise bad_request(T("Send one file at a time."), self.wanted)
            self.is_file = self.upload.has_file = True
            self.upload.filename = clean_name(options.get(b"filename", b"").decode("utf-8", "replace"))

    def _on_data(self, data: bytes, start: int, end: int) -> None:
        if self.is_file:
            self.upload.bytes += end - start
            if self.upload.bytes > self.limit:
                raise too_large(self.limit)
            self.held += data[start:end]
            return
        self.text += data[start:end]
        if len(self.text) > FIELD_LIMIT:
            raise bad_request(T("The field {name} is too long.", name=self.name[:80]), self.name[:80])

    def _on_part_end(self) -> None:
        if not self.is_file:
            self.upload.fields[self.name] = self.text.decode("utf-8", "replace")
            if len(self.upload.fields) > FIELDS_LIMIT:
                raise bad_request(T("The form has too many fields."))

    def _on_end(self) -> None:
        self.ended = True


async def receive(
    content_type: str, blocks: AsyncIterator[bytes], path: Path, limit: int, wanted: str = "file"
) -> Upload:
    """Reads a whole form and puts its file, the part of the wanted name, at `path`, on disk when this returns. Raises
    ApiError; then nothing is left behind."""
    kind, options = parse_options_header(content_type)
    boundary = options.get(b"boundary")
    if kind != b"multipart/form-data" or not boundary:
        raise bad_request(T("Send the file as multipart/form-data, in the field {name}.", name=wanted))
    upload = Upload(path)
    try:
        with path.open("xb", buffering=0) as out:
            parts = _Parts(upload, out, limit, wanted)
            parser = parts.parser(boundary)
            received = 0
            async for block in blocks:
                received += len(block)
                if received > limit + FORM_OVERHEAD:
                    raise too_large(limit)
                parser.write(block)
                if len(parts.held) >= WRITE_AT:
                    await run_in_threadpool(parts.write_held)
            if not parts.ended:
                raise bad_request(T("The upload ended too early. Send it again."), "file")
            await run_in_threadpool(_finish, parts, out)
    except MultipartParseError:
        path.unlink(missing_ok=True)
        raise bad_request(T("The upload is not a well-formed multipart form."), "file") from None
    except BaseException:
        path.unlink(missing_ok=True)
        raise
    return upload


def _finish(parts: _Parts, out: BinaryIO) -> None:
    parts.write_held()
    os.fsync(out.fileno())


def too_large(limit: int) -> ApiError:
    """The error of a file over the limit (bytes)."""
    message = T("The file is larger than {limit} MB. Split it into several files.", limit=limit >> 20)
    return ApiError(413, message, param="file", code="file_too_large")


def clean_name(name: str) -> str:
    """A file name to show: without folders and control characters, at most 255 characters. Never used as a path."""
    last = name.replace("\\", "/").rsplit("/", 1)[-1]
    return "".join(c for c in last if c.isprintable())[:255] or "upload.jsonl"

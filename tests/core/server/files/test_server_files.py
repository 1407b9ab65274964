"""Files over HTTP: what is taken in, listed, given out, and what is left on disk."""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import httpx2
import openai
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from core.server.database import Database
from core.server.errors import ApiError
from core.server.files import Files, NewFile
from core.server.files import forms as uploads
from core.server.home import Home

CONTENT = '{"messages": []}\r\n\r\n--boundary\r\n你好\x00\n'.encode()


def test_a_file_comes_back_byte_for_byte(provider: Any) -> None:
    file = provider.client.files.create(file=("训练 data.jsonl", CONTENT), purpose="fine-tune")
    assert (file.filename, file.bytes, file.purpose, file.status) == (
        "训练 data.jsonl",
        len(CONTENT),
        "fine-tune",
        "processed",
    )
    assert provider.client.files.retrieve(file.id) == file
    assert provider.client.files.content(file.id).read() == CONTENT
    assert (provider.data / "files" / file.id).read_bytes() == CONTENT


def test_a_deleted_file_is_gone(provider: Any) -> None:
    file_id = provider.upload(CONTENT)
    assert provider.client.files.delete(file_id).deleted
    with pytest.raises(openai.NotFoundError):
        provider.client.files.content(file_id)
    assert not (provider.data / "files" / file_id).exists()


@pytest.mark.parametrize("limit", [1, 2, 3, 100])
@pytest.mark.parametrize("order", ["asc", "desc"])
def test_files_page_in_both_orders(provider: Any, limit: int, order: str) -> None:
    uploaded = [provider.upload(b"{}\n", f"{n}.jsonl") for n in range(4)]
    listed = [f.id for f in provider.client.files.list(purpose="fine-tune", order=order, limit=limit)]
    assert len(listed) == len(set(listed))
    mine = [file_id for file_id in listed if file_id in uploaded]
    assert mine == (uploaded if order == "asc" else uploaded[::-1])


def test_files_are_listed_by_purpose(provider: Any) -> None:
    one, other = (
        provider.client.files.create(file=("x.jsonl", b"{}"), purpose=purpose) for purpose in ("user_data", "batch")
    )
    listed = list(provider.client.files.list(purpose="user_data"))  # other tests share the server
    assert one.id in {file.id for file in listed} and other.id not in {file.id for file in listed}
    assert {file.purpose for file in listed} == {"user_data"}


def test_a_file_may_have_an_end(provider: Any) -> None:
    file = provider.client.files.create(
        file=("x.jsonl", b"{}"), purpose="fine-tune", expires_after={"anchor": "created_at", "seconds": 3600}
    )
    assert file.expires_at == file.created_at + 3600


def test_a_file_whose_time_is_over_is_gone(tmp_path: Path) -> None:
    home = Home(tmp_path)
    database = Database(home.database)
    files = Files(home, database)
    source = home.incoming / "upload-1"
    source.write_bytes(b"{}")
    kept = files.keep(source, NewFile("x.jsonl", 2, "fine-tune", 3600))
    with database.write() as connection:
        connection.execute("UPDATE files SET expires_at = ?", (int(time.time()) - 1,))
    assert files.find(kept["id"]) is None
    files.sweep()
    assert not list(home.files.iterdir())


def test_what_was_never_acknowledged_is_swept(tmp_path: Path) -> None:
    home = Home(tmp_path)
    (home.incoming / "upload-1").write_bytes(b"half")
    (home.files / "file-without-row").write_bytes(b"whole, but nobody was told")
    files = Files(home, Database(home.database))
    files.sweep()
    assert not list(home.incoming.iterdir()) and not list(home.files.iterdir())


@pytest.mark.parametrize(
    ("fields", "file", "param"),
    [
        ({}, ("x.jsonl", b"{}"), "purpose"),
        ({"purpose": "fun"}, ("x.jsonl", b"{}"), "purpose"),
        ({"purpose": "fine-tune"}, ("x.jsonl", b""), "file"),
        ({"purpose": "fine-tune"}, None, "file"),
        ({"purpose": "p" * 5000}, ("x.jsonl", b"{}"), "purpose"),
        ({"purpose": "fine-tune", "expires_after[anchor]": "birth"}, ("x", b"{}"), "expires_after.anchor"),
        (
            {"purpose": "fine-tune", "expires_after[anchor]": "created_at", "expires_after[seconds]": "60"},
            ("x", b"{}"),
            "expires_after.seconds",
        ),
    ],
)
def test_a_bad_upload_names_its_field(provider: Any, fields: Any, file: Any, param: str) -> None:
    parts = {"file": file} if file else {"other": ("x", b"x")}
    reply = provider.ask("POST", "/files", data=fields, files=parts)
    assert (reply.status_code, reply.json()["error"]["param"]) == (400, param), reply.text
    assert not list((provider.data / "incoming").iterdir())


@pytest.mark.parametrize(
    ("content_type", "body"),
    [
        ("application/json", b"{}"),
        ("multipart/form-data", b"--x\r\n"),
        ("multipart/form-data; boundary=x", b""),
        ("multipart/form-data; boundary=x", b"no boundary at all"),
        ("multipart/form-data; boundary=x", b'--x\r\nContent-Disposition: form-data; name="file"\r\n\r\ncut'),
        ("multipart/form-data; boundary=x", b"--x\r\n" + b"A" * 100_000),
    ],
)
def test_a_broken_form_is_refused_and_leaves_nothing(provider: Any, content_type: str, body: bytes) -> None:
    reply = provider.ask("POST", "/files", content=body, headers={"Content-Type": content_type})
    assert reply.status_code == 400 and set(reply.json()) == {"error"}, reply.text
    assert not list((provider.data / "incoming").iterdir())


def form(content: bytes, name: str = "x.jsonl") -> bytes:
    head = f'--b\r\nContent-Disposition: form-data; name="file"; filename="{name}"\r\n\r\n'
    fields = '--b\r\nContent-Disposition: form-data; name="purpose"\r\n\r\nfine-tune\r\n'
    return (fields + head).encode() + content + b"\r\n--b--\r\n"


def receive(body: bytes, path: Path, limit: int, block: int) -> uploads.Upload:
    async def blocks() -> AsyncIterator[bytes]:
        for start in range(0, len(body), block):
            yield body[start : start + block]

    return asyncio.run(uploads.receive("multipart/form-data; boundary=b", blocks(), path, limit))


@settings(max_examples=60, deadline=None)
@given(content=st.binary(max_size=300).filter(lambda c: b"\r\n--b" not in c), block=st.integers(1, 64))
def test_an_upload_may_arrive_in_any_pieces(tmp_path_factory: Any, content: bytes, block: int) -> None:
    path = tmp_path_factory.mktemp("up") / "file"
    upload = receive(form(content), path, 1000, block)
    assert (path.read_bytes(), upload.bytes, upload.fields) == (content, len(content), {"purpose": "fine-tune"})


@pytest.mark.parametrize(("size", "fits"), [(1000, True), (1001, False), (3 << 20, False)])
def test_a_file_over_the_limit_is_refused(tmp_path: Path, size: int, fits: bool) -> None:
    path = tmp_path / "file"
    if fits:
        assert receive(form(b"x" * size), path, 1000, 500).bytes == size
        return
    with pytest.raises(ApiError) as caught:
        receive(form(b"x" * size), path, 1000, 500)
    assert (caught.value.status, caught.value.code) == (413, "file_too_large")
    assert not path.exists()


@pytest.mark.parametrize(
    ("given_name", "shown"),
    [
        ("train.jsonl", "train.jsonl"),
        ("../../etc/passwd", "passwd"),
        ("C:\\data\\train.jsonl", "train.jsonl"),
        ("a\x00b\nc", "abc"),
        ("", "upload.jsonl"),
        ("..", ".."),
        ("x" * 300, "x" * 255),
    ],
)
def test_a_file_name_is_only_shown(given_name: str, shown: str) -> None:
    assert uploads.clean_name(given_name) == shown


def test_an_upload_that_is_cut_leaves_nothing(provider: Any, wait: Any) -> None:
    def half() -> Any:
        yield form(b"x" * 100_000)[:50_000]
        raise ConnectionError

    with pytest.raises((httpx2.HTTPError, ConnectionError)):
        provider.ask("POST", "/files", content=half(), headers={"Content-Type": "multipart/form-data; boundary=b"})
    wait(lambda: not list((provider.data / "incoming").iterdir()))


def test_what_the_server_writes_for_itself_is_private(provider: Any) -> None:
    assert (provider.data / "provider.db").stat().st_mode & 0o077 == 0
    assert (provider.data / "key").stat().st_mode & 0o077 == 0
    assert (provider.data / "endpoint.json").stat().st_mode & 0o077 == 0
    assert json.loads((provider.data / "endpoint.json").read_text())["base_url"] == provider.base_url


TEXT = b"0123456789"


@pytest.mark.parametrize(
    ("asked", "status", "content", "told"),
    [
        ("bytes=2-4", 206, b"234", "bytes 2-4/10"),
        ("bytes=7-", 206, b"789", "bytes 7-9/10"),
        ("bytes=-3", 206, b"789", "bytes 7-9/10"),
        ("bytes=8-99", 206, b"89", "bytes 8-9/10"),
        ("bytes=-99", 206, TEXT, "bytes 0-9/10"),
        ("bytes=0-0", 206, b"0", "bytes 0-0/10"),
        ("bytes=0-1,3-4", 200, TEXT, None),
        ("bytes=5-2", 200, TEXT, None),
        ("bytes=a-b", 200, TEXT, None),
        ("pages=1-2", 200, TEXT, None),
        ("bytes=10-", 416, None, "bytes */10"),
        ("bytes=-0", 416, None, "bytes */10"),
    ],
)
def test_a_part_of_a_file_is_given_out(
    provider: Any, asked: str, status: int, content: bytes | None, told: str | None
) -> None:
    file_id = provider.upload(TEXT, "digits.txt")
    reply = provider.ask("GET", f"/files/{file_id}/content", headers={"Range": asked})
    assert (reply.status_code, reply.headers.get("content-range")) == (status, told)
    if content is not None:
        assert reply.content == content and reply.headers["accept-ranges"] == "bytes"
    else:
        assert reply.json()["error"]["code"] == "range_not_satisfiable"


def test_a_download_goes_on_only_in_the_same_file(provider: Any) -> None:
    path = f"/files/{provider.upload(TEXT)}/content"
    mark = provider.ask("GET", path).headers["etag"]
    part = {"Range": "bytes=4-"}
    assert provider.ask("GET", path, headers={**part, "If-Range": mark}).content == TEXT[4:]
    assert provider.ask("GET", path, headers={**part, "If-Range": '"other"'}).content == TEXT


def test_the_same_key_takes_a_file_in_once(provider: Any) -> None:
    key = {"Idempotency-Key": "file-1"}
    files = provider.client.files
    once = files.create(file=("a.jsonl", TEXT), purpose="fine-tune", extra_headers=key)
    assert files.create(file=("a.jsonl", TEXT), purpose="fine-tune", extra_headers=key) == once
    with pytest.raises(openai.UnprocessableEntityError, match="with another body"):
        files.create(file=("a.jsonl", TEXT + b"!"), purpose="fine-tune", extra_headers=key)


@pytest.mark.parametrize("purpose", ["fine-tune", "assistants", "batch", "vision", "user_data", "evals"])
def test_a_file_may_have_any_purpose_of_the_protocol(provider: Any, purpose: Any) -> None:
    file = provider.client.files.create(file=("x.bin", bytes(range(256))), purpose=purpose)
    assert file.purpose == purpose and provider.client.files.content(file.id).read() == bytes(range(256))
    assert (file.expires_at is None) is (purpose != "batch")
    provider.client.files.delete(file.id)

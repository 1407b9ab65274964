"""Uploads in parts over HTTP: joined in the order that is named, refused where they are not what was announced."""

from __future__ import annotations

import hashlib
import os
import threading
import time
from pathlib import Path
from typing import Any

import openai
import pytest

from core.server.database import Database
from core.server.errors import ApiError
from core.server.files import Files, Uploads
from core.server.files.parts import CompleteUpload, CreateUpload
from core.server.home import Home
from core.server.idempotency import Claim

PLAIN = Claim(None, "")


def announce(provider: Any, size: int, **more: Any) -> Any:
    return provider.client.uploads.create(
        bytes=size, filename="train.jsonl", mime_type="text/jsonl", purpose="fine-tune", **more
    )


def test_parts_are_joined_in_the_order_that_is_named(provider: Any) -> None:
    upload = announce(provider, 6)
    assert (upload.status, upload.bytes, upload.file) == ("pending", 6, None)
    assert upload.expires_at == upload.created_at + 3600
    parts = provider.client.uploads.parts
    one, two, three = (parts.create(upload.id, data=data).id for data in (b"ef", b"ab", b"cd"))
    done = provider.client.uploads.complete(
        upload.id, part_ids=[two, three, one], md5=hashlib.md5(b"abcdef").hexdigest()
    )
    assert (done.status, done.file.filename, done.file.bytes) == ("completed", "train.jsonl", 6)
    assert provider.client.files.content(done.file.id).read() == b"abcdef"
    assert not {one, two, three} & {path.name for path in (provider.data / "parts").iterdir()}


def test_the_client_uploads_a_file_in_chunks_and_trains_on_it(provider: Any, many_lines: Any, tmp_path: Path) -> None:
    path = tmp_path / "rows.jsonl"
    path.write_bytes(many_lines(900))
    upload = provider.client.uploads.upload_file_chunked(
        file=path, mime_type="text/jsonl", purpose="fine-tune", part_size=10_000
    )
    assert provider.client.files.content(upload.file.id).read() == path.read_bytes()
    job = provider.client.fine_tuning.jobs.create(
        model="local-classic-1", training_file=upload.file.id, hyperparameters={"n_epochs": 1}
    )
    assert provider.finished(job.id).status == "succeeded"


def test_parts_may_come_at_once(provider: Any) -> None:
    blocks = [os.urandom(300_000 + n) for n in range(8)]
    upload = announce(provider, sum(map(len, blocks)))
    ids: dict[int, str] = {}

    def send(n: int) -> None:
        ids[n] = provider.client.uploads.parts.create(upload.id, data=blocks[n]).id

    threads = [threading.Thread(target=send, args=(n,)) for n in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    done = provider.client.uploads.complete(upload.id, part_ids=[ids[n] for n in range(8)])
    assert provider.client.files.content(done.file.id).read() == b"".join(blocks)


@pytest.mark.parametrize(
    ("asked", "param", "code"),
    [
        ({"part_ids": ["two"]}, "part_ids", "size_mismatch"),
        ({"part_ids": ["one", "one"]}, "part_ids", None),
        ({"part_ids": ["one", "part_gone"]}, "part_ids[1]", "part_not_found"),
        ({"part_ids": ["one", "two"], "md5": "0" * 32}, "md5", "checksum_mismatch"),
        ({"part_ids": []}, "part_ids", None),
        ({}, "part_ids", None),
    ],
)
def test_what_is_not_as_announced_is_refused_and_may_be_put_right(
    provider: Any, asked: Any, param: str, code: str | None
) -> None:
    upload = announce(provider, 4)
    parts = provider.client.uploads.parts
    ids = {name: parts.create(upload.id, data=data).id for name, data in (("one", b"ab"), ("two", b"cd"))}
    body = {**asked, "part_ids": [ids.get(i, i) for i in asked["part_ids"]]} if "part_ids" in asked else asked
    reply = provider.ask("POST", f"/uploads/{upload.id}/complete", json=body)
    error = reply.json()["error"]
    assert (reply.status_code, error["param"], error["code"]) == (400, param, code)
    done = provider.client.uploads.complete(upload.id, part_ids=[ids["one"], ids["two"]])
    assert done.status == "completed"


def test_a_cancelled_upload_takes_nothing_more(provider: Any) -> None:
    upload = announce(provider, 4)
    part = provider.client.uploads.parts.create(upload.id, data=b"abcd").id
    assert provider.client.uploads.cancel(upload.id).status == "cancelled"
    assert provider.client.uploads.cancel(upload.id).status == "cancelled"
    assert not (provider.data / "parts" / part).exists()
    with pytest.raises(openai.BadRequestError, match="cancelled"):
        provider.client.uploads.parts.create(upload.id, data=b"abcd")
    with pytest.raises(openai.BadRequestError, match="cancelled"):
        provider.client.uploads.complete(upload.id, part_ids=[part])


def test_a_completed_upload_is_not_completed_or_cancelled_again(provider: Any) -> None:
    upload = announce(provider, 2)
    part = provider.client.uploads.parts.create(upload.id, data=b"ab").id
    provider.client.uploads.complete(upload.id, part_ids=[part])
    for again in (
        lambda: provider.client.uploads.complete(upload.id, part_ids=[part]),
        lambda: provider.client.uploads.cancel(upload.id),
    ):
        with pytest.raises(openai.BadRequestError, match="completed"):
            again()


@pytest.mark.parametrize(
    ("change", "param"),
    [
        ({"bytes": 0}, "bytes"),
        ({"bytes": (8 << 30) + 1}, "bytes"),
        ({"bytes": "6"}, "bytes"),
        ({"filename": ""}, "filename"),
        ({"purpose": "fun"}, "purpose"),
        ({"mime_type": None}, "mime_type"),
        ({"expires_after": {"anchor": "birth", "seconds": 3600}}, "expires_after.anchor"),
        ({"expires_after": {"anchor": "created_at", "seconds": 60}}, "expires_after.seconds"),
    ],
)
def test_a_bad_announcement_names_its_parameter(provider: Any, change: Any, param: str) -> None:
    body = {"bytes": 6, "filename": "x.jsonl", "purpose": "fine-tune", "mime_type": "text/jsonl", **change}
    reply = provider.ask("POST", "/uploads", json=body)
    assert (reply.status_code, reply.json()["error"]["param"]) == (400, param), reply.text


def test_the_file_of_an_upload_may_have_an_end(provider: Any) -> None:
    upload = announce(provider, 2, expires_after={"anchor": "created_at", "seconds": 7200})
    part = provider.client.uploads.parts.create(upload.id, data=b"ab").id
    file = provider.client.uploads.complete(upload.id, part_ids=[part]).file
    assert file.expires_at == file.created_at + 7200


def test_only_uploads_that_exist_take_parts(provider: Any) -> None:
    with pytest.raises(openai.NotFoundError):
        provider.client.uploads.parts.create("upload_gone", data=b"x")
    reply = provider.ask("POST", f"/uploads/{announce(provider, 2).id}/parts", files={"other": ("x", b"x")})
    assert (reply.status_code, reply.json()["error"]["param"]) == (400, "data")
    assert not list((provider.data / "incoming").iterdir())


def test_a_part_over_the_limit_is_refused(provider: Any) -> None:
    upload = announce(provider, 100 << 20)
    reply = provider.ask("POST", f"/uploads/{upload.id}/parts", files={"data": ("x", b"x" * ((64 << 20) + 1))})
    assert reply.status_code == 413 and reply.json()["error"]["code"] == "file_too_large"
    assert not list((provider.data / "incoming").iterdir())


def test_a_part_with_the_same_key_is_taken_once(provider: Any) -> None:
    upload = announce(provider, 2)
    headers = {"Idempotency-Key": f"part of {upload.id}"}
    once = provider.client.uploads.parts.create(upload.id, data=b"ab", extra_headers=headers)
    again = provider.client.uploads.parts.create(upload.id, data=b"ab", extra_headers=headers)
    assert once.id == again.id
    with pytest.raises(openai.UnprocessableEntityError):
        provider.client.uploads.parts.create(upload.id, data=b"cd", extra_headers=headers)
    done = provider.client.uploads.complete(upload.id, part_ids=[once.id], extra_headers={"Idempotency-Key": upload.id})
    twice = provider.client.uploads.complete(
        upload.id, part_ids=[once.id], extra_headers={"Idempotency-Key": upload.id}
    )
    assert done == twice


@pytest.fixture
def store(tmp_path: Path) -> tuple[Uploads, Home, Database]:
    home = Home(tmp_path)
    database = Database(home.database)
    return Uploads(home, database, Files(home, database)), home, database


def begun(uploads: Uploads, home: Home, data: bytes = b"ab") -> tuple[str, str]:
    """An upload with one part."""
    new = CreateUpload(bytes=len(data), filename="x", mime_type="", purpose="batch")
    upload_id = uploads.create(new, PLAIN)["id"]
    path = home.incoming / "part-1"
    path.write_bytes(data)
    return upload_id, uploads.add(upload_id, path, len(data), PLAIN)["id"]


def test_an_upload_whose_hour_is_over_is_expired(store: Any) -> None:
    uploads, home, database = store
    upload_id, part_id = begun(uploads, home)
    with database.write() as connection:
        connection.execute("UPDATE uploads SET expires_at = ?", (int(time.time()) - 1,))
    with pytest.raises(ApiError, match="expired") as caught:
        uploads.complete(upload_id, CompleteUpload(part_ids=[part_id]), PLAIN)
    assert caught.value.code == "upload_expired"
    uploads.expire()
    assert not list(home.parts.iterdir())


def test_parts_outlive_a_restart_and_what_was_never_acknowledged_does_not(store: Any) -> None:
    uploads, home, database = store
    upload_id, part_id = begun(uploads, home)
    (home.parts / "part_without_row").write_bytes(b"whole, but nobody was told")
    again = Uploads(home, database, Files(home, database))
    again.sweep()
    assert [path.name for path in home.parts.iterdir()] == [part_id]
    made = again.complete(upload_id, CompleteUpload(part_ids=[part_id]), PLAIN)
    month = 30 * 86_400  # files for batches go after it where nothing else is said
    assert made["file"]["expires_at"] == made["file"]["created_at"] + month


def test_a_part_that_nobody_needs_does_not_fill_the_disk(store: Any) -> None:
    uploads, home, _database = store
    upload_id, _part_id = begun(uploads, home)
    path = home.incoming / "part-2"
    path.write_bytes(b"x")
    with pytest.raises(ApiError, match="more parts than were announced"):
        uploads.add(upload_id, path, 65 << 20, PLAIN)
    assert len(list(home.parts.iterdir())) == 1

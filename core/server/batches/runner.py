"""Carries the batches on in threads of their own, and goes on where it stopped after a kill.

A batch has a folder with three files: the input (a link, so that deleting the file does not stop it), and the output
and the errors so far. What was answered is appended and put on disk, then one transaction notes how far the three
files count. After a kill whatever lies behind that mark is cut off and answered again, so no line comes twice.
"""

from __future__ import annotations

import contextlib
import json
import logging
import shutil
import threading
import time
from collections.abc import Mapping
from contextlib import ExitStack

from core import sqlite
from core.server import wire
from core.server.batches.lines import examine, requests
from core.server.batches.store import OPEN, batch_row, move
from core.server.batches.work import Door, Work, answer, undone
from core.server.database import Connection, Database, Row, now
from core.server.engines.base import sync
from core.server.errors import ApiError
from core.server.files import Files
from core.server.home import Home, link
from core.server.models import Models
from core.words import T

log = logging.getLogger("luopan.provider")

THREADS = 2  # batches that are answered at the same time
MARK_EVERY = 0.5  # seconds between two marks on disk
LOOK_EVERY = 0.5  # seconds between two looks at whether to go on
IDLE = 1.0  # seconds between two looks for work

_DATABASE = (sqlite.module().OperationalError,)
_OPEN = ",".join("?" * len(OPEN))
_UNDONE = {
    "expired": ("batch_expired", T("The completion window ended before this request was answered.")),
    "cancelled": ("batch_cancelled", T("The batch was cancelled before this request was answered.")),
}


class _Over(Exception):
    """A batch ends early, with this status."""

    def __init__(self, status: str) -> None:
        super().__init__(status)
        self.status = status


class BatchRunner:
    """Threads beside the routes; they share only the database and `wake`."""

    def __init__(self, home: Home, database: Database, files: Files, models: Models, doors: Mapping[str, Door]) -> None:
        self._home = home
        self._database = database
        self._files = files
        self._models = models
        self._doors = doors
        self._taken: set[str] = set()
        self._lock = threading.Lock()
        self._wake = threading.Semaphore(0)
        self._stopping = threading.Event()
        self._threads = [threading.Thread(target=self._run, name=f"batch-{n}", daemon=True) for n in range(THREADS)]

    def start(self) -> None:
        """Begins to work; what ended batches left behind is removed."""
        for folder in self._home.batches.iterdir():
            row = self._row(folder.name)
            if row is None or row["status"] not in OPEN:
                shutil.rmtree(folder, ignore_errors=True)
        for thread in self._threads:
            thread.start()

    def stop(self) -> None:
        """Lets go at the next mark."""
        self._stopping.set()
        for _thread in self._threads:
            self.wake()
        for thread in self._threads:
            thread.join(2)

    def wake(self) -> None:
        """There is something to do now."""
        self._wake.release()

    def _run(self) -> None:
        while not self._stopping.is_set():
            batch = None
            try:
                batch = self._take()
                if batch is not None:
                    self._carry(batch)
            except FileNotFoundError as error:  # its files will not come back
                log.warning("the files of a batch are gone: %s", error)
                self._give_up(batch, error)
            except (OSError, *_DATABASE) as error:  # a full disk may have room at the next look
                log.warning("a batch could not be written: %s", error)
                self._stopping.wait(IDLE)
            except Exception as error:
                log.exception("a batch stumbled")
                self._give_up(batch, error)
            finally:
                if batch is not None:
                    with self._lock:
                        self._taken.discard(batch["id"])
            if batch is None:
                self._wake.acquire(timeout=IDLE)

    def _take(self) -> Row | None:
        """The oldest open batch that no other thread has."""
        with self._lock:
            with self._database.read() as connection:
                rows = connection.execute(f"SELECT * FROM batches WHERE status IN ({_OPEN}) ORDER BY seq", OPEN)
                row = next((row for row in rows if row["id"] not in self._taken), None)
            if row is not None:
                self._taken.add(row["id"])
            return row

    def _give_up(self, batch: Row | None, error: Exception) -> None:
        if batch is None:
            self._stopping.wait(IDLE)
            return
        message = str(T("The batch broke off: {error}.", error=repr(error)[:300]))
        with contextlib.suppress(OSError, *_DATABASE):  # then the next look stumbles again
            self._fail(batch["id"], [{"code": "server_error", "message": message, "param": None, "line": None}])

    def _fail(self, batch_id: str, errors: list[wire.Json]) -> None:
        with self._database.write() as connection:
            connection.execute("UPDATE batches SET errors = ? WHERE id = ?", (json.dumps(errors), batch_id))
            move(connection, batch_id, "failed")
        self._tidy(batch_id)

    def _tidy(self, batch_id: str) -> None:
        shutil.rmtree(self._home.batch(batch_id), ignore_errors=True)

    # validating -> in_progress -> finalizing -> completed

    def _carry(self, batch: Row) -> None:
        batch_id = batch["id"]
        if batch["status"] == "validating" and not self._validate(batch):
            return
        if self._status(batch_id) == "cancelling" and self._row(batch_id)["in_progress_at"] is None:
            with self._database.write() as connection:
                move(connection, batch_id, "cancelled")
            self._tidy(batch_id)
            return
        with ExitStack() as stack:
            work = Work.open(stack, self._home.batch(batch_id), self._row(batch_id))
            end = self._answer_all(work)
            if end is not None:
                self._finish(work, end)

    def _validate(self, batch: Row) -> bool:
        folder = self._home.batch(batch["id"])
        folder.mkdir(parents=True, exist_ok=True)
        try:
            link(self._files.path(batch["input_file_id"]), folder / "input.jsonl")
        except FileNotFoundError:
            message = str(T("The input file was deleted before the batch could read it."))
            self._fail(batch["id"], [{"code": "file_not_found", "message": message, "param": None, "line": None}])
            return False
        for path in (folder, self._home.batches):  # the database will say that the input is there
            sync(path)
        findings = examine(folder / "input.jsonl", batch["endpoint"], self._known)
        if findings.errors:
            self._fail(batch["id"], findings.errors)
            return False
        with self._database.write() as connection:
            if batch_row(connection, batch["id"])["status"] == "validating":
                connection.execute(
                    "UPDATE batches SET total = ?, model = ? WHERE id = ?",
                    (findings.total, findings.model, batch["id"]),
                )
                move(connection, batch["id"], "in_progress")
        return True

    def _known(self, model: str) -> bool:
        try:
            self._models.show(model)
        except ApiError:
            return False
        return True

    def _row(self, batch_id: str) -> Row:
        with self._database.read() as connection:
            return batch_row(connection, batch_id)

    def _status(self, batch_id: str) -> str:
        return str(self._row(batch_id)["status"])

    def _answer_all(self, work: Work) -> str | None:
        """Answers what is not answered yet; the status to end with, or None where the server stops."""
        if self._status(work.id) == "finalizing":
            return "completed"
        door, looked = self._doors[work.endpoint], float("-inf")
        try:
            for request, end in requests(work.input, work.read_to):
                if time.monotonic() - looked > LOOK_EVERY:
                    self._look(work)
                    looked = time.monotonic()
                line = answer(door, request, lambda seconds: self._wait(work, seconds))
                if self._stopping.is_set():
                    return None  # models are being closed; what went wrong now is no answer
                work.add(line)
                work.read_to = end
                if time.monotonic() - work.marked_at > MARK_EVERY:
                    self._mark(work)
        except _Over as over:
            return self._leave_undone(work, over.status)
        self._mark(work, "finalizing")
        return "completed" if self._status(work.id) == "finalizing" else self._leave_undone(work, "cancelled")

    def _look(self, work: Work) -> None:
        """Raises _Over where no more is to be answered."""
        if self._status(work.id) == "cancelling":
            raise _Over("cancelled")
        if now() >= work.expires_at:
            raise _Over("expired")

    def _wait(self, work: Work, seconds: float) -> bool:
        """Lets the seconds pass; whether the server stops meanwhile. Raises _Over."""
        until = time.monotonic() + seconds
        while (left := until - time.monotonic()) > 0 and not self._stopping.wait(min(left, LOOK_EVERY)):
            self._look(work)
        return self._stopping.is_set()

    def _leave_undone(self, work: Work, status: str) -> str:
        """Says of each request that is left that nobody answered it."""
        code, message = _UNDONE[status]
        for request, end in requests(work.input, work.read_to):
            work.add(undone(request, code, message))
            work.read_to = end
        work.sync()  # they count with the end of the batch; after a kill before it they are said again
        return status

    def _mark(self, work: Work, status: str | None = None) -> None:
        """Puts on disk what was answered, then notes how far it counts."""
        work.sync()
        with self._database.write() as connection:
            _note(connection, work)
            if status and batch_row(connection, work.id)["status"] == "in_progress":
                move(connection, work.id, status)

    def _finish(self, work: Work, status: str) -> None:
        """Makes files of the output and the errors, in one transaction with the end of the batch."""
        row, made = self._row(work.id), list[str]()
        try:
            with self._database.write() as connection:
                _note(connection, work)
                for kind, size in (("output", work.output_to), ("error", work.error_to)):
                    if size:
                        name, path = f"{work.id}_{kind}.jsonl", work.folder / f"{kind}.jsonl"
                        made.append(self._files.adopt(connection, path, name, "batch_output", row["output_seconds"]))
                        connection.execute(f"UPDATE batches SET {kind}_file_id = ? WHERE id = ?", (made[-1], work.id))
                move(connection, work.id, status)
        except BaseException:
            for file_id in made:
                self._files.drop_bytes(file_id)
            raise
        self._tidy(work.id)


def _note(connection: Connection, work: Work) -> None:
    connection.execute(
        "UPDATE batches SET read_to = ?, output_to = ?, error_to = ?, completed = ?, failed = ?,"
        " input_tokens = ?, output_tokens = ? WHERE id = ?",
        work.mark(),
    )

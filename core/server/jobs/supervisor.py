"""The one who moves jobs on: validates, queues, starts training processes, reads what they write, tidies up.

Everything it must know is in the database and in the job folders, so it can be killed at any point; the next one
looks there and goes on.
"""

from __future__ import annotations

import contextlib
import json
import logging
import shutil
import threading
import time
from collections import Counter
from collections.abc import Mapping
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path
from typing import Any

from core.server.database import Database, Row
from core.server.engines.base import JobDir, JobSpec
from core.server.engines.children import Child, last_words
from core.server.engines.said import made_of
from core.server.errors import ApiError, is_disk
from core.server.files import Files
from core.server.home import Home
from core.server.jobs.ingest import Ingest
from core.server.jobs.store import TERMINAL, add_event, fail_job, job_row
from core.server.models import Models
from core.words import T, Text

log = logging.getLogger("luopan.provider")

BUSY, IDLE = 0.1, 1.0  # seconds between two looks
CHECKERS = 2  # jobs whose files are checked at once, so that a small one need not wait for a large one
RESTARTS = 3
PATIENCE = 120.0  # seconds that a worker has to reach a place to pause at
FAREWELL = 5.0  # seconds that a worker has to leave by itself after its last word
# Of the jobs that wait in the queue only those that could begin now; there may be thousands behind them.
_ACTIVE = """SELECT * FROM jobs WHERE tidy = 0 AND (status != 'queued' OR seq IN
    (SELECT seq FROM (SELECT seq, row_number() OVER (PARTITION BY engine ORDER BY seq) AS place
        FROM jobs WHERE status = 'queued' AND tidy = 0) WHERE place <= ?)) ORDER BY seq"""


class Supervisor:
    """Runs in a thread of its own, beside the routes; they share only the database and `wake`."""

    def __init__(
        self,
        home: Home,
        database: Database,
        files: Files,
        models: Models,
        *,
        concurrency: int,
        environment: Mapping[str, str],
    ) -> None:
        self._home = home
        self._database = database
        self._files = files
        self._models = models
        self._concurrency = concurrency
        self._environment = environment
        self._ingest = Ingest(database, files)
        self._children: dict[str, Child] = {}
        self._checking: dict[str, Future[None]] = {}
        self._at_rest: set[str] = set()  # paused jobs whose process has gone
        self._checker = ThreadPoolExecutor(CHECKERS, thread_name_prefix="validation")
        self._wake = threading.Event()
        self._stopping = False
        self._thread = threading.Thread(target=self._run, name="supervisor", daemon=True)

    def start(self) -> None:
        """Begins to work."""
        self._thread.start()

    def stop(self) -> None:
        """Lets go; training processes run on and are taken over at the next start."""
        self._stopping = True
        self._wake.set()
        self._thread.join(2)
        self._checker.shutdown(wait=False, cancel_futures=True)

    def wake(self) -> None:
        """There is something to do now."""
        self._wake.set()

    def _run(self) -> None:
        while not self._stopping:
            try:
                busy = self._look()
            except Exception:  # the database may be out of disk; the next look may find it well again
                log.exception("the supervisor stumbled")
                busy = False
            self._wake.wait(BUSY if busy else IDLE)
            self._wake.clear()

    def _look(self) -> bool:
        with self._database.read() as connection:
            rows = connection.execute(_ACTIVE, (self._concurrency,)).fetchall()
        self._at_rest &= {row["id"] for row in rows if row["status"] == "paused"}
        rows = [row for row in rows if row["id"] not in self._at_rest]
        busy = bool(rows)
        at_work = Counter(row["engine"] for row in rows if row["status"] == "running")
        for row in rows:
            if row["status"] == "queued":
                if not self._has_room(row["engine"], at_work):
                    continue
                at_work[row["engine"]] += 1
            busy = self._tend_safely(row) and busy
        return busy

    def _has_room(self, engine: str, at_work: Counter[str]) -> bool:
        """Whether one more job of an engine may begin beside those that are at work."""
        most = self._models.engine(engine).at_once
        return at_work.total() < self._concurrency and (most is None or at_work[engine] < most)

    def _tend_safely(self, job: Row) -> bool:
        try:
            self._tend(job)
        except Exception as error:
            log.exception("job %s stumbled", job["id"])
            if is_disk(error):
                return False  # there may be room at the next look
            self._fail(job["id"], "server_error", T("The job broke off: {error}.", error=repr(error)[:300]))
        return True

    def _tend(self, job: Row) -> None:
        match job["status"]:
            case "validating_files":
                if job["id"] not in self._checking:
                    self._checking[job["id"]] = self._checker.submit(self._validate, job)
            case "queued":
                self._begin(job)
            case "running":
                self._follow(job)
            case "paused":
                self._rest(job)
            case _:
                self._tidy(job)

    # validating_files -> queued

    def _validate(self, job: Row) -> None:
        from core.server.examination import Abandoned, Unfit  # its rules take long to load, and are not needed before

        try:
            plan = self._plan(job)
            self._queue(job["id"], plan)
        except Abandoned:
            pass
        except Unfit as error:
            self._fail(job["id"], error.code, str(error.message), error.param, error.made)
        except Exception as error:
            log.exception("job %s could not be validated", job["id"])
            if is_disk(error):
                time.sleep(IDLE)  # then once more: there may be room
                return
            message = T("The files could not be validated: {error}.", error=repr(error)[:300])
            self._fail(job["id"], "server_error", message)
        finally:
            self._checking.pop(job["id"], None)
            self.wake()

    def _plan(self, job: Row) -> dict[str, Any]:
        from core.server.examination import examine, keep_inputs

        spec = self._spec(job)
        folder = JobDir.create(self._home.job(job["id"]), spec)
        validation = self._files.path(job["validation_file"]) if job["validation_file"] else None
        keep_inputs(spec, self._files.path(job["training_file"]), validation)
        names = (job["training_file"], job["validation_file"] or "")
        return examine(folder.path, names, self._environment, lambda: self._wanted(job["id"]))

    def _wanted(self, job_id: str) -> bool:
        with self._database.read() as connection:
            return not self._stopping and job_row(connection, job_id)["status"] not in TERMINAL

    def _spec(self, job: Row) -> JobSpec:
        folder = self._home.job(job["id"])
        return JobSpec(
            job_id=job["id"],
            base_model=job["base"],
            training_path=folder / "training.jsonl",
            validation_path=folder / "validation.jsonl" if job["validation_file"] else None,
            method=job["method"],
            hyperparameters=json.loads(job["hyperparameters"]),
            seed=job["seed"],
            metadata=json.loads(job["metadata"]) if job["metadata"] else {},
            parent=self._models.served(job["parent"]).artifact if job["parent"] else None,
            grader=json.loads(job["grader"]) if job["grader"] else None,
            response_format=json.loads(job["response_format"]) if job["response_format"] else None,
        )

    def _queue(self, job_id: str, plan: dict[str, Any]) -> None:
        with self._database.write() as connection:
            status = job_row(connection, job_id)["status"]
            if status not in ("validating_files", "paused"):
                return
            after = "queued" if status == "validating_files" else "paused"
            connection.execute("UPDATE jobs SET status = ?, plan = ? WHERE id = ?", (after, json.dumps(plan), job_id))
            for number, told in enumerate(plan["told"]):
                key = f"plan:{number}"
                add_event(connection, job_id, told["text"], level=told["level"], data=made_of(told), key=key)
            add_event(connection, job_id, T("Files validated, moving job to queued state"), key="validated")

    # queued -> running

    def _begin(self, job: Row) -> None:
        child = self._child(job) if job["started_at"] else None
        if child is not None and child.alive() and JobDir(self._home.job(job["id"])).wanted():
            child.end(PATIENCE)  # on its way to a pause that was taken back; the next one goes on from there
            return
        plan = json.loads(job["plan"])
        with self._database.write() as connection:
            if job_row(connection, job["id"])["status"] != "queued":
                return
            chosen = {**json.loads(job["hyperparameters"]), **plan["hyperparameters"]}
            moment = time.time()
            started = moment - (job["paused_at"] - job["started_at"] if job["started_at"] else 0)
            finish = max(int(started + plan["estimated_seconds"]), int(moment)) + 1
            connection.execute(
                "UPDATE jobs SET status = 'running', started_at = ?, paused_at = NULL, estimated_finish = ?,"
                " hyperparameters = ? WHERE id = ?",
                (started, finish if plan["estimated_seconds"] else None, json.dumps(chosen), job["id"]),
            )
            add_event(connection, job["id"], T("Fine-tuning job started"), key="started")
        if child is None or not child.alive():
            self._launch(job)

    # running -> paused

    def _rest(self, job: Row) -> None:
        """Asks the process of a paused job to stop where it can go on, and reads what it still says. One that has
        ended meanwhile has come before the pause."""
        folder = JobDir(self._home.job(job["id"]))
        child = self._child(job) if job["started_at"] else None
        alive = child is not None and child.alive()
        if child is not None and alive and folder.wanted() != "pause":
            folder.ask("pause")
        if job["started_at"] and self._read(job, folder):
            return
        if child is not None and alive:
            child.end(PATIENCE)
            return
        self._children.pop(job["id"], None)
        self._at_rest.add(job["id"])

    def _launch(self, job: Row) -> None:
        folder = JobDir(self._home.job(job["id"]))
        try:
            engine = self._models.engine(job["engine"])
        except ApiError as error:
            self._wait(job["id"], error.message, "no-engine")
            return
        folder.ask(None)
        launch = engine.command(folder.read_spec(), folder.path)
        child = Child.start(launch, folder.path, self._environment)
        self._children[job["id"]] = child
        with self._database.write() as connection:
            connection.execute("UPDATE jobs SET pid = ? WHERE id = ?", (child.pid, job["id"]))

    # running -> succeeded | failed

    def _follow(self, job: Row) -> None:
        folder = JobDir(self._home.job(job["id"]))
        child = self._child(job)
        # First whether it lives, then what it wrote: its last words are on disk before it ends.
        alive = child is not None and child.alive()
        if self._read(job, folder):
            return
        if child is None:
            self._launch(job)  # it ended while no server looked, which is no fault of the job
        elif not alive:
            self._restart(job, child)
        elif child.hung((folder.read_state() or {}).get("heartbeat")):
            child.kill()  # the next look finds it dead

    def _read(self, job: Row, folder: JobDir) -> bool:
        try:
            return self._ingest.read(job, folder)
        except (ValueError, KeyError, TypeError) as error:
            message = T("The training process wrote something unreadable: {error}.", error=str(error)[:200])
            self._fail(job["id"], "server_error", message)
            return True

    def _child(self, job: Row) -> Child | None:
        child = self._children.get(job["id"]) or Child.find(self._home.job(job["id"]), job["pid"])
        if child is not None:
            self._children[job["id"]] = child
        return child

    def _restart(self, job: Row, child: Child) -> None:
        if not self._home.has_room():
            message = T("There is no room left on the disk. The job goes on when there is.")
            self._wait(job["id"], message, "no-room")
            return
        del self._children[job["id"]]
        reason = last_words(self._home.job(job["id"])) or T("it said nothing")
        if job["deaths"] >= RESTARTS:
            message = T(
                "The training process broke off {n} times, so it was not started again (exit code {code}: {reason}).",
                n=job["deaths"] + 1,
                code=child.exit_code,
                reason=reason,
            )
            self._fail(job["id"], "training_process_died", message)
            return
        with self._database.write() as connection:
            connection.execute("UPDATE jobs SET deaths = deaths + 1 WHERE id = ?", (job["id"],))
            message = T("The training process broke off; it goes on from its last checkpoint.")
            add_event(connection, job["id"], message, level="warn")
        self._launch(job)

    def _wait(self, job_id: str, why: Text | str, key: str) -> None:
        """Says once what the job waits for; the next looks see whether it is there."""
        with self._database.write() as connection:
            add_event(connection, job_id, why, level="warn", key=key)

    def _fail(
        self,
        job_id: str,
        code: str,
        message: Text | str,
        param: str | None = None,
        made: dict[str, Any] | None = None,
    ) -> None:
        with self._database.write() as connection:
            if job_row(connection, job_id)["status"] not in TERMINAL:
                fail_job(connection, job_id, code, message, param, made)

    # after the end

    def _tidy(self, job: Row) -> None:
        """Ends a process that still runs, then removes what nobody needs any more."""
        folder = JobDir(self._home.job(job["id"]))
        child = self._child(job)
        if child is not None and child.alive():
            if job["status"] == "cancelled" and folder.path.exists():
                with contextlib.suppress(OSError):  # a full disk does not keep it alive
                    folder.ask("cancel")
            child.end(0.0 if job["status"] == "cancelled" else FAREWELL)
            return
        if job["id"] in self._checking:
            return  # it is reading the folder; what it finds will be ignored
        self._children.pop(job["id"], None)
        with self._database.read() as connection:
            rows = connection.execute("SELECT path FROM models WHERE job_id = ?", (job["id"],)).fetchall()
        self._remove_all_but({self._home.folder / row["path"] for row in rows}, folder)
        with self._database.write() as connection:
            connection.execute("UPDATE jobs SET tidy = 1, pid = NULL WHERE id = ?", (job["id"],))

    def _remove_all_but(self, kept: set[Path], folder: JobDir) -> None:
        checkpoints = folder.checkpoints_path.iterdir() if folder.checkpoints_path.exists() else ()
        for path in [folder.resume_path, folder.final_path, *checkpoints]:
            if path not in kept:
                shutil.rmtree(path, ignore_errors=True)
        for name in ("training.jsonl", "validation.jsonl", "control"):
            with contextlib.suppress(OSError):
                (folder.path / name).unlink(missing_ok=True)

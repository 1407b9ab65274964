"""The worker: one process a home that does the tasks, picks up after a kill, and leaves within two seconds."""

from __future__ import annotations

import logging
import os
import signal
import socket
import sys
import threading
import time
import zlib
from collections.abc import Callable
from typing import Any

from filelock import FileLock, Timeout

from core.errors import AppError, Cancelled
from core.settings import Settings
from core.store import Store
from core.store.database import now
from core.store.tasks import Task, engine_for
from core.store.texts import pack_error, unpack_error
from core.tasks.handlers import HANDLERS, Step, look_after_jobs, look_after_uploads
from core.tasks.work import Work
from core.words import T

log = logging.getLogger("luopan.worker")

POLL = 0.2  # seconds between two looks for new tasks, here and in the queues
BEAT = 5.0  # seconds between two signs of life
CHECK = 15.0  # seconds between two comparisons of the task rows with the queue
STALE = 120.0  # seconds without a sign of life after which another machine's task is taken over
GRACE = 1.2  # seconds that running work gets to reach a safe place when the worker stops

# queue -> how many of its tasks run at a time. Following waits most of the time, so it never holds up other work.
QUEUES = {"work": 2, "follow": 20}


def run_worker(settings: Settings, parent_pid: int | None = None) -> int:
    """Do tasks until SIGTERM or until the parent dies; ends the process. Waits while another worker has this home."""
    stopping = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: stopping.set())

    def leaving() -> bool:
        return stopping.is_set() or (parent_pid is not None and not is_parent(parent_pid))

    lock = FileLock(settings.folder() / "worker.lock")
    if not _acquire(lock, leaving):
        return 0
    worker = Worker(settings, stopping)
    worker.launch()
    log.info("the worker is ready")
    worker.serve(leaving)
    worker.leave()
    return 0


def is_parent(pid: int) -> bool:
    """Whether this process still lives under that one."""
    return os.getppid() == pid


def _acquire(lock: FileLock, leaving: Callable[[], bool]) -> bool:
    said = False
    while not leaving():
        try:
            lock.acquire(timeout=0.3, poll_interval=0.1)
            return True
        except Timeout:
            if not said:
                log.info("another worker serves this folder; waiting until it ends")
            said = True
    return False


class Worker:
    """The tasks of this process on top of the durable queue."""

    def __init__(self, settings: Settings, stopping: threading.Event) -> None:
        self.settings = settings
        self.store = Store.open(settings)
        self.stopping = stopping
        self.running: dict[str, Work] = {}
        self._parked: set[str] = set()
        self._known: set[str] = set()
        self._perform: Callable[[str], str] | None = None

    def launch(self) -> None:
        """Open the durable queue, which takes up what a killed worker left, and follow every running job."""
        from dbos import DBOS

        from core import jobs

        def task(task_id: str) -> str:
            return self.perform(task_id)

        jobs.recover(self.store)  # first of all: what a killed worker was sending is in doubt, and nothing else is
        DBOS(config=self._config())
        self._perform = DBOS.workflow(name="task")(task)
        DBOS.launch()
        for name, limit in QUEUES.items():
            DBOS.register_queue(name, worker_concurrency=limit, polling_interval_sec=POLL, on_conflict="always_update")
        look_after_jobs(self.store, self.settings)

    def _config(self) -> Any:
        url = self.settings.tasks_url
        alone = url.startswith("sqlite")
        home = zlib.crc32(str(self.settings.home).encode())
        config: dict[str, Any] = {
            "name": "luopan",
            "application_version": "1",
            "executor_id": "worker" if alone else f"{socket.gethostname()}-{home:08x}",
            "log_level": "ERROR",
            "system_database_url": url,
            "use_listen_notify": False,
            "notification_listener_polling_interval_sec": 1.0,
        }
        return {**config, "system_database_engine": engine_for(url)} if alone else config

    def serve(self, leaving: Callable[[], bool]) -> None:
        """Hand new rows to the queue, give signs of life, and look after both until it is time to leave."""
        beat = check = time.monotonic()
        while not leaving():
            try:
                self._hand_over()
                moment = time.monotonic()
                if moment - beat >= BEAT:
                    beat = moment
                    self.store.tasks.beat(list(self.running))
                if moment - check >= CHECK:
                    check = moment
                    self._known.clear()
                    look_after_jobs(self.store, self.settings)
                    look_after_uploads(self.store, self.settings)
            except Exception:  # a locked database, say: the next round tries again
                log.exception("a round of the worker failed")
            self.stopping.wait(POLL)

    def _hand_over(self) -> None:
        for task in self.store.tasks.active():
            if task.id not in self._known:
                self._put(task)
                self._known.add(task.id)

    def _put(self, task: Task) -> None:
        """See to it that the queue holds this task; its id is the workflow's, so that it is there once."""
        from dbos import DBOS, SetWorkflowID

        assert self._perform is not None
        status = DBOS.get_workflow_status(task.id)
        queue = HANDLERS[task.kind].queue
        if status is None:
            with SetWorkflowID(task.id):
                DBOS.enqueue_workflow(queue, self._perform, task.id)
        elif status.status not in ("ENQUEUED", "PENDING", "DELAYED"):
            error = AppError(T("The work ended without a result."), T("Start it again."))
            self.store.tasks.finish(task.id, "failed", error=error)
        elif status.status == "PENDING" and task.id not in self.running and _is_stale(task):
            DBOS.resume_workflow(task.id, queue_name=queue)

    def perform(self, task_id: str) -> str:
        """Do one task, step by step; a step that was done before a kill is not done again."""
        from dbos import DBOS

        task = self.store.tasks.begin(task_id)
        if task is None:
            return "over"
        work = Work(self.store, self.settings, task, lambda: self._pause(task_id))
        self.running[task_id] = work
        result: dict[str, Any] = {}
        try:
            for step in HANDLERS[task.kind].steps:
                state, outcome = DBOS.run_step({"name": step.__name__}, attempt, step, work)
                if state != "succeeded":
                    self.store.tasks.finish(task_id, state, result=result, error=unpack_error(outcome))
                    return state
                result |= outcome or {}
            self.store.tasks.finish(task_id, "succeeded", result=result)
            return "succeeded"
        finally:
            self.running.pop(task_id, None)

    def _pause(self, task_id: str) -> None:
        """While the worker stops, work stays where it is: between two of its own transactions."""
        if self.stopping.is_set():
            self._parked.add(task_id)
            threading.Event().wait()

    def leave(self) -> None:
        """End the process; what runs is taken up by the next worker."""
        self.stopping.set()
        until = time.monotonic() + GRACE
        while set(self.running) - self._parked and time.monotonic() < until:
            time.sleep(0.05)
        log.info("the worker stops")
        logging.shutdown()
        sys.stdout.flush()
        os._exit(0)


def attempt(step: Step, work: Work) -> tuple[str, Any]:
    """Do one step: the state it ends in, and its result or its error as plain values, fit to be written down."""
    try:
        return "succeeded", step(work)
    except Cancelled:
        return "cancelled", None
    except AppError as error:
        return "failed", pack_error(error)
    except Exception:
        log.exception("the task %s (%s) failed", work.task.id, work.task.kind)
        unforeseen = T("Something went wrong that we did not foresee.")
        return "failed", pack_error(AppError(unforeseen, T("Nothing that was saved is lost; start it again.")))


def _is_stale(task: Task) -> bool:
    return task.heartbeat is not None and (now() - task.heartbeat).total_seconds() > STALE

"""Keeps the child of a `python` grader: started when first asked, ended when it takes too long, started again."""

from __future__ import annotations

import contextlib
import json
import queue
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

CHILD = Path(__file__).with_name("inmate.py")
SECONDS = 120.0  # for one answer, as at Azure
ANSWER_LIMIT = 1 << 20


class Broken(Exception):
    """The grader gave no number: `kind` is "runtime" where its source is at fault, "server" where the child is."""

    def __init__(self, kind: str, details: str) -> None:
        super().__init__(kind, details)
        self.kind = kind
        self.details = details


class Sandbox:
    """One child with one source. Calls may come from several threads; they wait for each other."""

    def __init__(self, source: str, seconds: float = SECONDS) -> None:
        self._source = source
        self._seconds = seconds
        self._lock = threading.Lock()
        self._process: subprocess.Popen[str] | None = None
        self._answers: queue.Queue[str] = queue.Queue()
        self._folder: tempfile.TemporaryDirectory[str] | None = None

    def grade(self, sample: Mapping[str, Any], item: Mapping[str, Any]) -> float:
        """The number that the source gives. Raises Broken."""
        task = json.dumps({"sample": sample, "item": item}, default=str)
        with self._lock:
            for last in (False, True):  # a child that died between two questions is replaced without a word
                process, fresh = self._child()
                began = time.monotonic()
                line = self._answer(process, task)
                if not line and time.monotonic() - began >= self._seconds:
                    self._end()
                    raise Broken("runtime", f"TimeoutError: no answer within {self._seconds:g} seconds")
                if line:
                    break
                code = self._end()
                if fresh or last:
                    raise Broken("runtime", f"the process of the grader ended ({code}); it may have run out of memory")
        answer = json.loads(line)
        if "error" in answer:
            raise Broken("runtime", str(answer["error"]))
        return float(answer["score"])

    def close(self) -> None:
        """Ends the child."""
        with self._lock:
            self._end()

    def _answer(self, process: subprocess.Popen[str], task: str) -> str:
        """The line that the child answers; empty where it has ended, or was ended because it took too long."""
        late = threading.Timer(self._seconds, process.kill)  # writing would wait for ever where the child reads nothing
        late.daemon = True
        late.start()
        try:
            assert process.stdin is not None
            process.stdin.write(task + "\n")
            process.stdin.flush()
            return self._answers.get()
        except OSError:
            return ""
        finally:
            late.cancel()

    def _child(self) -> tuple[subprocess.Popen[str], bool]:
        if self._process is not None and self._process.poll() is None:
            return self._process, False
        self._end()
        try:
            self._folder = tempfile.TemporaryDirectory(prefix="grader-", ignore_cleanup_errors=True)
            process = subprocess.Popen(
                [sys.executable, "-I", str(CHILD)],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=subprocess.DEVNULL,
                text=True,
                encoding="utf-8",
                cwd=self._folder.name,
                env={"OPENBLAS_NUM_THREADS": "1", "OMP_NUM_THREADS": "1", "LANG": "C.UTF-8"},
                start_new_session=True,
            )
        except OSError as error:
            raise Broken("server", repr(error)) from error
        self._process, self._answers = process, queue.Queue()
        threading.Thread(target=_listen, args=(process, self._answers), name="grader", daemon=True).start()
        with contextlib.suppress(OSError):
            assert process.stdin is not None
            process.stdin.write(json.dumps({"source": self._source, "seconds": self._seconds}) + "\n")
            process.stdin.flush()
        return process, True

    def _end(self) -> int | None:
        process, self._process = self._process, None
        code = None
        if process is not None:
            process.kill()
            code = process.wait()
            for stream in (process.stdin, process.stdout):
                with contextlib.suppress(OSError):
                    if stream is not None:
                        stream.close()
        if self._folder is not None:
            self._folder.cleanup()
            self._folder = None
        return code


def _listen(process: subprocess.Popen[str], answers: queue.Queue[str]) -> None:
    """Passes on each answer; at the end an empty one, which says that there are no more."""
    assert process.stdout is not None
    with contextlib.suppress(OSError, ValueError):
        while line := process.stdout.readline(ANSWER_LIMIT):
            answers.put(line)
    answers.put("")

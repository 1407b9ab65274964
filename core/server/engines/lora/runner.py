"""The processes that hold open models in memory and answer: started when first asked, gone when idle or broken.

A runner speaks JSON, one object a line, with `answering.py`. Requests carry a number; whatever comes back carries it:

    {"id", "op": "generate", "ids", "adapter", "params"}  ->  {"id", "token", "logprob", "top"} …, then {"id", "end"}
    {"id", "op": "score" | "embed", "ids", "adapter"}     ->  {"id", "values"}, then {"id", "end"}
    {"id", "op": "cancel"}                                 ->  nothing more for that number
    {"op": "forget", "adapter"}                            ->  nothing
"""

from __future__ import annotations

import contextlib
import itertools
import json
import queue
import subprocess
import sys
import threading
import time
from collections import deque
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from core.server.engines.base import EngineError
from core.server.engines.children import ROOT, is_secret
from core.settings import Settings
from core.words import T

IDLE_SECONDS = 300.0  # without a question, after which a process gives its memory back
QUIET_SECONDS = 600.0  # without a word while somebody waits, after which a process hangs; loading takes minutes
SLOWEST = 0.1  # seconds more for each token of the longest question, which is read before the first word
_LAST_WORDS = 12  # lines of what a process prints that are kept for its last one


class _Process:
    """One start of the process that answers."""

    def __init__(self, folder: Path, environment: Mapping[str, str], idle: float, quiet: float) -> None:
        env = {name: value for name, value in Settings.from_env().environment.items() if not is_secret(name)}
        self._process = subprocess.Popen(
            [sys.executable, "-m", "core.server.engines.lora.answering", str(folder), str(idle)],
            cwd=ROOT,
            env={**env, **environment},
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
        )
        self.pid = self._process.pid
        self.ended = False
        self._quiet = quiet
        self._heard, self._longest = time.monotonic(), 0
        self._hung = 0.0  # seconds of silence for which it was killed
        self._over = threading.Event()
        self._said: deque[str] = deque(maxlen=_LAST_WORDS)
        self._waiting: dict[int, queue.SimpleQueue[dict[str, Any]]] = {}
        self._lock = threading.Lock()
        self._listener = threading.Thread(target=self._listen, name="answers", daemon=True)
        self._errors = threading.Thread(target=self._overhear, name="answers-errors", daemon=True)
        for thread in (self._errors, self._listener, threading.Thread(target=self._watch, name="quiet", daemon=True)):
            thread.start()

    def send(self, request: dict[str, Any], answers: queue.SimpleQueue[dict[str, Any]] | None = None) -> bool:
        """Sends a request; False where the process has ended."""
        line = json.dumps(request).encode() + b"\n"
        with self._lock:
            if self.ended:
                return False
            if answers is not None:
                if not self._waiting:
                    self._heard, self._longest = time.monotonic(), 0
                self._longest = max(self._longest, len(request.get("ids", ())))
                self._waiting[request["id"]] = answers
            try:
                assert self._process.stdin is not None
                self._process.stdin.write(line)
                self._process.stdin.flush()
            except OSError:
                self._waiting.pop(request.get("id", -1), None)
                return False
        return True

    def forget(self, number: int) -> None:
        """Listens no more for this number."""
        with self._lock:
            self._waiting.pop(number, None)

    def close(self) -> None:
        """Ends the process."""
        with contextlib.suppress(OSError):
            assert self._process.stdin is not None
            self._process.stdin.close()
        try:
            self._process.wait(0.5)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()

    def _listen(self) -> None:
        assert self._process.stdout is not None
        for line in self._process.stdout:
            self._heard = time.monotonic()
            try:
                told = json.loads(line)
            except ValueError:
                continue  # something that a library prints
            with self._lock:
                answers = self._waiting.get(told.get("id", -1)) if isinstance(told, dict) else None
            if answers is not None:
                answers.put(told)
        code = self._process.wait()
        self._errors.join(1)
        with self._lock:
            self.ended = True
            waiting, self._waiting = list(self._waiting.values()), {}
        self._over.set()
        told = {"broken": f"exit code {code}: {self._said[-1] if self._said else '-'}"[:300]}
        for answers in waiting:
            answers.put({"hung": self._hung} if self._hung else told)

    def _watch(self) -> None:
        """Kills a process that says nothing for too long while somebody waits. It takes no lock: a process that
        reads nothing either holds up whoever writes to it, lock in hand."""
        while not self._over.wait(min(1.0, self._quiet / 4)):
            silent = time.monotonic() - self._heard
            if self._waiting and silent > self._quiet + SLOWEST * self._longest:
                self._hung = silent
                self._process.kill()
                return

    def _overhear(self) -> None:
        assert self._process.stderr is not None
        for line in self._process.stderr:
            if text := line.decode("utf-8", "replace").strip():
                self._said.append(text)


class Runner:
    """A base model with its adapters, as one process at a time. Safe to ask from many threads."""

    def __init__(
        self,
        folder: Path,
        environment: Mapping[str, str],
        idle: float = IDLE_SECONDS,
        quiet: float = QUIET_SECONDS,
    ) -> None:
        self._folder = folder
        self._environment = environment
        self._idle, self._quiet = idle, quiet
        self._process: _Process | None = None
        self._numbers = itertools.count(1)
        self._lock = threading.Lock()

    @property
    def pid(self) -> int | None:
        """The number of the process, where one runs."""
        process = self._process
        return process.pid if process is not None and not process.ended else None

    def ask(self, request: dict[str, Any]) -> Iterator[dict[str, Any]]:
        """What the process answers, until its end; a caller that stops listening stops the work, too. Raises
        EngineError where the process broke off, hung, or could not do it."""
        number, answers = next(self._numbers), queue.SimpleQueue[dict[str, Any]]()
        process = self._sent({**request, "id": number}, answers)
        ended = False
        try:
            while True:
                told = answers.get()
                if not told.keys().isdisjoint(("broken", "error", "hung")):
                    ended = True
                    raise _broken(told)
                if "end" in told:
                    ended = True
                    return
                yield told
        finally:
            process.forget(number)
            if not ended:
                process.send({"id": number, "op": "cancel"})

    def forget(self, adapter: str) -> None:
        """Tells the process, where one runs, that this adapter is not needed any more."""
        process = self._process
        if process is not None:
            process.send({"op": "forget", "adapter": adapter})

    def close(self) -> None:
        """Ends the process."""
        with self._lock:
            process, self._process = self._process, None
        if process is not None:
            process.close()

    def _sent(self, request: dict[str, Any], answers: queue.SimpleQueue[dict[str, Any]]) -> _Process:
        with self._lock:
            for _attempt in range(2):  # one that has just gone idle is followed by a new one
                process = self._process
                if process is None or process.ended:
                    process = self._process = _Process(self._folder, self._environment, self._idle, self._quiet)
                if process.send(request, answers):
                    return process
                process.close()
                self._process = None
        raise _broken({"broken": "it could not be started"})


class Runners:
    """One runner for each base model."""

    def __init__(self) -> None:
        self._runners: dict[Path, Runner] = {}
        self._lock = threading.Lock()

    def of(self, folder: Path, environment: Mapping[str, str]) -> Runner:
        """The runner of a model's folder."""
        with self._lock:
            return self._runners.setdefault(folder, Runner(folder, environment))

    def close(self) -> None:
        """Ends all."""
        for runner in list(self._runners.values()):
            runner.close()


def _broken(told: Mapping[str, Any]) -> EngineError:
    if "error" in told:
        return EngineError(T("The model could not answer: {error}.", error=str(told["error"])[:300]))
    if "hung" in told:
        message = T(
            "The process that holds the model said nothing for {n} seconds, so it was stopped. Ask again: it starts "
            "anew.",
            n=round(told["hung"]),
        )
        return EngineError(message)
    message = T(
        "The process that holds the model broke off ({reason}). Ask again: it starts anew.", reason=told["broken"]
    )
    return EngineError(message)

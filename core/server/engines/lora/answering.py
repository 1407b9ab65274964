"""`python -m core.server.engines.lora.answering FOLDER IDLE_SECONDS`: holds one open model and answers with it.

The process reads requests and writes answers as `runner.py` says. Several questions are answered in turns, a token
each, so that nobody waits for a long answer of somebody else. It ends when nobody asked for a while, or nobody can.
"""

from __future__ import annotations

import json
import os
import queue
import sys
import threading
import traceback
from collections import OrderedDict, deque
from collections.abc import Iterator
from contextlib import nullcontext
from pathlib import Path
from typing import Any, BinaryIO

AT_ONCE = 8  # questions in turns; the others wait
ADAPTERS = 8  # that stay in memory
Request = dict[str, Any]


class Adapters:
    """The base model and the adapters used last."""

    def __init__(self, folder: Path) -> None:
        from core.server.engines.lora.loading import device, load_base

        self.model = load_base(folder).to(device()).eval()
        self._names: OrderedDict[str, str] = OrderedDict()
        self._made = 0
        self._active = ""

    def use(self, adapter: str | None) -> Any:
        """A context in which `model` answers with this adapter; None: without any."""
        if adapter is None:
            return self.model.disable_adapter() if self._names else nullcontext()
        if adapter not in self._names:
            self._load(adapter)
        self._names.move_to_end(adapter)
        if self._active != adapter:
            self.model.set_adapter(self._names[adapter])
            self._active = adapter
        return nullcontext()

    def forget(self, adapter: str) -> None:
        """Gives back the memory of an adapter; the last one stays, for the model is made for at least one."""
        if adapter in self._names and len(self._names) > 1:
            self.model.delete_adapter(self._names.pop(adapter))
            self._active = ""

    def _load(self, adapter: str) -> None:
        from core.server.engines.lora.loading import with_adapter

        name = f"adapter{self._made}"
        self._made += 1
        if not self._names:
            self.model = with_adapter(self.model, Path(adapter), name=name).eval()
        else:
            self.model.load_adapter(adapter, adapter_name=name, is_trainable=False)
        self._names[adapter] = name

    def trim(self, in_use: set[str]) -> None:
        """Forgets the adapters that were not used for longest."""
        for adapter in list(self._names):
            if len(self._names) <= ADAPTERS:
                return
            if adapter not in in_use:
                self.forget(adapter)


class Answering:
    """The questions that are waited for, each as far as it has come."""

    def __init__(self, folder: Path, out: BinaryIO) -> None:
        self._adapters = Adapters(folder)
        self._out = out
        self._active: deque[tuple[Request, Iterator[dict[str, Any]]]] = deque()
        self._waiting: deque[Request] = deque()

    @property
    def busy(self) -> bool:
        return bool(self._active or self._waiting)

    def take(self, request: Request) -> None:
        """Takes a request in."""
        if request["op"] == "cancel":
            self._active = deque(pair for pair in self._active if pair[0]["id"] != request["id"])
            self._waiting = deque(other for other in self._waiting if other["id"] != request["id"])
        elif request["op"] == "forget":
            if request["adapter"] not in {asked["adapter"] for asked, _ in self._active}:
                self._adapters.forget(request["adapter"])
        else:
            self._waiting.append(request)

    def step(self) -> None:
        """One token for the question whose turn it is."""
        while self._waiting and len(self._active) < AT_ONCE:
            request = self._waiting.popleft()
            self._active.append((request, self._begin(request)))
        request, answer = self._active.popleft()
        try:
            with self._adapters.use(request["adapter"]):
                told = next(answer, None)
        except Exception as error:
            self._say({"id": request["id"], "error": f"{type(error).__name__}: {error}"})
            return
        if told is None:
            self._say({"id": request["id"], "end": True})
            self._adapters.trim({asked["adapter"] for asked, _ in self._active})
        else:
            self._say({"id": request["id"], **told})
            self._active.append((request, answer))

    def _begin(self, request: Request) -> Iterator[dict[str, Any]]:
        from core.server.engines.lora import generation

        def model() -> Any:  # looked up at each step: the first adapter wraps the model
            return self._adapters.model

        begun: Iterator[dict[str, Any]]
        if request["op"] == "generate":
            begun = generation.generate(model, request["ids"], request["params"])
        elif request["op"] == "score":
            begun = generation.score(model, request["ids"], request["begin"])
        else:
            begun = generation.embed(model, request["ids"])
        return begun

    def _say(self, told: dict[str, Any]) -> None:
        self._out.write(json.dumps(told).encode() + b"\n")
        self._out.flush()


def _read(inbox: queue.SimpleQueue[Request | None]) -> None:
    for line in sys.stdin.buffer:
        inbox.put(json.loads(line))
    os._exit(0)  # nobody is there to hear an answer


def main(argv: list[str]) -> int:
    """Answers until nobody asked for so many seconds, or the asker is gone."""
    folder, idle = Path(argv[1]), float(argv[2])
    out, sys.stdout = sys.stdout.buffer, sys.stderr  # what a library prints is no answer
    inbox: queue.SimpleQueue[Request | None] = queue.SimpleQueue()
    threading.Thread(target=_read, args=(inbox,), name="questions", daemon=True).start()
    try:
        answering = Answering(folder, out)
    except Exception as error:  # the last line that is printed is the reason that whoever asks is told
        traceback.print_exc()
        sys.stderr.write(f"{error}\n")
        return 1
    while True:
        try:
            while True:
                request = inbox.get(timeout=idle) if not answering.busy else inbox.get_nowait()
                if request is not None:
                    answering.take(request)
        except queue.Empty:
            if not answering.busy:
                return 0
        answering.step()


if __name__ == "__main__":
    code = main(sys.argv)
    sys.stderr.flush()
    os._exit(code)  # the thread that waits for questions would hold up an end of the usual kind

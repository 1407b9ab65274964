"""One of several processes that share a training: the first tells and writes, the others only reckon along.

`python -m core.server.engines.lora.ranks --job=JOB_DIR --workers=N`, started N times by torchrun; or `on_node`, run by
Ray on its nodes. What is asked of the job is read by the first process alone and told to all at each step.
"""

from __future__ import annotations

import ctypes
import os
import signal
import sys
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from core.server.engines.base import JobDir
from core.words import T

LEFT_BEHIND = 3.0  # seconds that a process has to end by itself after the first has told the end
PR_SET_PDEATHSIG = 1


class First(JobDir):
    """The folder to the first process, which tells how many there are."""

    def __init__(self, path: Path, world: int) -> None:
        super().__init__(path)
        self._world = world

    def emit(self, type: str, *, key: str = "", **fields: Any) -> None:
        more = {"world_size": self._world} if type == "ready" else {}
        super().emit(type, key=key, **fields, **more)


class Other(JobDir):
    """The folder to all others: they read it, and write nothing."""

    def emit(self, type: str, *, key: str = "", **fields: Any) -> None:
        """Nothing: the first tells."""

    def state(self, step: int, total: int) -> None:
        """Nothing: the first gives the sign of life."""

    def wanted(self) -> None:
        """Nothing: the first looks, and tells all."""

    @contextmanager
    def alive(self, every: float = 1.0) -> Iterator[None]:
        """Ends this process where the first has told the end and left it behind."""
        _events, offset = self.read_events()
        done = threading.Event()

        def watch() -> None:
            while not done.wait(every):
                if any(event["type"] == "end" for event in self.read_events(offset)[0]):
                    if not done.wait(LEFT_BEHIND):
                        os._exit(0)
                    return

        threading.Thread(target=watch, name="end", daemon=True).start()
        try:
            yield
        finally:
            done.set()

    def checkpoint(self, step: int, write: Callable[[Path], None], metrics: Mapping[str, float]) -> Path:
        return self.checkpoints_path / f"step-{step}"

    def write_folder(self, path: Path, write: Callable[[Path], None]) -> Path:
        return path


def join() -> tuple[int, int]:
    """Meets the other processes; the number of this one, and how many there are."""
    import torch
    from torch import distributed

    if not distributed.is_initialized():
        if torch.cuda.is_available():
            torch.cuda.set_device(distributed.get_node_local_rank())
        distributed.init_process_group("nccl" if torch.cuda.is_available() else "gloo")
    return distributed.get_rank(), distributed.get_world_size()


def work(folder: Path, wanted: int) -> int:
    """Does this process' part of a job that `wanted` processes should share; the exit status."""
    rank, world = join()
    job = Other(folder) if rank else First(folder, world)
    if world != wanted:
        message = T("The training was to be shared by {n} processes, but {m} came.", n=wanted, m=world)
        error = {"code": "wrong_world_size", "message": str(message), "param": None}
        job.emit("end", status="failed", error=error, trained_tokens=None)
        return 1
    from core.server.engines.lora.sharing import RankWorker

    return RankWorker(job).run()


def on_node(config: Mapping[str, Any]) -> None:
    """A part of a job on a node of a Ray cluster. Raises where the job did not end as it should."""
    if work(Path(config["job"]), int(config["workers"])) != 0:
        raise RuntimeError("the training broke off; the job's log says why")


def _end_with_parent() -> None:
    """Lets the system end this process when the one that started it ends, however that ends."""
    parent = os.getppid()
    if sys.platform == "linux":
        ctypes.CDLL(None, use_errno=True).prctl(PR_SET_PDEATHSIG, signal.SIGKILL)

    def watch() -> None:
        while os.getppid() == parent:
            time.sleep(1)
        os._exit(1)

    threading.Thread(target=watch, name="parent", daemon=True).start()


def main(argv: list[str]) -> int:
    """Takes part in the job that the command line names."""
    given = dict(word.removeprefix("--").split("=", 1) for word in argv[1:] if word.startswith("--") and "=" in word)
    _end_with_parent()
    return work(Path(given["job"]), int(given["workers"]))


if __name__ == "__main__":
    sys.exit(main(sys.argv))

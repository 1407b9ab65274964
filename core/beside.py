"""A second process for half of the work, forked from this one: it begins with all that is in memory, at no cost.

Only where that is safe and pays: on a system that forks, with a core to spare, in a program of one thread.
"""

from __future__ import annotations

import gc
import mmap
import os
import pickle
import signal
import threading
from collections.abc import Callable
from contextlib import suppress
from typing import IO, Any


class Lost(Exception):
    """Work cannot be shared after all, or whoever did it has ended: do all of it here."""


def possible() -> bool:
    """Whether a process beside this one would be safe and of use."""
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    return hasattr(os, "fork") and cores > 1 and threading.active_count() == 1


def trim() -> None:
    """Give back to the system what memory is free here; the C library keeps it where it has this for a choice."""
    import ctypes

    with suppress(AttributeError, OSError):  # another system, another library
        ctypes.CDLL(None).malloc_trim(0)


class Beside:
    """A function at work in a forked process. It is given this object, to `say` what it found and how far it is.
    Raises Lost where the system gives no further process."""

    def __init__(self, work: Callable[[Beside], None]) -> None:
        self._shared = mmap.mmap(-1, 8)  # how far it is: read here, written there
        self._parent = os.getpid()
        (into, out), (heard, asked) = os.pipe(), os.pipe()
        gc.freeze()  # what is collected here would be copied there
        try:
            self.pid = os.fork()
        except OSError as error:
            for end in (into, out, heard, asked):
                os.close(end)
            raise Lost from error
        finally:
            gc.unfreeze()
        if self.pid:
            os.close(out)
            os.close(heard)
            self._pipe: IO[bytes] = os.fdopen(into, "rb")
            self._questions: IO[bytes] = os.fdopen(asked, "wb")
            return
        os.close(into)
        os.close(asked)
        self._pipe, self._questions = os.fdopen(out, "wb"), os.fdopen(heard, "rb")
        self._work(work)

    def _work(self, work: Callable[[Beside], None]) -> None:
        """In the forked process: do it, and end without any of the parent's own business."""
        code = 1
        try:
            signal.signal(signal.SIGINT, signal.SIG_IGN)  # whoever presses Ctrl+C means the parent, which stops this
            work(self)
            self._pipe.close()
            code = 0
        except BaseException:  # whatever it was, the parent meets it again where it can be told
            code = 1
        finally:
            os._exit(code)

    def say(self, found: Any) -> None:
        """From the forked process: something that was found."""
        pickle.dump(found, self._pipe, protocol=pickle.HIGHEST_PROTOCOL)
        self._pipe.flush()

    def asked(self) -> Any:
        """From the forked process: the next question, waited for; None when there will be no more."""
        try:
            return pickle.load(self._questions)
        except EOFError:
            return None

    def reach(self, done: int) -> None:
        """From the forked process: how far it is. It ends here when nobody is left to hear it."""
        if os.getppid() != self._parent:
            os._exit(1)
        self._shared[:] = done.to_bytes(8, "little")

    @property
    def done(self) -> int:
        """How far the forked process is."""
        return int.from_bytes(self._shared[:], "little")

    def hear(self) -> Any:
        """The next thing that was found; waits for it. Raises Lost where none will come."""
        try:
            return pickle.load(self._pipe)
        except (EOFError, pickle.UnpicklingError):
            raise Lost from None

    def ask(self, question: Any) -> None:
        """Put a question to the forked process; where that has ended, `hear` tells."""
        with suppress(BrokenPipeError):
            pickle.dump(question, self._questions, protocol=pickle.HIGHEST_PROTOCOL)
            self._questions.flush()

    def stop(self) -> None:
        """End the forked process, whatever it is doing."""
        with suppress(BrokenPipeError):
            self._questions.close()
        self._pipe.close()
        with suppress(ProcessLookupError):
            os.kill(self.pid, signal.SIGKILL)
        with suppress(ChildProcessError):
            os.waitpid(self.pid, 0)

"""Files that only a child process opens: a broken or hostile one can take that process down, never the program."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import IO

from core.errors import BadInput

_PIPE = 1 << 20  # bytes that are handed over at once


class Child:
    """The lines a child writes; leaving before the end stops it, and its exit code becomes a sentence."""

    def __init__(self, script: Path, *arguments: str, refuse: Callable[[int], BadInput]) -> None:
        self._command = [sys.executable, "-I", str(script), *arguments]
        self._refuse = refuse

    def __enter__(self) -> Iterator[bytes]:
        import subprocess

        # No environment: a process that opens what strangers wrote needs none of our keys.
        environment: dict[str, str] | None = {} if os.name == "posix" else None
        self._process = subprocess.Popen(
            self._command,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            bufsize=_PIPE,
            pipesize=_PIPE,
            env=environment,
        )
        assert self._process.stdout is not None
        self._out: IO[bytes] = self._process.stdout
        return self._lines()

    def _lines(self) -> Iterator[bytes]:
        yield from self._out
        if code := self._process.wait():
            raise self._refuse(code)

    def __exit__(self, *_exception: object) -> None:
        self._out.close()
        if self._process.poll() is None:
            self._process.kill()
        self._process.wait()

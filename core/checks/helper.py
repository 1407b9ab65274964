"""A second process that counts tokens: two threads of one process mostly wait for each other.

Blocks go to it as `marshal` writes them and numbers come back, each message behind its length. It has no environment
and ends with its parent's pipe; where it ends before, whoever asked counts by himself.
"""

from __future__ import annotations

import marshal
import os
import sys
from pathlib import Path
from typing import IO, Any

WORTH = 24 << 20  # bytes of a file; the lines of a smaller one are counted before the process has started
_ROOT = Path(__file__).parent.parent.parent
_START = "import sys; sys.path.insert(0, sys.argv[1]); from core.checks.helper import main; main(sys.argv[2])"
_LENGTH = 8  # bytes


class Gone(Exception):
    """The process has ended, or cannot be started."""


class Helper:
    """The process as its parent sees it."""

    def __init__(self, encoding: str) -> None:
        import subprocess

        environment: dict[str, str] | None = {} if os.name == "posix" else None
        try:
            self._process = subprocess.Popen(
                [sys.executable, "-I", "-c", _START, str(_ROOT), encoding],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=subprocess.DEVNULL,
                env=environment,
            )
        except OSError as error:
            raise Gone from error
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._to, self._from = self._process.stdin, self._process.stdout

    def ask(self, packed: bytes) -> None:
        """Give it a block. Raises Gone."""
        try:
            _send(self._to, packed)
        except (OSError, ValueError) as error:
            raise Gone from error

    def answer(self) -> Any:
        """What came of the block that was given. Raises Gone."""
        try:
            return marshal.loads(_receive(self._from))
        except (OSError, ValueError, EOFError, TypeError) as error:
            raise Gone from error

    def stop(self) -> None:
        """End it, whatever it is at."""
        self._process.kill()
        self._process.wait()
        for pipe in (self._to, self._from):
            try:
                pipe.close()
            except OSError:  # what was not sent any more
                continue


def main(encoding_name: str) -> None:
    """Count what comes on standard input until it ends."""
    import gc

    from core.tokens.bulk import Bulk
    from core.tokens.encodings import encoding

    gc.disable()  # there are no rings
    vars(encoding(encoding_name))["_mergeable_ranks"].clear()  # of use to who saves an encoding: 25 MB
    bulk = Bulk(encoding_name)
    given, told = sys.stdin.buffer, sys.stdout.buffer
    while True:
        try:
            roles, texts, bodies = marshal.loads(_receive(given))
        except EOFError:
            return
        counts = bulk.chats(roles, texts) if roles else ()
        numbers = [column.astype("int32").tobytes() for column in counts]
        _send(told, marshal.dumps((numbers, [tuple(bulk.one.body(body)) for body in bodies])))


def _send(pipe: IO[bytes], message: bytes) -> None:
    pipe.write(len(message).to_bytes(_LENGTH, "little"))
    pipe.write(message)
    pipe.flush()


def _receive(pipe: IO[bytes]) -> bytes:
    """The next message. Raises EOFError where there is none any more."""
    length = pipe.read(_LENGTH)
    message = pipe.read(int.from_bytes(length, "little")) if len(length) == _LENGTH else b""
    if not message:
        raise EOFError
    return message

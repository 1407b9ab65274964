"""Rows kept on disk while their advice is drawn, so that a million of them need no more memory than a thousand."""

from __future__ import annotations

import tempfile
from collections.abc import Iterable, Iterator
from itertools import chain
from typing import IO

import orjson

from core.dataset.fixrows import Row
from core.dataset.profile import chunks


class Spool:
    """Rows written once, read as often as wanted. Close it to forget them."""

    def __init__(self, rows: Iterable[Row]) -> None:
        self._file: IO[bytes] = tempfile.TemporaryFile()  # noqa: SIM115  (closed by `close`)
        for chunk in chunks(rows):
            self._file.write(orjson.dumps(list(map(tuple, chunk))) + b"\n")

    def __call__(self) -> Iterator[Row]:
        """The rows from the first on. One reader at a time."""
        self._file.seek(0)
        return chain.from_iterable(map(Row._make, orjson.loads(line)) for line in self._file)

    def close(self) -> None:
        """Forget the rows."""
        self._file.close()

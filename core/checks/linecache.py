"""What is known of lines from earlier checks: a hash of each line with its findings and tokens, never its text.

One file for each checked file, written beside and moved into place, so that a kill or a second process leaves a whole
one; what cannot be read is passed over. A new release, another encoding or another kind finds nothing of the old.
"""

from __future__ import annotations

import json
import os
import tempfile
import time
import zlib
from collections.abc import Callable, Iterable
from functools import cache, reduce
from hashlib import blake2b
from pathlib import Path
from typing import Any

import numpy as np

from core.checks.reading import Line
from core.checks.scanning import Finding, Numbers
from core.dataset.examples import Kind

MAX_BYTES = 256 << 20  # of all files together: some nine million lines
MAX_FILES = 64
_PROBED = 16  # files that are asked, the newest first, whether they know the first lines
_COLUMNS = (("high", "<u8"), ("low", "<u8"), ("sign", "<i4"), ("tokens", "<i4"), ("answers", "<i4"))
_WIDTH = sum(np.dtype(kind).itemsize for _name, kind in _COLUMNS)
_SUM = 4  # bytes of the checksum at the end
_ABANDONED = 3600  # seconds after which a half-written file is somebody's who was killed

Hits = np.ndarray[tuple[int, ...], np.dtype[np.bool_]]


class Known:
    """The lines of an earlier check, and the hashes of those seen now."""

    def __init__(self, columns: dict[str, Numbers], findings: list[Finding]) -> None:
        self.columns, self.findings = columns, findings
        self.fresh = 0  # lines that were not known
        self._seen: list[bytes] = []

    def find(self, lines: list[Line]) -> tuple[Numbers, Hits, Numbers]:
        """A short hash of each line, whether it is known, and the places of those that are."""
        hashes = digests(lines)
        self._seen.append(hashes)
        pairs = np.frombuffer(hashes, dtype="<u8").reshape(-1, 2)
        high, low = self.columns["high"], self.columns["low"]
        hit = np.zeros(len(lines), dtype=bool)
        at = np.zeros(len(lines), dtype=np.int64)
        if len(high):
            at = np.minimum(np.searchsorted(high, pairs[:, 0]), len(high) - 1)
            hit = (high[at] == pairs[:, 0]) & (low[at] == pairs[:, 1])
        self.fresh += int(len(lines) - hit.sum())
        return pairs[:, 0].astype(np.int64), hit, at[hit]

    def of(self, at: Numbers, sign: Callable[[Finding], int]) -> tuple[Numbers, Numbers, Numbers]:
        """The findings, tokens and answer tokens at these places; `sign` says what a finding is called now."""
        used = self.columns["sign"][at]
        names = np.zeros(len(self.findings), dtype=np.int32)
        for place in np.unique(used).tolist():
            names[place] = sign(self.findings[place])
        return names[used], self.columns["tokens"][at], self.columns["answers"][at]

    def empty(self) -> Known:
        """The same knowledge, of other lines seen now."""
        return Known(self.columns, self.findings)

    def add(self, behind: Known) -> None:
        """The lines behind were seen, too."""
        self._seen += behind._seen
        self.fresh += behind.fresh

    @property
    def seen(self) -> Numbers:
        """The hashes of all lines seen now, two numbers each."""
        self._seen = [b"".join(self._seen)]
        return np.frombuffer(self._seen[0], dtype="<u8").reshape(-1, 2)


class LineCache:
    """The known lines of checks in one encoding and of one kind, kept in a folder."""

    def __init__(self, folder: Path, encoding: str, kind: Kind | None) -> None:
        self.folder = folder
        self._prefix = blake2b(f"{rules()} {encoding} {kind}".encode(), digest_size=8).hexdigest()

    def open(self, first: list[Line]) -> Known:
        """What is known of a file with these first lines; nothing where no such file was checked."""
        sample = np.unique(np.frombuffer(digests(first), dtype="<u8")[::2])
        best, most = None, 0
        for path in self._newest(f"{self._prefix}-*.lines")[:_PROBED]:
            shared = _shared(path, sample)
            if shared > most:
                best, most = path, shared
        return (best and _read(best)) or Known({name: np.zeros(0, kind) for name, kind in _COLUMNS}, [])

    def save(self, known: Known, findings: list[Finding], signs: Numbers, tokens: Numbers, answers: Numbers) -> None:
        """Keep what is now known of the lines; where the disk refuses, nothing is kept."""
        seen = known.seen
        kept = np.flatnonzero(seen.any(axis=1))
        _high, unique = np.unique(seen[kept, 0], return_index=True)
        kept = kept[unique]
        if not len(kept) or len(kept) * _WIDTH > MAX_BYTES // 2:
            return
        columns = (seen[:, 0], seen[:, 1], signs, tokens, answers)
        parts = (values[kept].astype(kind).data for values, (_name, kind) in zip(columns, _COLUMNS, strict=True))
        head = {"lines": len(kept), "findings": [list(finding) for finding in findings]}
        path = self.folder / f"{self._prefix}-{seen[kept[0], 0]:016x}.lines"
        try:
            _write(path, json.dumps(head).encode() + b"\n", parts)
            self._prune()
        except OSError:
            return

    def _newest(self, pattern: str) -> list[Path]:
        ages = []
        for path in self.folder.glob(pattern):
            try:
                ages.append((path.stat().st_mtime, path))
            except OSError:  # another process took it away
                continue
        return [path for _age, path in sorted(ages, reverse=True)]

    def _prune(self) -> None:
        """Take away what was not used for longest, until few and small files are left."""
        left = MAX_BYTES
        for place, path in enumerate(self._newest("*.lines")):
            left -= path.stat().st_size
            if left < 0 or place >= MAX_FILES:
                path.unlink(missing_ok=True)
        for path in self._newest("*.part"):
            if time.time() - path.stat().st_mtime > _ABANDONED:
                path.unlink(missing_ok=True)


def digests(lines: list[Line]) -> bytes:
    """16 bytes for each line; zeros for one that is too long to be held."""
    return b"".join([blake2b(line, digest_size=16).digest() if line is not None else bytes(16) for line in lines])


@cache
def rules() -> str:
    """A fingerprint of everything that a finding or a count depends on."""
    import orjson
    import tiktoken

    core = Path(__file__).parent.parent
    sources = [*core.glob("checks/**/*.py"), *core.glob("tokens/**/*.*"), core / "dataset" / "examples.py"]
    found = blake2b(f"{orjson.__version__} {tiktoken.__version__}".encode(), digest_size=16)
    for path in sorted(path for path in sources if path.suffix != ".pyc"):
        found.update(path.read_bytes())
    return found.hexdigest()


def _shared(path: Path, sample: Numbers) -> int:
    """How many of these hashes a file knows; only the few pages that the search touches are read."""
    try:
        head, start = _head(path)
        high = np.memmap(path, dtype="<u8", mode="r", offset=start, shape=(head["lines"],))
        at = np.minimum(np.searchsorted(high, sample), len(high) - 1)
        return int((high[at] == sample).sum())
    except (OSError, ValueError, KeyError, TypeError):
        return 0


def _read(path: Path) -> Known | None:
    """The whole file, None where it is damaged; reading it makes it the newest."""
    try:
        head, start = _head(path)
        columns: dict[str, Numbers] = {}
        with path.open("rb") as file:
            file.seek(start)
            for name, kind in _COLUMNS:
                columns[name] = np.fromfile(file, kind, head["lines"])
            checksum = int.from_bytes(file.read(_SUM), "little")
        findings = [
            Finding(tuple((code, n) for code, n in codes), Kind(kind) if kind else None, example, tools)
            for codes, kind, example, tools in head["findings"]
        ]
        if reduce(lambda found, column: zlib.crc32(column.data, found), columns.values(), 0) != checksum:
            return None
        os.utime(path)
        return Known(columns, findings)
    except (OSError, ValueError, KeyError, TypeError):
        return None


def _head(path: Path) -> tuple[dict[str, Any], int]:
    with path.open("rb") as file:
        line = file.readline(1 << 24)
    head = json.loads(line)
    if path.stat().st_size != len(line) + head["lines"] * _WIDTH + _SUM:
        raise ValueError
    return head, len(line)


def _write(path: Path, head: bytes, parts: Iterable[memoryview]) -> None:
    """Head, parts and their checksum, beside the path and then into its place."""
    path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    handle, name = tempfile.mkstemp(suffix=".part", dir=path.parent)
    try:
        with os.fdopen(handle, "wb") as file:
            file.write(head)
            checksum = 0
            for part in parts:
                checksum = zlib.crc32(part, checksum)
                file.write(part)
            file.write(checksum.to_bytes(_SUM, "little"))
        Path(name).replace(path)
    except BaseException:
        Path(name).unlink(missing_ok=True)
        raise

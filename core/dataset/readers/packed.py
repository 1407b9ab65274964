"""Packed files (gzip, bzip2, xz, zip): unpacked into a folder of their own, refused as soon as they grow too large."""

from __future__ import annotations

import bz2
import gzip
import lzma
import tempfile
import zipfile
import zlib
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any

from core.errors import BadInput
from core.words import T

MAX_UNPACKED = 2 << 30
MAX_RATIO = 250  # text packs 3 to 50 times
MAX_MEMBERS = 200
_SMALL = 32 << 20  # unpacked; below this no ratio is dangerous
_BLOCK = 1 << 18
_XZ_MEMORY = 96 << 20  # a dictionary larger than this is asked for by no packer's default
_ZIP = b"PK\x03\x04"
_SINGLE: dict[bytes, tuple[str, Callable[[IO[bytes]], Any]]] = {
    b"\x1f\x8b": (".gz", lambda file: gzip.GzipFile(fileobj=file)),
    b"BZh": (".bz2", bz2.BZ2File),
    b"\xfd7zXZ\0": (".xz", lambda file: _LimitedXz(file)),
}
_OFFICE = ("[Content_Types].xml", "mimetype", "xl/", "word/", "ppt/", "META-INF/manifest.xml")
# What reading a damaged one, or one that is packed in an unknown way, may raise.
FAULTS = (OSError, EOFError, zlib.error, lzma.LZMAError, zipfile.BadZipFile, ValueError, KeyError, RuntimeError)
_held: dict[tuple[str, int, int], tuple[tempfile.TemporaryDirectory[str], list[Member]]] = {}


@dataclass(frozen=True)
class Member:
    """A file to read, and what its owner calls it."""

    path: Path
    name: str


def is_packed(path: Path) -> bool:
    """Whether a file is packed, by its content; workbooks, which are zips too, are not meant."""
    with path.open("rb") as file:
        magic = file.read(8)
    return any(magic.startswith(start) for start in _SINGLE) or (magic.startswith(_ZIP) and not _is_office(path))


def unpack(path: Path, name: str, folder: Path) -> list[Member]:
    """Unpack into a folder under names of our own; the files found, in their order. Raises BadInput."""
    folder.mkdir(parents=True, exist_ok=True)
    try:
        with path.open("rb") as file:
            magic = file.read(8)
        if magic.startswith(_ZIP):
            found = _unzip(path, name, folder)
        else:
            ending, opener = next(how for start, how in _SINGLE.items() if magic.startswith(start))
            inner = name[: -len(ending)] if name.lower().endswith(ending) else name
            found = [Member(folder / "0001", inner or name)]
            with path.open("rb") as file, opener(file) as stream:
                _copy(stream, found[0].path, _Bound(name), file.tell)
    except FAULTS as error:
        raise BadInput(
            T("{file} cannot be unpacked: it is damaged, or needs a password.", file=name),
            T("Unpack it yourself and choose the file inside."),
        ) from error
    for member in found:
        _no_archive(member, name)
    return found


def unpacked(path: Path, name: str) -> list[Member]:
    """The files inside, unpacked once and kept until the program ends. Raises BadInput."""
    stat = path.stat()
    key = (str(path.resolve()), stat.st_size, stat.st_mtime_ns)
    if key not in _held:
        holder = tempfile.TemporaryDirectory(prefix="luopan-", ignore_cleanup_errors=True)
        _held[key] = (holder, unpack(path, name, Path(holder.name)))
    return _held[key][1]


class _Bound:
    """How much may still come out of an archive."""

    def __init__(self, name: str) -> None:
        self._name = name
        self._size = 0

    def add(self, size: int, packed: int) -> None:
        """Count what came out of so many packed bytes. Raises BadInput where it is too much."""
        self._size += size
        if self._size > MAX_UNPACKED or (self._size > _SMALL and self._size > MAX_RATIO * packed):
            raise BadInput(
                T(
                    "{file} unpacks to more than is safe ({limit} MiB, or {ratio} times its size).",
                    file=self._name,
                    limit=MAX_UNPACKED >> 20,
                    ratio=MAX_RATIO,
                ),
                T("Unpack it yourself and choose the file inside."),
            )


class _LimitedXz:
    """An xz stream that is read with bounded memory."""

    def __init__(self, file: IO[bytes]) -> None:
        self._file = file
        self._new()

    def _new(self) -> None:
        self._decoder = lzma.LZMADecompressor(format=lzma.FORMAT_XZ, memlimit=_XZ_MEMORY)

    def __enter__(self) -> _LimitedXz:
        return self

    def __exit__(self, *_exception: object) -> None:
        """Nothing is held."""

    def read(self, size: int) -> bytes:
        """The next bytes; nothing at the end."""
        while True:
            if self._decoder.eof:
                rest = self._decoder.unused_data.lstrip(b"\0") or self._file.read(_BLOCK).lstrip(b"\0")
                if not rest:
                    return b""
                self._new()
                data = self._decoder.decompress(rest, size)
            else:
                more = self._file.read(_BLOCK) if self._decoder.needs_input else b""
                if self._decoder.needs_input and not more:
                    raise EOFError
                data = self._decoder.decompress(more, size)
            if data:
                return data


def _copy(stream: Any, target: Path, bound: _Bound, packed: Callable[[], int]) -> None:
    with target.open("wb") as out:
        while block := stream.read(_BLOCK):
            bound.add(len(block), packed())
            out.write(block)


def _unzip(path: Path, name: str, folder: Path) -> list[Member]:
    bound, size, taken = _Bound(name), path.stat().st_size, 0
    with zipfile.ZipFile(path) as archive:
        entries = [entry for entry in archive.infolist() if _is_wanted(entry)]
        if len(entries) > MAX_MEMBERS:
            message = T(
                "{file} holds {n} files, {limit} at most can be read.", file=name, n=len(entries), limit=MAX_MEMBERS
            )
            raise BadInput(message, T("Unpack it yourself and choose the files that you need."))
        if not entries:
            raise BadInput(T("{file} holds no file with rows.", file=name), T("Choose another file."))
        found = []
        for number, entry in enumerate(entries, start=1):
            member = Member(folder / f"{number:04}", entry.filename or str(number))
            taken = min(size, taken + entry.compress_size)  # the same bytes may be listed many times
            with archive.open(entry) as stream:
                _copy(stream, member.path, bound, lambda taken=taken: taken)  # type: ignore[misc]
            found.append(member)
    return found


def _is_wanted(entry: zipfile.ZipInfo) -> bool:
    """Files with content, but not those that systems put there for themselves."""
    parts = entry.filename.replace("\\", "/").split("/")
    if entry.filename.endswith("/") or not entry.file_size:
        return False
    return not any(part.startswith((".", "__MACOSX")) for part in parts)


def _is_office(path: Path) -> bool:
    try:
        with zipfile.ZipFile(path) as archive:
            return any(name.startswith(_OFFICE) for name in archive.namelist())
    except FAULTS:
        return True  # a damaged one: the workbook reader says so


def _no_archive(member: Member, name: str) -> None:
    """Archives within archives are not followed."""
    with member.path.open("rb") as file:
        start = file.read(265)
    if start[257:262] == b"ustar" or is_packed(member.path):
        message = T("{file} holds another archive, {inner}.", file=name, inner=member.name)
        raise BadInput(message, T("Unpack it yourself and choose the file inside."))

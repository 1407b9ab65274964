"""The lines of a file, about a megabyte of them at a time."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from itertools import islice
from typing import BinaryIO

MAX_LINE = 160 * 1024 * 1024  # ten images of 10 MB in base64 still fit
BLOCK = 1 << 20

Line = bytes | None  # None stands for a line that is too long to be held


def read_lines(file: BinaryIO, longest: int = MAX_LINE) -> Iterator[Line]:
    """The lines of a file without their line breaks; None in place of one that is longer than `longest` bytes."""
    for lines in read_blocks(file, longest):
        yield from lines


def read_blocks(file: BinaryIO, longest: int = MAX_LINE, end: int | None = None) -> Iterator[list[Line]]:
    """The same lines, as many at a time as a block holds; those before the byte `end` where one is given."""
    begun: list[bytes] = []  # the line that the blocks so far have not ended
    size = 0
    while block := file.read(BLOCK if end is None else max(0, min(BLOCK, end - file.tell()))):
        head, *lines = block.split(b"\n")
        size += len(head)
        if size <= longest + 2:  # with a line break of two signs
            begun.append(head)
        if lines:
            last = lines.pop()
            plain = b"\r" not in block and len(block) <= longest
            yield [_whole(begun, size, longest), *(lines if plain else [_line(line, longest) for line in lines])]
            begun, size = [last], len(last)
    if size:
        yield [_whole(begun, size, longest)]


def blocks_of(lines: Iterable[Line], size: int = 4_000) -> Iterator[list[Line]]:
    """Lines that are at hand, so many at a time."""
    rest = iter(lines)
    while block := list(islice(rest, size)):
        yield block


def _whole(begun: list[bytes], size: int, longest: int) -> Line:
    return _line(b"".join(begun), longest) if size <= longest + 2 else None


def _line(line: bytes, longest: int) -> Line:
    line = line.rstrip(b"\r\n")
    return line if len(line) <= longest else None

"""Markup that is cut at its marks and not parsed: what is the same for the rows of a sheet and its shared texts."""

from __future__ import annotations

import re
from itertools import repeat
from typing import IO

BLOCK = 1 << 17  # bytes that are unpacked at once
MOST_PIECE = 8 << 20  # bytes of a row or a text; no program writes one as long
MOST_HEAD = 1 << 20  # bytes of what stands before the first of them
ATTRIBUTES = r'(?: [A-Za-z][\w:.]*="[^"<>&]*")*'
DECLARED = (
    r"""(?:<\?xml version=["']1\.0["'](?: encoding=["'](?:UTF-8|utf-8)["'])?(?: standalone=["']\w+["'])? ?\?>\s*)?"""
)
TEXT = "<t>"
PRESERVED = '<t xml:space="preserve">'
KEPT = "\0"  # before a text whose blanks at its ends count
BLANKS = " \t\n"  # at the ends of other texts they are taken off
_REFERENCE = re.compile(rb"&(?!(?:amp|lt|gt|quot|apos);)")  # that only a parser reads
_ESCAPED = re.compile(rb"_x[0-9A-Fa-f]{4}_")  # as spreadsheet programs write signs that XML has not
_ENTITIES = (("&lt;", "<"), ("&gt;", ">"), ("&quot;", '"'), ("&apos;", "'"), ("&amp;", "&"))


class Odd(Exception):
    """Something that only a parser reads."""


def up_to(stream: IO[bytes], mark: bytes) -> tuple[str, bytes]:
    """What stands up to a mark that comes soon, and what was read behind it."""
    begun = b""
    while mark not in begun:
        block = stream.read(BLOCK)
        if not block or len(begun) > MOST_HEAD:
            raise Odd
        begun += block
    head, mark, rest = begun.partition(mark)
    return (head + mark).decode(), rest


def more(stream: IO[bytes], left: bytes) -> bytes:
    """What was read and not used yet, and the next block. Raises Odd where there is none, or too much is left."""
    block = stream.read(BLOCK)
    if not block or len(left) > MOST_PIECE:
        raise Odd
    return left + block


def to_the_end(stream: IO[bytes]) -> None:
    """Read what is left: at the end its checksum is looked at."""
    while stream.read(BLOCK):
        pass


def no_surprise(raw: bytes) -> None:
    """Raises Odd for what is written otherwise than it is meant."""
    if b"\r" in raw or b"\0" in raw:
        raise Odd
    if (b"&" in raw and _REFERENCE.search(raw)) or (b"_" in raw and _ESCAPED.search(raw)):
        raise Odd


def text_of(raw: bytes) -> str:
    """Markup as text, each text in the same mark. Raises Odd."""
    no_surprise(raw)
    return raw.decode().replace(PRESERVED, TEXT + KEPT)


def clean(texts: list[str]) -> list[str]:
    """Texts as they are meant. Raises Odd where there is markup among them."""
    joined = "".join(texts)
    if "<" in joined:
        raise Odd
    if KEPT in joined:
        texts = [text[1:] if text[:1] == KEPT else text.strip(BLANKS) for text in texts]
    else:
        texts = list(map(str.strip, texts, repeat(BLANKS)))
    return [unescaped(text) if "&" in text else text for text in texts] if "&" in joined else texts


def unescaped(text: str) -> str:
    """A text with the signs that its entities mean."""
    for entity, sign in _ENTITIES:
        text = text.replace(entity, sign)
    return text

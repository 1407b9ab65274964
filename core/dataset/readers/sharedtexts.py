"""The texts that the cells of a workbook share."""

from __future__ import annotations

import re
from array import array
from collections.abc import Iterable
from itertools import accumulate, repeat
from typing import IO

from core.dataset.readers.plainmarkup import (
    ATTRIBUTES,
    BLANKS,
    BLOCK,
    DECLARED,
    KEPT,
    PRESERVED,
    TEXT,
    Odd,
    more,
    no_surprise,
    to_the_end,
    unescaped,
    up_to,
)

_MOST = 144 << 20  # bytes of all of them
_EACH = 56  # for which one counts beside its own: it takes time, too
_LONGEST = 1 << 17  # bytes of one; a cell holds 32,767 characters
_MOST_AT_ONCE = 16 << 20  # characters: one text may stand in any number of cells
_HEAD = re.compile(rf"{DECLARED}<sst{ATTRIBUTES}>")
_PHONETIC = re.compile(rf"</t><phoneticPr{ATTRIBUTES} ?/></si>".encode())
_ITEM_END = b"</si>"
_MARKS = (b"si>", b"t>", b"/t>", b"/si>")  # of one text, what stands in it behind the second
_KEPT, _BLANKS, _PRESERVED, _TEXT = (sign.encode() for sign in (KEPT, BLANKS, PRESERVED, TEXT))


class SharedTexts:
    """All of them, one behind the other in UTF-8: as objects they would need more memory, and a process beside this one
    would copy each that it looks at. Raises Odd where one is not plain."""

    def __init__(self, stream: IO[bytes]) -> None:
        self._all, self._ends = bytearray(), array("Q", (0,))
        begun, left = up_to(stream, b"<si>")
        if not _HEAD.fullmatch(begun.removesuffix("<si>")):
            raise Odd
        left = b"<si>" + left
        while not left.startswith(b"</sst>"):
            end = left.rfind(_ITEM_END) + len(_ITEM_END)
            if end >= len(_ITEM_END):
                self._add(_texts(left[:end]))
                left = left[end:]
            else:
                left = more(stream, left)
        to_the_end(stream)

    def at(self, places: Iterable[int]) -> list[str]:
        """Those with these numbers. Raises IndexError, ValueError where one is no text, Odd where they are too long."""
        places, ends = list(places), self._ends
        texts = {place: self._all[ends[place] : ends[place + 1]].decode() for place in set(places)}
        found = [texts[place] for place in places]
        if sum(map(len, found)) > _MOST_AT_ONCE:
            raise Odd
        return found

    def _add(self, texts: list[bytes]) -> None:
        self._ends += array("Q", accumulate(map(len, texts), initial=len(self._all)))[1:]
        self._all += b"".join(texts)
        if max(map(len, texts)) > _LONGEST or len(self._all) + _EACH * len(self._ends) > _MOST:
            raise Odd


def _texts(items: bytes) -> list[bytes]:
    """The texts of whole items. Raises Odd where one has another form."""
    no_surprise(items)
    if len(items) > 2 * BLOCK and items.count(b"<") > BLOCK:  # one that is nothing but marks
        raise Odd
    if b"<phoneticPr" in items:
        items = _PHONETIC.sub(b"</t></si>", items)
    items = items.replace(_PRESERVED, _TEXT + _KEPT)
    nothing, *pieces = items.split(b"<")
    begins, texts, closes, ends = (pieces[place :: len(_MARKS)] for place in range(len(_MARKS)))
    number, (begin, opened, close, end) = len(ends), _MARKS
    if nothing or len(pieces) != len(_MARKS) * number or not all(map(bytes.startswith, texts, repeat(opened))):
        raise Odd
    if not begins.count(begin) == closes.count(close) == ends.count(end) == number:
        raise Odd
    texts = [text[len(opened) :] for text in texts]
    if _KEPT in items:
        texts = [text[1:] if text[:1] == _KEPT else text.strip(_BLANKS) for text in texts]
    else:
        texts = list(map(bytes.strip, texts, repeat(_BLANKS)))
    return [unescaped(text.decode()).encode() if b"&" in text else text for text in texts] if b"&" in items else texts

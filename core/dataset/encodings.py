"""Which encoding a text file is in, and how it is opened so that damaged bytes are found and named, never hidden."""

from __future__ import annotations

import codecs
import re
import sys
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import IO

import orjson

from core.dataset import oldencodings

_MEBIBYTE = 1 << 20
_SAMPLE = 1 << 18
BLOCK = 1 << 16  # bytes that are decoded at once: their text stays in the processor's cache
_HALVING = ("utf-7", "unicode_escape", "raw-unicode-escape")  # can give half of a pair of surrogates
_DAMAGED = 0xDC00  # a byte that cannot be decoded becomes this plus its value: a code point no good text can hold
_DAMAGE = re.compile("[\ud800-\udfff]")
_BOMS = (
    (codecs.BOM_UTF8, "utf-8-sig"),
    (codecs.BOM_UTF32_LE, "utf-32"),
    (codecs.BOM_UTF32_BE, "utf-32"),
    (codecs.BOM_UTF16_LE, "utf-16"),
    (codecs.BOM_UTF16_BE, "utf-16"),
)
# The encodings people meet, by the name to offer them; any codec that Python knows can be asked for.
OFFERED = ("utf-8", "gb18030", "big5", "utf-16", "cp1252", "shift_jis", "euc_kr")
_WIDER = {"gb2312": "gb18030", "gbk": "gb18030", "ascii": "utf-8", "iso8859-1": "cp1252", "euc_kr": "cp949"}
_SINGLE_BYTE = re.compile(r"cp12\d\d|iso8859|koi8|mac|cp\d{3}$")
_WESTERN_SHARE = 0.25
_NUL_SHARE = 0.2
_WHOLE, _PLACES = 1 << 26, 16  # bytes that are looked at one by one; places beyond them
_LONGEST = 4  # bytes of a character
_CONTINUATION = bytes(range(0x80, 0xC0))
_PLAIN = "[\t\r\n -~]"
_USUAL = "[\u00a1-\u00ff\u2010-\u2026\u3000-\u30ff\u4e00-\u9fff\uac00-\ud7a3\uff00-\uff5e]"
_FOREIGN = re.compile("[^\x00-\x7f]")


def detect(path: Path) -> str:
    """Python's name for the file's encoding: byte-order mark, NUL pattern, strict UTF-8, then statistics."""
    with path.open("rb") as file:
        head = file.read(_SAMPLE)
    for mark, marked in _BOMS:
        if head.startswith(mark):
            return marked
    if b"\0" in head and (name := _by_nul_pattern(head)):
        return name
    if _is_utf8(path):
        return "utf-8"
    odd = _odd_lines(path)
    # A few broken lines do not make a UTF-8 file something else: they are listed as damaged rows instead.
    if sum(_decodes(line, "utf-8") for line in odd) * 2 >= len(odd):
        return "utf-8"
    return oldencodings.among(odd) or _by_statistics(b"\n".join(odd))


def at_first_sight(path: Path) -> str | None:
    """The name of UTF-8 where a file begins in it, though the rest may be something else; None for any other."""
    with path.open("rb") as file:
        head = file.read(_SAMPLE)
    try:
        codecs.getincrementaldecoder("utf-8")().decode(head)  # a character may be cut at its end
    except UnicodeDecodeError:
        return None
    if b"\0" in head:
        return None
    return "utf-8-sig" if head.startswith(codecs.BOM_UTF8) else "utf-8"


def open_text(path: Path, encoding: str, newline: str) -> IO[str]:
    """Open for reading; bytes that cannot be decoded are marked, see `damage`."""
    return path.open("r", encoding=encoding, errors="luopan-mark", newline=newline)


def decoded(path: Path, encoding: str, span: tuple[int, int] | None = None) -> Iterator[tuple[str, bool]]:
    """The text of a file a block at a time, and whether all of it so far was sound; damage is marked, see `damage`.

    Only the bytes of the `span` where one is given.
    """
    start, end = span or (0, sys.maxsize)
    strict, marking = (codecs.getincrementaldecoder(encoding)(errors) for errors in ("strict", "luopan-mark"))
    decoder, sound = strict, codecs.lookup(encoding).name not in _HALVING
    with path.open("rb", buffering=0) as file:
        file.seek(start)
        while True:
            block, state = file.read(min(BLOCK, end - start)), decoder.getstate()
            start += len(block)
            try:
                text = decoder.decode(block, not block)
            except UnicodeDecodeError:
                marking.setstate(state)
                decoder, sound = marking, False
                text = decoder.decode(block, not block)
            if text:
                yield text, sound
            if not block:
                return


def damage(text: str) -> str:
    """The first damaged stretch of a text, its bytes in hexadecimal such as "FF FE"; empty for a sound text."""
    if text.isascii():
        return ""
    try:
        text.encode()
    except UnicodeEncodeError as error:
        stretch = text[error.start : error.start + 8]
        codes = [ord(c) for c in stretch if _DAMAGE.match(c)]
        return " ".join(f"{c - _DAMAGED:02X}" if _DAMAGED <= c <= _DAMAGED + 255 else f"U+{c:04X}" for c in codes)
    return ""


def visible(text: str) -> str:
    """A text that can be shown and stored: each damaged byte as the replacement character."""
    return _DAMAGE.sub("\ufffd", text).replace("\0", "\u2400")


def _mark(error: UnicodeError) -> tuple[str, int]:
    if not isinstance(error, UnicodeDecodeError):
        raise error
    return "".join(chr(_DAMAGED + byte) for byte in error.object[error.start : error.end]), error.end


codecs.register_error("luopan-mark", _mark)


def _by_nul_pattern(head: bytes) -> str | None:
    """UTF-16 without a mark: every other byte of ASCII is NUL; among Chinese, at least commas and line ends are."""
    if head.count(0) < _NUL_SHARE * len(head) and _decodes(head[: head.rfind(b"\n") + 1] or head, "utf-8"):
        return None
    readable: dict[str, int] = {}
    for name in ("utf-16-le", "utf-16-be"):
        even = head[: len(head) // 2 * 2]
        # At the end of the sample may stand half of a pair of surrogates.
        whole = even if _decodes(even, name) else even[:-2]
        if whole and _decodes(whole, name) and (text := whole.decode(name)) and re.search(_PLAIN, text):
            readable[name] = len(re.findall(_PLAIN, text)) + len(re.findall(_USUAL, text))
    return max(readable, key=lambda name: readable[name], default=None)


def _is_utf8(path: Path) -> bool:
    """Whether the whole file is UTF-8; of a very large one its beginning, and places all over the rest."""
    size, cut = path.stat().st_size, b""  # a character may be cut at the end of a block
    with path.open("rb") as file:
        try:
            for _ in range(_WHOLE // BLOCK):
                block = cut + file.read(BLOCK)
                end = max(0, len(block.rstrip(_CONTINUATION)) - 1)
                cut = block[end:]
                if len(cut) > _LONGEST or not _is_sound(block[:end]):
                    return False
            if size <= _WHOLE:
                cut.decode()
                return True
            for place in range(_WHOLE, size, max(_MEBIBYTE, (size - _WHOLE) // _PLACES)):
                file.seek(place)
                # A character may be cut at either end.
                codecs.getincrementaldecoder("utf-8")().decode(file.read(_MEBIBYTE).lstrip(_CONTINUATION))
        except UnicodeDecodeError:
            return False
    return True


def _is_sound(data: bytes) -> bool:
    """Whether bytes are UTF-8. What looks at JSON does that first, and tells in a fifth of the time of decoding."""
    try:
        orjson.loads(b"\0" + data)
    except orjson.JSONDecodeError as error:
        return error.msg.startswith("unexpected character") or _decodes(data, "utf-8")
    return _decodes(data, "utf-8")


def _odd_lines(path: Path) -> list[bytes]:
    """Lines with a byte outside ASCII, the first 256 KiB of them."""
    lines, size = [], 0
    with path.open("rb") as file:
        while size < _SAMPLE and file.tell() < _WHOLE and (line := file.readline(_MEBIBYTE)):
            if not line.isascii():
                lines.append(line.rstrip(b"\r\n"))
                size += len(line)
    return lines


def _decodes(data: bytes, encoding: str) -> bool:
    try:
        data.decode(encoding)
    except (UnicodeDecodeError, LookupError):
        return False
    return True


def _by_statistics(data: bytes) -> str:
    import chardet

    found = chardet.detect(data[:_SAMPLE])["encoding"]
    try:
        name = codecs.lookup(found or "gb18030").name
    except LookupError:
        name = "gb18030"
    # The wide ones were looked for at the file's beginning: here a mark stands in the middle of something else.
    name = "gb18030" if name.startswith(("utf-16", "utf-32")) else _WIDER.get(name, name)
    letters = sum(byte >= 128 or chr(byte).isalpha() for byte in data)
    high = sum(byte >= 128 for byte in data)
    # Few accents among Latin letters is Western Europe; Hebrew, Greek or Cyrillic would be mostly high bytes.
    if _SINGLE_BYTE.match(name) and high < _WESTERN_SHARE * letters and _decodes(data, "cp1252"):
        return "cp1252"
    return name


def readings(path: Path, names: Iterable[str]) -> dict[str, str]:
    """How the first stretch outside ASCII reads in each of these encodings; empty for those it does not fit."""
    with path.open("rb") as file:
        head = file.read(_SAMPLE)
    lines = [line for line in head.splitlines() if not line.isascii()][:5]
    found: dict[str, str] = {}
    for name in filter(None, names):
        wide = codecs.lookup(name).name.startswith(("utf-16", "utf-32"))
        text = head[: len(head) // 4 * 4].decode(name, "ignore") if wide else ""
        try:
            text = text or b"\n".join(lines).decode(name)
        except (UnicodeDecodeError, LookupError):
            text = ""
        start = _FOREIGN.search(text)
        found[name] = text[start.start() :][:80] if start and not (wide and b"\0" not in head) else ""
    return found

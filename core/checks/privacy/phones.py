"""Phone numbers: China's mobiles and landlines, North America's, Britain's and France's, any with its country code,
and any that the words before it announce. Service numbers (400, 800) belong to no person and are left alone."""

from __future__ import annotations

import re
from collections.abc import Iterator

from core.checks.privacy.context import is_thing, of_phone
from core.checks.privacy.values import Span

_LEFT, _RIGHT = r"(?<![0-9_*])(?<![0-9][.,-])", r"(?![0-9A-Za-z_*])(?![.,-][0-9])"
_MOBILE = r"1(?:3[0-9]|4[014-9]|5[0-35-9]|6[2567]|7[0-8]|8[0-9]|9[0-35-9])[ -]?[0-9]{4}[ -]?[0-9]{4}"
_AREA = r"(?:10|2[0-57-9]|[3-9][0-9]{2})"
_CHINA = re.compile(_LEFT + r"(?:[(（]?(?:\+|00)?86[)）]?[ -]?)?" + _MOBILE + _RIGHT)
_LANDLINE = re.compile(
    _LEFT
    + r"(?:[(（]0"
    + _AREA
    + r"[)）][ -]?|(?:\+86[ -]?0?|0)"
    + _AREA
    + r"[ -])[2-8][0-9]{2,3}[ -]?[0-9]{4}"
    + _RIGHT
)
_NORTH_AMERICA = re.compile(
    _LEFT
    + r"(?P<code>\+?1[-. ]?)?(?:\((?P<a>[2-9][0-9]{2})\)[ -]?|(?P<b>[2-9][0-9]{2})(?P<s>[-. ]))"
    + r"(?P<x>[2-9][0-9]{2})(?(s)(?P=s)|[-. ])[0-9]{4}"
    + _RIGHT
)
_BRITAIN = re.compile(
    _LEFT
    + r"0(?:7[0-9]{3} ?[0-9]{3} ?[0-9]{3}|20 [378][0-9]{3} [0-9]{4}|1[0-9]{2,3} [0-9]{3} [0-9]{4}|1[0-9]{3} [0-9]{6})"
    + _RIGHT
)
_FRANCE = re.compile(_LEFT + r"0[67](?P<s>[ .-])[0-9]{2}(?:(?P=s)[0-9]{2}){3}" + _RIGHT)
_WORLD = re.compile(
    r"(?<![0-9A-Za-z_*)])(?:\+|(?<![0-9][ -])00)(?=[1-9])[0-9]{1,3}(?:[ .\-/]?\(0\)|[ .\-/()]{0,2})"
    r"[0-9](?:[ .\-/()]{0,2}[0-9]){5,12}" + _RIGHT
)
_ANNOUNCED = re.compile(_LEFT + r"\(?[0-9](?:[ .\-/()]{0,2}[0-9]){6,14}" + _RIGHT)
_DAY = re.compile(
    r"(?:19|20)[0-9]{2}[-/.](?:0?[1-9]|1[0-2])[-/.](?:[0-2]?[0-9]|3[01])"
    r"|[0-3]?[0-9][-/.][0-3]?[0-9][-/.](?:19|20)[0-9]{2}"
)
_FREE = ("800", "888", "877", "866", "855", "844", "833", "400")
_COUNTRIES = re.compile(
    r"7|2[07]|3[0-469]|4[013-9]|5[1-8]|6[0-6]|8[1246]|9[0-58]|2[1-689][0-9]|3[578][0-9]|42[0-9]|5[09][0-9]|6[789][0-9]"
    r"|8[058][0-9]|9[679][0-9]"
)


def phones(text: str) -> Iterator[Span]:
    """The phone numbers in a text; some may overlap."""
    for pattern in (_CHINA, _BRITAIN, _FRANCE, _LANDLINE):
        for match in pattern.finditer(text):
            if _stands(text, *match.span()):
                yield Span("phone", *match.span())
    for match in _NORTH_AMERICA.finditer(text):
        area, start = match["a"] or match["b"], match.start()
        spoken = match["s"] == " " and not match["code"]  # 212 555 0123 may be three numbers
        if area in _FREE or area[1:] == "11" or match["x"][1:] == "11" or (spoken and not of_phone(text, start)):
            continue
        if _stands(text, *match.span()):
            yield Span("phone", *match.span())
    if "+" in text or "00" in text:
        for match in _WORLD.finditer(text):
            if _known_country(match[0]) and _stands(text, *match.span()):
                yield Span("phone", *match.span())
    for match in _ANNOUNCED.finditer(text):
        start, end = match.span()
        if of_phone(text, start) and not _DAY.match(match[0]) and not is_thing(text, start, end):
            digits = re.sub("[^0-9]", "", match[0])
            if len(digits) <= 15 and not digits.startswith(_FREE) and len(set(digits)) > 1:
                yield Span("phone", start, end)


def _stands(text: str, start: int, end: int) -> bool:
    """Whether it stands for itself: no part of a name, no order, no price."""
    if start and text[start - 1].isascii() and text[start - 1].isalpha():
        return of_phone(text, start)
    return not is_thing(text, start, end)


def _known_country(number: str) -> bool:
    digits = re.sub("[^0-9]", "", number.replace("(0)", ""))
    if number.startswith("00"):
        digits = digits[2:]
    if digits.startswith("1"):
        return len(digits) == 11 and digits[1] in "23456789" and digits[4] in "23456789" and digits[1:4] not in _FREE
    if digits.startswith("86"):
        return len(digits) in (12, 13)
    country = _COUNTRIES.match(digits)
    return country is not None and 8 <= len(digits) <= 15 and not digits.endswith("00000")

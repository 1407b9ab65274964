"""Numbers with a check digit or a strict shape: resident identity cards, bank cards, IBAN, social security, IP."""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import date
from functools import cache
from ipaddress import AddressValueError, IPv6Address

from core.checks.privacy.context import is_thing, of_address, of_card, of_identity, of_social_security, of_version
from core.checks.privacy.values import Span

_LEFT, _RIGHT = r"(?<![0-9A-Za-z_*])(?<![0-9][.,-])", r"(?![0-9A-Za-z_*])(?![.,-][0-9])"
_PROVINCES = frozenset(
    "11 12 13 14 15 21 22 23 31 32 33 34 35 36 37 41 42 43 44 45 46 50 51 52 53 54 61 62 63 64 65 71 81 82 83".split()  # noqa: SIM905
)
_RESIDENT = re.compile(
    _LEFT + r"([1-9][0-9]{5})([ -]?)((?:18|19|20)[0-9]{2}[01][0-9][0-3][0-9])\2([0-9]{3}[0-9Xx])" + _RIGHT
)
_OLD_RESIDENT = re.compile(_LEFT + r"[1-9][0-9]{5}([0-9]{6})[0-9]{3}" + _RIGHT)
_WEIGHTS = (7, 9, 10, 5, 8, 4, 2, 1, 6, 3, 7, 9, 10, 5, 8, 4, 2)
_CARD = re.compile(
    _LEFT
    + r"(?:[0-9]{13,19}|[0-9]{4}([ -])[0-9]{4}\1[0-9]{4}\1[0-9]{1,4}(?:\1[0-9]{1,3})?"
    + r"|3[47][0-9]{2}([ -])[0-9]{6}\2[0-9]{5}"
    + r"|3[0689][0-9]{2}([ -])[0-9]{6}\3[0-9]{4})"
    + _RIGHT
)
_IBAN = re.compile(r"(?<![0-9A-Za-z])[A-Z]{2}[0-9]{2}(?=[ -]?[A-Z0-9]{4})")
_IBAN_LENGTHS = {
    name: int(length)
    for name, length in re.findall(
        r"([A-Z]{2})(\d\d)",
        "AD24AE23AL28AT20AZ28BA20BE16BG22BH22BI27BR29BY28CH21CR22CY28CZ24DE22DJ27DK18DO28EE20EG29ES24FI18FK18FO18FR27"
        "GB22GE22GI23GL18GR27GT28HR21HU28IE22IL23IQ23IS26IT27JO30KW30KZ20LB28LC32LI21LT20LU20LV21LY25MC27MD24ME22MK19"
        "MN20MR27MT31MU30NI28NL18NO15OM23PK24PL28PS29PT25QA29RO24RS22RU33SA24SC31SD18SE24SI19SK24SM27SO23ST25SV28TL23"
        "TN24TR26UA29VA22VG24XK20",
    )
}
_SSN = re.compile(
    _LEFT + r"(?!000|666|9)[0-9]{3}(-|[ ]|)(?!00)[0-9]{2}\1(?!0000)[0-9]{4}" + _RIGHT
)  # shape: the rules of the Social Security Administration
_IPV4 = re.compile(r"(?:(?<![0-9A-Za-z_.*-])|(?<=[Ii][Pp]))(?:[0-9]{1,3}\.){3}[0-9]{1,3}(?![0-9A-Za-z_*])(?!\.[0-9])")
_IPV6 = re.compile(r"(?<![0-9A-Za-z_:.*])(?:[0-9A-Fa-f]{1,4}|:)(?::[0-9A-Fa-f]{0,4}){2,7}(?![0-9A-Za-z_:*])")


def luhn(digits: str) -> bool:
    """Whether the last digit is the check digit of a card number (ISO/IEC 7812-1)."""
    total = sum(int(digit) for digit in digits[-1::-2])
    total += sum((0, 2, 4, 6, 8, 1, 3, 5, 7, 9)[int(digit)] for digit in digits[-2::-2])
    return total % 10 == 0


def mod97(account: str) -> bool:
    """Whether the check digits of an IBAN are right (ISO 13616)."""
    turned = account[4:] + account[:4]
    return int("".join(str(int(sign, 36)) for sign in turned)) % 97 == 1


def resident_digit(first17: str) -> str:
    """The 18th sign of a Chinese resident's identity number (GB 11643-1999)."""
    return "10X98765432"[sum(int(digit) * weight for digit, weight in zip(first17, _WEIGHTS, strict=True)) % 11]


@cache
def _is_day(text: str) -> bool:
    try:
        return date(1850, 1, 1) <= date(int(text[:4]), int(text[4:6]), int(text[6:])) <= date.today()
    except ValueError:
        return False


def residents(text: str) -> Iterator[Span]:
    """Identity numbers of Chinese residents: province, day of birth and check digit are right."""
    for match in _RESIDENT.finditer(text):
        digits = (match[1] + match[3] + match[4]).upper()
        if digits[:2] in _PROVINCES and _is_day(match[3]) and resident_digit(digits[:17]) == digits[17]:
            yield Span("cn_id", *match.span())
    for match in _OLD_RESIDENT.finditer(text):  # 15 digits have no check digit: the words before must announce it
        if match[0][:2] in _PROVINCES and _is_day("19" + match[1]) and of_identity(text, match.start()):
            yield Span("cn_id", *match.span())


def _issuer(digits: str) -> bool:
    """Whether a number of this beginning and length is handed out by a card scheme (ISO/IEC 7812 ranges)."""
    length, four = len(digits), int(digits[:4])
    if digits[0] == "4":
        return length in (13, 16, 19)
    if 5100 <= four <= 5599 or 2221 <= four <= 2720:
        return length == 16
    if digits[:2] in ("34", "37"):
        return length == 15
    if digits[:2] in ("36", "38", "39") or 3000 <= four <= 3059:
        return length == 14
    if digits[:2] == "62":
        return length in (16, 19)
    return length in (16, 19) and (four == 6011 or 6440 <= four <= 6599 or 3528 <= four <= 3589)


def cards(text: str) -> Iterator[Span]:
    """Numbers of bank cards: of a scheme's range, or announced by words; the check digit is right."""
    for match in _CARD.finditer(text):
        digits = re.sub(r"[ -]", "", match[0])
        if not 13 <= len(digits) <= 19 or len(set(digits)) < 2 or not luhn(digits):
            continue
        start, end = match.span()
        if of_card(text, start) or (_issuer(digits) and not is_thing(text, start, end)):
            yield Span("card", start, end)


def ibans(text: str) -> Iterator[Span]:
    """International bank account numbers: the country's length, and right check digits."""
    for match in _IBAN.finditer(text):
        wanted = _IBAN_LENGTHS.get(match[0][:2], 0)
        end, signs = _signs(text, match.start(), wanted)
        if wanted and len(signs) == wanted and mod97(signs) and not re.match("[0-9A-Za-z]", text[end : end + 1]):
            yield Span("iban", match.start(), end)


def _signs(text: str, start: int, wanted: int) -> tuple[int, str]:
    """The first `wanted` capital letters and digits from a place on, single spaces or hyphens left out; their end."""
    at, signs = start, ""
    while len(signs) < wanted and at < len(text):
        sign = text[at]
        if sign.isascii() and (sign.isdigit() or sign.isupper()):
            signs += sign
        elif sign not in " -" or text[at - 1] in " -":
            break
        at += 1
    return at, signs


def social_security(text: str) -> Iterator[Span]:
    """US social security numbers: written 123-45-6789, or announced by words."""
    for match in _SSN.finditer(text):
        start, end = match.span()
        if of_social_security(text, start) or (match[1] == "-" and not is_thing(text, start, end)):
            yield Span("ssn", start, end)


def addresses(text: str) -> Iterator[Span]:
    """IP addresses of computers: no version, no section number, not this computer itself, no network mask."""
    if text.count(".") >= 3:
        for match in _IPV4.finditer(text):
            parts = [int(part) for part in match[0].split(".")]
            written = all(part == "0" or part[0] != "0" for part in match[0].split("."))
            if max(parts) > 255 or not written or parts[0] in (0, 127, 255):
                continue
            start = match.start()
            if (max(parts) > 9 or of_address(text, start)) and not of_version(text, start):
                yield Span("ip", start, match.end())
    if text.count(":") >= 2:
        for match in _IPV6.finditer(text):
            if any(sign.isdigit() for sign in match[0]) and match[0].strip(":1") and _is_ipv6(match[0]):
                yield Span("ip", *match.span())


def _is_ipv6(text: str) -> bool:
    if len(re.findall("[0-9A-Fa-f]+", text)) < 3:
        return False
    try:
        IPv6Address(text)
    except AddressValueError:
        return False
    return True

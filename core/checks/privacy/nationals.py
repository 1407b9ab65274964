"""Identity numbers of other countries and regions that carry a check sign: each by the rule of its office."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator

from core.checks.privacy.context import is_thing
from core.checks.privacy.values import Span

_LEFT, _RIGHT = r"(?<![0-9A-Za-z_*])(?<![0-9][.,-])", r"(?![0-9A-Za-z_*])(?![.,-][0-9])"
_ODD_SIGNS = dict(zip("0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ", (1, 0, 5, 7, 9, 13, 15, 17, 19, 21, 1, 0, 5, 7, 9, 13, 15,
                  17, 19, 21, 2, 4, 18, 20, 11, 3, 6, 8, 12, 14, 16, 10, 22, 25, 24, 23), strict=True))  # fmt: skip


def _spain(number: str) -> bool:
    """DNI and NIE: the letter is the number modulo 23."""
    digits = str("XYZ".find(number[0])) + number[1:-1] if number[0] in "XYZ" else number[:-1]
    return "TRWAGMYFPDXBNJZSQVHLCKE"[int(digits) % 23] == number[-1]


def _italy(number: str) -> bool:
    """Codice fiscale: signs at odd places by a table, at even places by their value."""
    total = sum(_ODD_SIGNS[sign] for sign in number[0:15:2])
    total += sum(int(sign) if sign.isdigit() else ord(sign) - 65 for sign in number[1:15:2])
    return chr(65 + total % 26) == number[15]


def _france(number: str) -> bool:
    """NIR: the last two digits are 97 less the rest modulo 97 (2A and 2B of Corsica count as 19 and 18)."""
    digits = number.replace("2A", "19").replace("2B", "18")
    return 97 - int(digits[:13]) % 97 == int(digits[13:])


def _britain(number: str) -> bool:
    """National insurance number: no check sign, but prefixes that are never given out."""
    return number[:2] not in ("BG", "GB", "KN", "NK", "NT", "TN", "ZZ")


def _hong_kong(number: str) -> bool:
    """Hong Kong's identity card: weights 9 to 1 modulo 11, a missing first letter counts 36."""
    signs = f"{number:>9}"
    values = [36 if sign == " " else 10 + ord(sign) - 65 if sign.isalpha() else int(sign) for sign in signs[:8]]
    rest = (11 - sum(value * weight for value, weight in zip(values, range(9, 1, -1), strict=True)) % 11) % 11
    return "0123456789A"[rest] == number[-1]


def _taiwan(number: str) -> bool:
    """Taiwan's identity card: the letter counts as two digits, weights 1 and 9 to 1 modulo 10."""
    letter = "ABCDEFGHJKLMNPQRSTUVXYWZIO".index(number[0]) + 10
    digits = [letter // 10, letter % 10, *map(int, number[1:])]
    return (
        sum(digit * weight for digit, weight in zip(digits, (1, 9, 8, 7, 6, 5, 4, 3, 2, 1, 1), strict=True)) % 10 == 0
    )


_RULES: tuple[tuple[re.Pattern[str], Callable[[str], bool]], ...] = (
    (re.compile(_LEFT + r"(?:[0-9]{8}|[XYZ][0-9]{7})-?[TRWAGMYFPDXBNJZSQVHLCKE]" + _RIGHT), _spain),
    (re.compile(_LEFT + r"[A-Z]{6}[0-9]{2}[ABCDEHLMPRST][0-9]{2}[A-Z][0-9]{3}[A-Z]" + _RIGHT), _italy),
    (
        re.compile(
            _LEFT + r"[12] ?[0-9]{2} ?(?:0[1-9]|1[0-2]) ?(?:[0-9]{2}|2[AB]) ?[0-9]{3} ?[0-9]{3} ?[0-9]{2}" + _RIGHT
        ),
        _france,
    ),
    (
        re.compile(_LEFT + r"[A-CEGHJ-PR-TW-Z][A-CEGHJ-NPR-TW-Z] ?[0-9]{2} ?[0-9]{2} ?[0-9]{2} ?[A-D]" + _RIGHT),
        _britain,
    ),
    (re.compile(r"(?<![0-9A-Za-z])[A-Z]{1,2}[0-9]{6}\([0-9A]\)"), _hong_kong),
    (re.compile(_LEFT + r"[A-Z][1289][0-9]{8}" + _RIGHT), _taiwan),
)


def nationals(text: str) -> Iterator[Span]:
    """Identity numbers whose check sign is right."""
    for pattern, is_right in _RULES:
        for match in pattern.finditer(text):
            if is_right(re.sub(r"[ ()-]", "", match[0])) and not is_thing(text, *match.span()):
                yield Span("national_id", *match.span())

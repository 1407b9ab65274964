"""What stands in place of a find: its kind, a part of it, or a number that is the same for the same value."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Collection, Iterable
from enum import StrEnum

from core.checks.privacy.scanning import scan
from core.checks.privacy.scripts import is_chinese
from core.checks.privacy.values import PERSONAL, WIDE, Span

_ROUNDS = 12
_OWN_COUNTRY = re.compile(r"[(（]?(?:\+|00)?86[)）]?[ -]?(?=1[0-9 -]{10,12}\Z)")
# What a mask calls the kind, in an English and in a Chinese text: words of the data, not of the screen.
WORDS = {
    "private_key": ("private key", "私钥"),
    "jwt": ("token", "令牌"),
    "github_token": ("GitHub token", "GitHub 令牌"),
    "aws_key": ("AWS key", "AWS 密钥"),
    "api_key": ("API key", "API 密钥"),
    "password": ("password", "密码"),
    "email": ("e-mail", "邮箱"),
    "iban": ("bank account", "银行账号"),
    "cn_id": ("ID number", "身份证号"),
    "card": ("card number", "银行卡号"),
    "ssn": ("SSN", "社会安全号"),
    "national_id": ("ID number", "证件号"),
    "phone": ("phone", "电话"),
    "ip": ("IP address", "IP 地址"),
}


class Style(StrEnum):
    """How a find is masked."""

    KIND = "kind"
    PARTLY = "partly"
    NUMBERED = "numbered"


class Book:
    """Which number each masked value of a dataset has. It holds keyed hashes, never a value."""

    def __init__(self, salt: bytes = b"", known: Iterable[tuple[str, str, int]] = ()) -> None:
        self._salt = salt
        self._numbers = {(kind, digest): number for kind, digest, number in known}
        self._last: dict[str, int] = {}
        for (kind, _digest), number in self._numbers.items():
            self._last[kind] = max(number, self._last.get(kind, 0))
        self.added: list[tuple[str, str, int]] = []

    def number(self, kind: str, value: str) -> int:
        """The number of a value: 1 for the first of its kind, the same whenever the same value comes again."""
        plain = _plain(kind, value).encode("utf-8", "surrogatepass")
        key = (kind, hashlib.blake2b(plain, digest_size=16, key=self._salt, person=b"luopan-mask").hexdigest())
        if key not in self._numbers:
            self._last[kind] = self._numbers[key] = self._last.get(kind, 0) + 1
            self.added.append((*key, self._last[kind]))
        return self._numbers[key]


def masked(text: str, kinds: Collection[str] = PERSONAL, style: Style = Style.KIND, book: Book | None = None) -> str:
    """The text with every find of these kinds masked; nothing of these kinds can be found in it afterwards."""
    book, chinese = book or Book(), None
    for turn in range(_ROUNDS):
        spans = [span for span in scan(text) if span.kind in kinds]
        if not spans:
            break
        chinese = is_chinese(text) if chinese is None else chinese
        how = style if turn < _ROUNDS - 2 else Style.KIND
        pieces, at = [], 0
        for span in spans:
            pieces += [text[at : span.start], _mask(span, text, how, chinese, book)]
            at = span.end
        text = "".join([*pieces, text[at:]])
    return text


def _mask(span: Span, text: str, style: Style, chinese: bool, book: Book) -> str:
    value = text[span.start : span.end]
    if style is Style.PARTLY and span.kind != "private_key":
        return half(span.kind, value)
    word = WORDS[span.kind][chinese]
    return f"[{word} {book.number(span.kind, value)}]" if style is Style.NUMBERED else f"[{word}]"


def half(kind: str, value: str) -> str:
    """A find as it may be shown: enough to recognise it by, too little to use it."""
    if kind in ("email", "ip"):
        value = value.translate(WIDE)
    if kind == "email":
        local, _at, domain = value.rpartition("@")
        return f"{local[:1]}***@{domain}"
    if kind == "ip":
        sign = "." if "." in value else ":"
        parts = value.split(sign)
        return sign.join([*parts[:2], *["*"] * (len(parts) - 2)])
    if kind == "phone" and (country := _OWN_COUNTRY.match(value)):
        return country[0] + half(kind, value[country.end() :])
    if kind in ("phone", "ssn", "card", "cn_id", "iban", "national_id"):
        return _starred(value, {"phone": (3, 4), "cn_id": (6, 4), "iban": (2, 4)}.get(kind, (0, 4)))
    if kind == "password":
        return "***"
    if kind == "private_key":
        return "-----BEGIN PRIVATE KEY----- ***"
    return f"{value[:4]}***{value[-2:]}" if len(value) >= 16 else "***"


def _starred(value: str, shown: tuple[int, int]) -> str:
    """Digits and letters starred, but for the first and the last few; signs between them stay."""
    places = [at for at, sign in enumerate(value) if sign.isalnum()]
    first, last = shown if len(places) >= sum(shown) + 4 else (0, min(2, len(places) // 3))
    hidden = set(places[first : len(places) - last])
    return "".join("*" if at in hidden else sign for at, sign in enumerate(value))


def _plain(kind: str, value: str) -> str:
    """A value without what does not change it: separators, the own country's code, capitals."""
    value = value.translate(WIDE)
    if kind == "phone":
        return re.sub(r"^(?:\+86|0086|86)(?=1[0-9]{10}$)|^\+1(?=[2-9][0-9]{9}$)", "", re.sub(r"[^0-9+]", "", value))
    if kind in ("card", "ssn", "cn_id", "iban", "national_id"):
        return re.sub(r"[^0-9A-Za-z]", "", value).upper()
    return value.lower() if kind == "email" else value

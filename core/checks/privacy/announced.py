"""What only the words before it make personal: accounts, passports, licences, tax numbers, passwords.

Such values have no check digit that all issuers share, so it is their name that tells them; a mistyped card number that
is called one is found as well.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import NamedTuple

from core.checks.privacy.values import Span

# One of these stands, in small letters, in every text with a password: the quick look before the slow one.
PASSWORDS = ("pass", "pwd", "密码", "口令", "://")
_LINK = (
    r"(?:\s|[:：#＃№=\"“'‘]|[(（\[](?=[0-9A-Z])|-(?=\s)|(?:numbers?|nos?|num|id|code|is|was|are)(?![A-Za-z])\.?"
    r"|号码|编号|号|码|是|为)*"
)
_START, _END = r"(?<![A-Za-z])", r"(?![0-9A-Za-z_*])(?![.,-][0-9])"
_DATE = re.compile(
    r"(?:19|20)[0-9]{2}(?: ?- ?(?:19|20)[0-9]{2}|[-./]?(?:0[1-9]|1[0-2])[-./]?(?:0[1-9]|[12][0-9]|3[01]))(?:\D|\Z)"
)  # a day, or two years


class _Rule(NamedTuple):
    """A kind, what stands in small letters in every text with it, its pattern, and the digits that it has at least."""

    kind: str
    stems: tuple[str, ...]
    pattern: re.Pattern[str]
    fewest: int


def _rule(kind: str, stems: str, words: str, value: str, fewest: int) -> _Rule:
    return _Rule(kind, tuple(stems.split()), re.compile(f"(?:{words}){_LINK}(?-i:({value})){_END}", re.I), fewest)


def _digits(least: int, most: int, between: str = " -") -> str:
    return rf"[0-9](?:[{between}]?[0-9]){{{least - 1},{most - 1}}}"


_RULES = (
    _rule("card", "card 卡", _START + r"card|(?:银行|储蓄|信用|借记|工资)卡|卡号", _digits(13, 19), 13),
    _rule("iban", "acc a/c", _START + r"(?:account|acct|a/c)(?![A-Za-z])", _digits(8, 20), 8),
    _rule("iban", "账 帐 户头", r"[账帐][号户]|户头", _digits(12, 25), 12),
    _rule("iban", "routing transit aba", _START + r"(?:routing|transit|aba)(?![A-Za-z])", _digits(9, 9, ""), 9),
    _rule("iban", "sort", _START + r"sort ?code", r"[0-9]{2}[ -]?[0-9]{2}[ -]?[0-9]{2}", 6),
    _rule("cn_id", "证 驾照 card", r"身份证?|证件|驾驶证|驾照|identity card|id card",
          r"[1-9][0-9]{5}[ -]?(?:19|20)[0-9]{2}[01][0-9][0-3][0-9][ -]?[0-9]{3}[0-9Xx]", 17),
    _rule("national_id", "passport licen 护照 证 驾照 社保 医保",
          _START + r"(?:passport|licen[cs]e)|护照|通行证|驾驶证|驾照|社保卡?|医保卡?|军官证|居住证",
          r"[A-Z]{0,2}[0-9](?:-?[A-Z0-9]){5,17}", 5),
    _rule("national_id", "insurance tax steuer nummer national medicare aadhaar sin tin tfn bsn cpf cpr ahv nhs pesel",
          _START + r"(?:social insurance|tax(?:payer)?(?: file| identification)?(?= ?(?:id|no|number))"
          r"|steuer-?(?:id|nummer)|personnummer|rijksregisternummer|registre national|burgerservicenummer|medicare"
          r"|aadhaar|(?-i:SIN|TIN|TFN|BSN|CPF|CPR|AHV|NHS|PESEL))", _digits(8, 14, " ./-"), 8),
)  # fmt: skip
_PASSWORD = re.compile(
    r"(?:" + _START + r"(?:password|passwd|passphrase|passcode|pwd|pass(?=[\"']?\s?[:=：]))(?![A-Za-z])|密码|口令)"
    r"(?P<link>[\"']?\s*(?:[:=：]|(?:is|was)(?=\s)|是|为)\s*[\"'“‘`]?|\s|(?<=[码令]))"
    r"(?P<value>[\x21-\x7e]{6,64})",
    re.IGNORECASE,
)
_PLACEHOLDERS = "${<[*(%"  # a variable stands there, or a mask
_IN_ADDRESS = re.compile(r"://[^\s:/@]{1,64}:([^\s/@]{4,64})@[A-Za-z0-9]")


def announced(text: str) -> Iterator[Span]:
    """Numbers of accounts, cards, passports, licences and the like that are called so."""
    small = text.lower()
    for rule in _RULES:
        if any(stem in small for stem in rule.stems):
            for match in rule.pattern.finditer(text):
                value = match[1]
                if sum(map(str.isdigit, value)) >= rule.fewest and len(set(value)) > 2 and not _DATE.match(value):
                    yield Span(rule.kind, *match.span(1))


def passwords(text: str) -> Iterator[Span]:
    """Passwords behind the word or within an address; a password without a digit cannot be told from a sentence."""
    for match in _PASSWORD.finditer(text):
        value = match["value"].rstrip(".,;:)]}\"'`")
        if len(value) >= 6 and _is_password(value, bool(match["link"].strip())):
            start = match.start("value")
            yield Span("password", start, start + len(value))
    for match in _IN_ADDRESS.finditer(text):
        if any(map(str.isdigit, match[1])) and match[1][0] not in _PLACEHOLDERS:
            yield Span("password", *match.span(1))


def _is_password(value: str, is_linked: bool) -> bool:
    if value[0] in _PLACEHOLDERS or "(" in value or "[" in value or "://" in value or _DATE.match(value):
        return False
    has_digit, has_letter = any(map(str.isdigit, value)), any(map(str.isalpha, value))
    if not has_letter:
        return is_linked and value.isdigit()
    return has_digit and len(set(value)) > 3 and (is_linked or len(value) >= 7)

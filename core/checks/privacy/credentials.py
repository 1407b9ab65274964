"""Secrets that open something: private keys, tokens of web services, API keys. And e-mail addresses."""

from __future__ import annotations

import base64
import re
from collections.abc import Iterator

import orjson

from core.checks.privacy.values import Span

# One of these stands in every text that holds a secret: the quick look before the slow one.
SIGNS = (
    *("-----BEGIN", "eyJ", "ghp_", "gho_", "ghu_", "ghs_", "ghr_", "github_pat_", "AKIA", "ASIA", "AKID", "LTAI"),
    *("sk-", "sk_live_", "sk_test_", "rk_live_", "AIza", "xox", "glpat-", "hf_", "aws", "AWS"),
    *("SG.", "gsk_", "npm_", "pypi-", "whsec_", "GOCSPX-", "ya29.", "xai-", ":AA", "hooks.slack.com"),
)
WORDS = ("key", "secret", "token", "密钥", "令牌")
_L, _R = r"(?<![A-Za-z0-9_])", r"(?![A-Za-z0-9_])"
_JWT = re.compile(_L + r"(eyJ[A-Za-z0-9_-]{8,})\.eyJ[A-Za-z0-9_-]{4,}\.[A-Za-z0-9_-]*")
_SHAPES = (
    ("github_token", re.compile(_L + r"(?:gh[pousr]_[A-Za-z0-9]{36,251}|github_pat_[A-Za-z0-9_]{22,251})" + _R)),
    ("aws_key", re.compile(_L + r"(?:AKIA|ASIA|ABIA|ACCA)[A-Z0-9]{16}" + _R)),
    (
        "api_key",
        re.compile(
            _L + r"(?:sk-[A-Za-z0-9_-]{20,250}|[sr]k_(?:live|test)_[A-Za-z0-9]{16,250}|AIza[A-Za-z0-9_-]{35}"
            r"|xox[abeprs]-[A-Za-z0-9-]{10,250}|glpat-[A-Za-z0-9_-]{20,250}|LTAI[A-Za-z0-9]{12,26}"
            r"|AKID[A-Za-z0-9]{28,40}|SG\.[A-Za-z0-9_-]{16,40}\.[A-Za-z0-9_-]{30,60}|gsk_[A-Za-z0-9]{40,80}"
            r"|npm_[A-Za-z0-9]{36}|pypi-[A-Za-z0-9_-]{50,250}|whsec_[A-Za-z0-9+/=]{24,100}|GOCSPX-[A-Za-z0-9_-]{20,60}"
            r"|ya29\.[A-Za-z0-9_-]{30,250}|xai-[A-Za-z0-9]{40,100}|[0-9]{8,10}:AA[A-Za-z0-9_-]{32,33})(?![A-Za-z0-9_-])"
        ),
    ),
    ("api_key", re.compile(r"https://hooks\.slack\.com/services/[A-Za-z0-9]+/[A-Za-z0-9]+/[A-Za-z0-9]{16,40}")),
)
HUGGING = "hf_"
_HUGGING = re.compile(_L + r"hf_[A-Za-z0-9]{30,250}" + _R)
_ZHIPU = re.compile(_L + r"[0-9a-f]{32}\.[A-Za-z0-9]{16}" + _R)
_AWS_SECRET = re.compile(
    r"(?:aws|amazon)[\w .:-]{0,20}?(?:secret|key)[\w \"'.-]{0,24}?[:=：]\s*[\"']?([A-Za-z0-9/+]{40})(?![A-Za-z0-9/+=])",
    re.IGNORECASE,
)
_NAMED = re.compile(
    r"(?:(?:api|app|access|secret|auth|private|client|subscription|account|license|master)[ _-]?(?:key|secret|token)"
    r"|(?<![A-Za-z])(?:secret|token)|密钥|令牌)"
    r"[\"']?(?:\s*(?:[:=：]|是|为|is)\s*|\s+)(?:bearer\s+)?[\"'“]?([A-Za-z0-9_\-.]{16,250})",
    re.IGNORECASE,
)
_BEGIN = re.compile(r"-----BEGIN (?:[A-Z0-9]{1,12} ){0,3}PRIVATE KEY(?: BLOCK)?-----")
_END = re.compile(r"-----END (?:[A-Z0-9]{1,12} ){0,3}PRIVATE KEY(?: BLOCK)?-----")
_KEY_LINES = re.compile(r"(?:[A-Za-z0-9+/=]{16,}|\s|\\[nr])+")
_BASE64 = re.compile(r"[A-Za-z0-9+/]{16}")
_SIGN = r"[A-Za-z0-9_%+\u00c0-\u024f-]"  # of the part before the @
_LOCAL = re.compile(rf"{_SIGN}+(?:[.'’]{_SIGN}+)*\Z")
_SPELT = re.compile(  # ann [at] example [dot] com; ann at example dot com; ann#example.com beside the word mail
    r"(?<![A-Za-z0-9._+-])[A-Za-z0-9][A-Za-z0-9._+-]{0,63}"
    r"(?:\s?[\[({<]\s?(?:at|@)\s?[\])}>]\s?|(?P<plain>\sat\s)|(?P<hash>#))[A-Za-z0-9-]{1,63}"
    r"(?:(?:\s?[\[({<]\s?(?:dot|\.)\s?[\])}>]\s?|(?P<dot>\sdot\s)|\.)[A-Za-z0-9-]{1,63}){0,3}?"
    r"(?:\s?[\[({<]\s?(?:dot|\.)\s?[\])}>]\s?|(?P<last>\sdot\s)|\.)(?:com|net|org|edu|cn|uk|de|fr|es|it|io|co|eu|au|ca)"
    r"(?![A-Za-z0-9])",
    re.IGNORECASE,
)
_MAIL = re.compile(r"邮|mail", re.IGNORECASE)
SPELT = ("[at]", "(at)", "[@]", "(@)", " dot ", "#")  # in small letters
_DOMAIN = re.compile(
    r"(?:[A-Za-z0-9](?:[A-Za-z0-9-]{0,61}[A-Za-z0-9])?\.)+([A-Za-z]{2,24})(?![A-Za-z0-9_-])(?!\.[A-Za-z0-9])"
)
_FILES = frozenset(
    (
        *("png", "jpg", "jpeg", "gif", "svg", "webp", "ico", "bmp", "js", "ts", "css", "html", "json", "py", "md"),
        *("txt", "pdf", "zip", "gz", "mp3", "mp4", "yml", "yaml", "xml"),
    )
)


def credentials(text: str) -> Iterator[Span]:
    """Keys and tokens in a text that the quick look did not rule out."""
    yield from _private_keys(text)
    if "eyJ" in text:
        for match in _JWT.finditer(text):
            if _is_header(match[1]):
                yield Span("jwt", *match.span())
    for kind, pattern in _SHAPES:
        for match in pattern.finditer(text):
            if kind == "aws_key" or _is_random(match[0]):
                yield Span(kind, *match.span())
    for match in _HUGGING.finditer(text) if HUGGING in text else ():
        body = match[0].removeprefix(HUGGING)
        if _is_random(body) or (not body.islower() and not body.isupper() and len(set(body)) >= 9):
            yield Span("api_key", *match.span())  # these have letters alone


def dotted_keys(text: str) -> Iterator[Span]:
    """Keys of Zhipu, which have no sign of their own: an id of 32 digits, a dot, a secret."""
    for match in _ZHIPU.finditer(text) if "." in text else ():
        if _is_random(match[0]):
            yield Span("api_key", *match.span())


def named_secrets(text: str) -> Iterator[Span]:
    """Long random values behind a word such as "api_key=": what they open is not known, but it is a secret."""
    for match in _AWS_SECRET.finditer(text):
        yield Span("aws_key", *match.span(1))
    for match in _NAMED.finditer(text):
        start, end = match.span(1)
        value = match[1].rstrip(".")
        if _is_random(value) and sum(sign.isdigit() for sign in value) >= 4:
            yield Span("api_key", start, end - len(match[1]) + len(value))


def emails(text: str) -> Iterator[Span]:
    """E-mail addresses; no file names (icon@2x.png), no addresses of code (git@host:path)."""
    at = text.find("@")
    while at >= 0:
        local, domain = _LOCAL.search(text, max(0, at - 64), at), _DOMAIN.match(text, at + 1)
        if local and domain and domain[1].lower() not in _FILES and domain.end() - at <= 254:
            of_code = local[0] == "git" and text[domain.end() : domain.end() + 1] in (":", "/")
            if not of_code and text[max(0, local.start() - 1) : local.start()] not in ("@", "*", "/"):
                yield Span("email", local.start(), domain.end())
        at = text.find("@", at + 1)


def spelt_emails(text: str) -> Iterator[Span]:
    """E-mail addresses that are written so that programs do not see them."""
    for match in _SPELT.finditer(text):
        if match["plain"] and not (match["dot"] or match["last"]):
            continue  # "we meet at example.com"
        if match["hash"] and not _MAIL.search(text, max(0, match.start() - 24), match.start()):
            continue
        yield Span("email", *match.span())


def _private_keys(text: str) -> Iterator[Span]:
    begun = _BEGIN.search(text)
    end = _END.search(text)
    while begun:
        if end and end.start() < begun.end():
            end = _END.search(text, begun.end())
        again = _BEGIN.search(text, begun.end())
        if end and (again is None or end.start() < again.start()):
            if _BASE64.search(text, begun.end(), end.start()):
                yield Span("private_key", begun.start(), end.end())
        elif (lines := _KEY_LINES.match(text, begun.end())) and _BASE64.search(lines[0]):
            yield Span("private_key", begun.start(), begun.end() + len(lines[0].rstrip()))
        begun = again


def _is_header(part: str) -> bool:
    """Whether this is the first part of a JSON web token (RFC 7519): an object that names its algorithm."""
    try:
        header = orjson.loads(base64.urlsafe_b64decode(part + "=" * (-len(part) % 4)))
    except ValueError:
        return False
    return isinstance(header, dict) and "alg" in header


def _is_random(value: str) -> bool:
    """Whether a value can be a key: digits and letters, many different ones; not "sk-your-api-key-goes-here"."""
    body = value.lower()
    return any(sign.isdigit() for sign in body) and any(sign.isalpha() for sign in body) and len(set(body)) >= 9

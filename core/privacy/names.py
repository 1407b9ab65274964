"""What the kinds of finds and the scripts are called on screen."""

from __future__ import annotations

from core.words import T

_TITLES = {
    "private_key": T("Private keys"),
    "jwt": T("Sign-in tokens (JWT)"),
    "github_token": T("GitHub tokens"),
    "aws_key": T("AWS keys"),
    "api_key": T("API keys"),
    "password": T("Passwords"),
    "email": T("E-mail addresses"),
    "iban": T("Bank accounts"),
    "cn_id": T("Identity card numbers (China)"),
    "card": T("Bank card numbers"),
    "ssn": T("Social security numbers (US)"),
    "national_id": T("Identity numbers (other countries)"),
    "phone": T("Phone numbers"),
    "ip": T("IP addresses"),
    "lost_character": T("Lost characters (�)"),
    "control": T("Control characters"),
    "bidi": T("Marks that turn the direction of writing"),
    "zero_width": T("Spaces without width"),
    "byte_order_mark": T("Byte order marks inside a text"),
    "invisible": T("Other invisible characters"),
    "surrogate": T("Halves of a character"),
    "line_separator": T("Unusual line breaks"),
    "garbled": T("Text read in the wrong encoding (å¾®è°ƒ)"),
    "personal": T("Personal data and secrets"),
    "odd": T("Odd characters"),
    "other_script": T("Rows in another language than the rest, or in several"),
}
_SCRIPTS = {
    "han": T("Chinese"),
    "latin": T("Latin letters"),
    "japanese": T("Japanese"),
    "hangul": T("Korean"),
    "cyrillic": T("Cyrillic"),
    "arabic": T("Arabic"),
    "greek": T("Greek"),
    "hebrew": T("Hebrew"),
    "thai": T("Thai"),
    "indic": T("Indic scripts"),
    "other": T("other scripts"),
    "mixed": T("several scripts"),
    "english": T("English"),
    "french": T("French"),
    "german": T("German"),
    "spanish": T("Spanish"),
    "portuguese": T("Portuguese"),
    "italian": T("Italian"),
    "dutch": T("Dutch"),
    "other_latin": T("another language of Latin letters"),
    "": T("no letters"),
}
NAMES = frozenset(_TITLES)  # of kinds, and of the two groups


def title(kind: str) -> str:
    """A kind of find in a few words."""
    return str(_TITLES[kind]) if kind in _TITLES else kind


def script_title(script: str) -> str:
    """A script or language by its name."""
    return str(_SCRIPTS[script]) if script in _SCRIPTS else script

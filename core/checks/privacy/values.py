"""The kinds of finds, and a find."""

from __future__ import annotations

from typing import NamedTuple

# Personal data and secrets, the gravest first: where two overlap, the earlier kind is the find.
PERSONAL = (
    *("private_key", "jwt", "github_token", "aws_key", "api_key"),
    *("email", "iban", "cn_id", "card", "ssn", "national_id", "phone", "ip"),
)
LOST = "lost_character"  # U+FFFD: what stood there is gone, so only a person can mend it
ODD = (LOST, "control", "bidi", "zero_width", "byte_order_mark", "invisible", "surrogate", "line_separator")
GARBLED = "garbled"
OTHER_SCRIPT = "other_script"
WIDE = str.maketrans("０１２３４５６７８９＠．－＋", "0123456789@.-+")  # as a Chinese keyboard writes them


class Span(NamedTuple):
    """A find: text[start:end] is of this kind."""

    kind: str
    start: int
    end: int

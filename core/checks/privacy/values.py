"""The kinds of finds, and a find."""

from __future__ import annotations

import re
from typing import NamedTuple

# Personal data and secrets, the gravest first: where two overlap, the earlier kind is the find.
PERSONAL = (
    *("private_key", "jwt", "github_token", "aws_key", "api_key", "password"),
    *("email", "iban", "cn_id", "card", "ssn", "national_id", "phone", "ip"),
)
LOST = "lost_character"  # U+FFFD: what stood there is gone, so only a person can mend it
ODD = (LOST, "control", "bidi", "zero_width", "byte_order_mark", "invisible", "surrogate", "line_separator")
GARBLED = "garbled"
OTHER_SCRIPT = "other_script"
# As a Chinese keyboard writes them, and the dashes and spaces that programs put in place of the plain ones.
_WIDE_SIGNS = "０１２３４５６７８９＠．－＋‐‑‒–—−\u00a0\u2009\u202f\u3000"
WIDE = str.maketrans(_WIDE_SIGNS, "0123456789@.-+------    ")
IS_WIDE = re.compile(f"[{_WIDE_SIGNS}]")


class Span(NamedTuple):
    """A find: text[start:end] is of this kind."""

    kind: str
    start: int
    end: int

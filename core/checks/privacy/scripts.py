"""Which script a text is written in, by the share of its letters. Scripts, not languages: French is Latin too."""

from __future__ import annotations

import re

# How much a letter weighs: a Chinese character says about as much as three Latin letters.
_SCRIPTS: tuple[tuple[str, re.Pattern[str], int], ...] = (
    ("han", re.compile("[\u3400-\u4dbf\u4e00-\u9fff\uf900-\ufaff\U00020000-\U000323af]+"), 3),
    ("latin", re.compile("[A-Za-z\uff21-\uff3a\uff41-\uff5a\u00c0-\u00d6\u00d8-\u00f6\u00f8-\u024f\u1e00-\u1eff]+"), 1),
    ("kana", re.compile("[\u3041-\u30ff\u31f0-\u31ff\uff66-\uff9d]+"), 2),
    ("hangul", re.compile("[\u1100-\u11ff\u3130-\u318f\uac00-\ud7a3]+"), 3),
    ("cyrillic", re.compile("[\u0400-\u052f]+"), 1),
    ("arabic", re.compile("[\u0600-\u06ff\u0750-\u077f\ufb50-\ufdff\ufe70-\ufefc]+"), 1),
    ("greek", re.compile("[\u0370-\u03ff\u1f00-\u1fff]+"), 1),
    ("hebrew", re.compile("[\u0590-\u05ff]+"), 1),
    ("thai", re.compile("[\u0e00-\u0e7f]+"), 1),
    ("indic", re.compile("[\u0900-\u0dff]+"), 1),
    (
        "other",  # Armenian, Georgian, Khmer, Lao, Burmese, Tibetan, Mongolian, Ethiopic and the like
        re.compile("[\u0530-\u058f\u0700-\u074f\u0780-\u07ff\u0e80-\u10ff\u1200-\u1cff\u2d00-\u2dff\ua000-\ua4cf]+"),
        1,
    ),
)
SCRIPTS = ("han", "latin", "japanese", "hangul", "cyrillic", "arabic", "greek", "hebrew", "thai", "indic", "other")
_OTHER = re.compile(
    "[\u0370-\u1fff\u2d00-\u2dff\u3041-\u31ff\ua000-\ud7a3\uf900-\ufdff\ufe70-\ufefc\uff66-\uff9d\U00010000-\U000323af]"
)
_ASCII_LETTER = re.compile("[A-Za-z]")
_KANA_SHARE = 0.1  # of Han and kana together: Japanese
MIXED = "mixed"
_MIXED_SHARE, _MIXED_LEAST = 0.3, 30  # of the second script: its share of the weight, and its weight


def script_counts(text: str) -> dict[str, int]:
    """The weight of each script in a text; a text with kana in it is Japanese."""
    if text.isascii():
        return {"latin": len(text)} if _ASCII_LETTER.search(text) else {}
    looked = _SCRIPTS if _OTHER.search(text) else _SCRIPTS[:2]
    counts = {}
    for name, pattern, weight in looked:
        if length := sum(map(len, pattern.findall(text))):
            counts[name] = length * weight
    kana = counts.pop("kana", 0)
    if kana:
        if kana > _KANA_SHARE * (kana + counts.get("han", 0)):
            counts["japanese"] = kana + counts.pop("han", 0)
        else:
            counts["japanese"] = kana
    return counts


def main_script(text: str) -> str:
    """The script with the greatest weight in a text; "" where it has no letters."""
    counts = script_counts(text)
    return max(counts, key=counts.__getitem__) if counts else ""


def script_or_mixed(text: str) -> str:
    """The main script of a text; "mixed" where a second one has a large part in it, more than names and terms have."""
    counts = script_counts(text)
    if len(counts) < 2:
        return next(iter(counts), "")
    second, first = sorted(counts.items(), key=lambda item: item[1])[-2:]
    is_mixed = second[1] >= _MIXED_LEAST and second[1] >= _MIXED_SHARE * sum(counts.values())
    return MIXED if is_mixed else first[0]


def is_chinese(text: str) -> bool:
    """Whether words put into this text should be Chinese."""
    return not text.isascii() and main_script(text) == "han"

"""Two texts side by side with the words marked that differ: what went, what came."""

from __future__ import annotations

import re
from difflib import SequenceMatcher

from pages.parts.text import escape

_TOKEN = re.compile(r"[\u3040-\u30ff\u3400-\u9fff\uac00-\ud7af]|[^\W\u3040-\u30ff\u3400-\u9fff\uac00-\ud7af]+|\s+|.")
_COMPARED = 600  # tokens of each side that are compared word by word
_AROUND = 60  # characters kept on each side of a change
_LONGEST = 800  # characters of a marked piece that are shown


def marked(old: str, new: str) -> tuple[str, str]:
    """Both texts as Markdown, what differs on a coloured ground; long stretches of the same are left out."""
    before, after = _TOKEN.findall(old.replace("\n", "⏎\n")), _TOKEN.findall(new.replace("\n", "⏎\n"))
    start = _shared(before, after)
    end = _shared(before[start:][::-1], after[start:][::-1])
    middle = before[start : len(before) - end], after[start : len(after) - end]
    parts = [("equal", "".join(before[:start]), "".join(before[:start])), *_steps(*middle)]
    parts.append(("equal", "".join(before[len(before) - end :]), "".join(after[len(after) - end :])))
    parts = [part for part in parts if part[1] or part[2]]
    lines = []
    for side, colour in ((1, "red"), (2, "green")):
        said = []
        for place, part in enumerate(parts):
            if part[0] == "equal":
                said.append(escape(_folded(part[side], place == 0, place == len(parts) - 1)))
            elif part[side]:
                said.append(f":{colour}-background[:{colour}[{escape(_visible(part[side]))}]]")
        lines.append("".join(said))
    return lines[0], lines[1]


def _shared(first: list[str], second: list[str]) -> int:
    """How many tokens both begin with."""
    count = 0
    for one, other in zip(first, second, strict=False):
        if one != other:
            break
        count += 1
    return count


def _steps(before: list[str], after: list[str]) -> list[tuple[str, str, str]]:
    if max(len(before), len(after)) > _COMPARED:
        return [("replace", "".join(before), "".join(after))]
    steps = SequenceMatcher(None, before, after, autojunk=False).get_opcodes()
    return [(name, "".join(before[a:b]), "".join(after[c:d])) for name, a, b, c, d in steps]


def _folded(text: str, first: bool, last: bool) -> str:
    """A stretch that is the same, by its ends."""
    if len(text) <= 2 * _AROUND + 10:
        return text
    head, tail = text[:_AROUND], text[-_AROUND:]
    if first:
        return f"… {tail}"
    return f"{head} …" if last else f"{head} … {tail}"


def _visible(text: str) -> str:
    """A marked piece: blanks alone are shown as signs."""
    text = text if len(text) <= _LONGEST else text[: _LONGEST - 1] + "…"
    return text if text.strip() else text.replace(" ", "␣").replace("\t", "⇥").replace("\u00a0", "⍽") or "␣"

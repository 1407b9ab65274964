"""Conversations written as one text: "Human: … Assistant: …" and the templates of known models, taken apart again."""

from __future__ import annotations

import re
from typing import NamedTuple

from core.dataset.examples import Body

_ROLES = {
    **dict.fromkeys(("human", "user", "[|human|]", "问", "用户"), "user"),
    **dict.fromkeys(("assistant", "gpt", "bot", "ai", "model", "moss", "答", "助手"), "assistant"),
    "system": "system",
}
_LONGEST = 1 << 20  # characters of a text that is taken apart


class _Style(NamedTuple):
    """How a text marks its turns: with what each begins, and what is cut off at its end."""

    begins: re.Pattern[str]
    ends: str = ""


# The first group is who speaks. No mark begins with blanks: they would be looked at over and over.
_STYLES = (
    _Style(re.compile(r"(?:^|\n\n)(Human|Assistant|System):[ \t]*")),
    _Style(re.compile(r"(?:^|\n)(Human|Assistant|System):[ \t]*")),
    _Style(re.compile(r"#{2,3} ?(Human|Assistant|System|User|GPT):[ \t]*")),
    _Style(re.compile(r"<\|im_start\|>[ \t]*(system|user|assistant)\b"), "<|im_end|>"),
    _Style(re.compile(r"<start_of_turn>(user|model)\b"), "<end_of_turn>"),
    _Style(re.compile(r"<\|start_header_id\|>(system|user|assistant)<\|end_header_id\|>"), "<|eot_id|>"),
    _Style(re.compile(r"<\|(system|user|assistant)\|>"), "</s>"),
    _Style(re.compile(r"\[\|?(Human|AI|MOSS)\|?\]:?"), "</s>"),
    _Style(re.compile(r"(?:^|(?<=[\s>]))(USER|ASSISTANT|SYSTEM):"), "</s>"),
)
_ENDINGS = ("<|endoftext|>", "<|end_of_text|>", "</s>", "<eos>", "<eoh>", "<eoa>", "<eom>")
_LLAMA_SYSTEM = re.compile(r"<<SYS>>(.*?)<</SYS>>(.*)", re.S)
Said = list[tuple[str, str]]  # who speaks, and what


def split(text: str) -> Said | None:
    """The turns of a text that is a conversation: somebody asks in it. The last may be an answer that is still to
    come (empty)."""
    if len(text) > _LONGEST:
        return None
    if "[INST]" in text:
        return _llama(text)
    for style in _STYLES:
        if said := _taken_apart(text, style):
            return said
    return None


def _taken_apart(text: str, style: _Style) -> Said | None:
    marks = list(style.begins.finditer(text))
    if not marks or not any(_role(mark) == "user" for mark in marks) or len({_role(mark) for mark in marks}) < 2:
        return None
    before = text[: marks[0].start()].replace("<s>", "").strip()
    said: Said = [("system", before)] if before else []
    for mark, following in zip(marks, [*marks[1:], None], strict=True):
        end = following.start() if following else len(text)
        said.append((_role(mark), _trimmed(text[mark.end() : end], style.ends)))
    return said


def _role(mark: re.Match[str]) -> str:
    return _ROLES[mark[1].lower()]


def _trimmed(text: str, end: str) -> str:
    text = text.strip().removesuffix("<s>").rstrip()
    for ending in (end, *_ENDINGS):
        if ending and text.endswith(ending):
            text = text.removesuffix(ending).rstrip()
    return text


def _llama(text: str) -> Said | None:
    before, *turns = text.split("[INST]")
    if before.replace("<s>", "").strip():
        return None
    said: Said = []
    for turn in turns:
        asked, closed, answered = turn.partition("[/INST]")
        if not closed:
            return None
        asked = asked.strip()
        if not said and (given := _LLAMA_SYSTEM.fullmatch(asked)):
            said.append(("system", given[1].strip()))
            asked = given[2].strip()
        answered = answered.strip().removesuffix("<s>").rstrip()
        said += [("user", asked), ("assistant", _trimmed(answered, "</s>"))]
    return said


def is_whole(said: Said | None) -> bool:
    """Whether somebody asks and somebody answers, each with words."""
    roles = {role for role, text in said or () if text}
    return {"user", "assistant"} <= roles


def messages(said: Said) -> list[Body]:
    """The turns as messages, without those that are empty at the end (an answer or a question still to come)."""
    told = [{"role": role, "content": text} for role, text in said]
    while told and not told[-1]["content"]:
        told.pop()
    return told

"""Judging many examples at once: tokens and issues of each, with a short way for plain chats."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field

import orjson

from core.checks.issues import Issue, make
from core.checks.lines import check_line
from core.dataset.examples import Body, Kind
from core.tokens import DEFAULT, Counter, counter

_PLAIN_KEYS = {"role", "content"}
_NO_SYSTEM = (make("missing_system", "messages"),)


@dataclass(frozen=True)
class Judged:
    """What is known of one example: its tokens (-1 where it is no example or none were counted) and its issues."""

    tokens: int
    answer_tokens: int
    issues: tuple[str, ...] = ()
    details: list[Issue] = field(default_factory=list)


def judge(raws: Iterable[str], encoding: str = DEFAULT, kind: Kind | None = None) -> list[Judged]:
    """Judge each JSON line; an empty `encoding` counts no tokens. Threads may call it at the same time."""
    count = counter(encoding) if encoding else None
    return [judge_line(raw, count, kind)[1] for raw in raws]


def judge_line(raw: str | bytes, count: Counter | None, kind: Kind | None = None) -> tuple[Body | None, Judged]:
    """The object of one line, None where it holds none, and what is known of it."""
    body, issues = _plain(raw) if kind in (None, Kind.CHAT) else (None, None)
    if issues is None:
        body, issues = check_line(raw, kind)
    tokens, answer_tokens = count.body(body) if count and body is not None else (-1, -1)
    codes = tuple(dict.fromkeys(issue.code for issue in issues))
    return body, Judged(tokens, answer_tokens, codes, issues)


def _plain(raw: str | bytes) -> tuple[Body | None, list[Issue] | None]:
    """A chat of plain text that breaks no rule, and its advice; (None, None) where the full rules must look."""
    try:
        body = orjson.loads(raw)
    except ValueError:
        return None, None
    if type(body) is not dict or len(body) != 1:
        return None, None
    messages = body.get("messages")
    if type(messages) is not list or not messages:
        return None, None
    roles = []
    for message in messages:
        if type(message) is not dict or message.keys() != _PLAIN_KEYS:
            return None, None
        content = message["content"]
        if type(content) is not str or not content or content.isspace() or "<|" in content or "\x00" in content:
            return None, None
        roles.append(message["role"])
    return body, _advice(roles)


def _advice(roles: list[object]) -> list[Issue] | None:
    """The advice for a chat of these roles; None where they are not the usual ones or do not end in an answer."""
    if roles == ["user", "assistant"]:
        return list(_NO_SYSTEM)
    if roles[-1] != "assistant" or "user" not in roles or any(role not in _USUAL for role in roles):
        return None
    return [] if "system" in roles else list(_NO_SYSTEM)


_USUAL = ("system", "user", "assistant")

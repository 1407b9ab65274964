"""Judging many examples at once: tokens and issues of each, with a short way for plain chats."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from operator import itemgetter

import orjson

from core.checks.issues import Issue, make
from core.checks.lines import check_line
from core.dataset.examples import Body, Kind
from core.tokens import DEFAULT, Counter, counter


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
    body: Body | None
    found = plain(raw) if kind in (None, Kind.CHAT) else None
    advice = advice_of(found[1]) if found else None
    if found is None or advice is None:
        body, issues = check_line(raw, kind)
    else:
        body, issues = found[0], list(advice)
    tokens, answer_tokens = count.body(body) if count and body is not None else (-1, -1)
    codes = tuple(dict.fromkeys(issue.code for issue in issues))
    return body, Judged(tokens, answer_tokens, codes, issues)


def plain(raw: str | bytes) -> tuple[Body, tuple[str, ...], tuple[str, ...]] | None:
    """A chat of plain text with its roles and contents; None where the full rules must look.

    Where `advice_of` its roles is not None, that is all that `check_line` would find. What is no such chat raises
    on its way, as most lines are one.
    """
    try:
        body = orjson.loads(raw)
        messages = body["messages"]
        pairs = [_ROLE_AND_CONTENT(message) for message in messages if len(message) == 2]
        roles, contents = zip(*pairs, strict=True)
        "".join(roles)  # all are texts
        joined = "".join(contents)
    except (ValueError, KeyError, TypeError):
        return None
    if len(body) != 1 or len(pairs) != len(messages) or "<|" in joined or "\x00" in joined:
        return None
    return None if "" in contents or any(map(str.isspace, contents)) else (body, roles, contents)


def advice_of(roles: tuple[str, ...]) -> tuple[Issue, ...] | None:
    """The advice for a plain chat of these roles; None where they are not the usual ones or end in no answer."""
    if roles == ("user", "assistant"):
        return _NO_SYSTEM
    if roles[-1] != "assistant" or "user" not in roles or any(role not in _USUAL for role in roles):
        return None
    return () if "system" in roles else _NO_SYSTEM


_ROLE_AND_CONTENT = itemgetter("role", "content")
_USUAL = ("system", "user", "assistant")
_NO_SYSTEM = (make("missing_system", "messages"),)

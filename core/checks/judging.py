"""Judging examples: tokens and issues of each, with a short way for plain chats and one for many at once."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from operator import attrgetter, itemgetter

import orjson

from core.checks.issues import Issue, make
from core.checks.lines import check_line
from core.dataset.examples import Body, Kind
from core.tokens import DEFAULT, Counter, counter
from core.tokens.bulk import bulk

MANY = 50  # lines from which on their texts are counted together
Said = tuple[tuple[str, ...], tuple[str, ...]]  # the roles of a plain chat and its contents


@dataclass(frozen=True)
class Judged:
    """What is known of one example: its tokens (-1 where it is no example or none were counted) and its issues.

    `said` is what stands in a plain chat, where it has been read on the way.
    """

    tokens: int
    answer_tokens: int
    issues: tuple[str, ...] = ()
    details: list[Issue] = field(default_factory=list)
    said: Said | None = field(default=None, compare=False, repr=False)


def judge(raws: Iterable[str], encoding: str = DEFAULT, kind: Kind | None = None) -> list[Judged]:
    """Judge each JSON line; an empty `encoding` counts no tokens. Threads may call it at the same time."""
    count = counter(encoding) if encoding else None
    lines = list(raws)
    return _judge_many(lines, count, kind) if len(lines) >= MANY else [judge_line(it, count, kind)[1] for it in lines]


def _judge_many(raws: Sequence[str], count: Counter | None, kind: Kind | None) -> list[Judged]:
    """The same as `judge_line` says of each."""
    chat = kind in (None, Kind.CHAT)
    found = [_usual(raw) if chat else None for raw in raws]
    counts = iter(_counts([it[0] for it in found if it], count))
    judged = []
    for raw, it in zip(raws, found, strict=True):
        if it:
            said, advice = it
            codes = tuple(issue.code for issue in advice)
            judged.append(Judged(*next(counts), codes, list(advice), said))
        else:
            judged.append(judge_line(raw, count, kind)[1])
    return judged


def _usual(raw: str) -> tuple[Said, tuple[Issue, ...]] | None:
    """What is said in a plain chat of the usual roles, and the advice for it; None where the full rules must look."""
    found = plain(raw)
    advice = advice_of(found[1]) if found else None
    return None if found is None or advice is None else (found[1:], advice)


def _counts(chats: Sequence[Said], count: Counter | None) -> Sequence[tuple[int, int]]:
    if not count or not chats:
        return [(-1, -1)] * len(chats)
    texts = [text for _roles, contents in chats for text in contents]
    tokens, answers = bulk(count.name).chats([roles for roles, _contents in chats], texts)
    return list(zip(tokens.tolist(), answers.tolist(), strict=True))


def judge_line(raw: str | bytes, count: Counter | None, kind: Kind | None = None) -> tuple[Body | None, Judged]:
    """The object of one line, None where it holds none, and what is known of it."""
    body: Body | None
    said: Said | None = None
    found = plain(raw) if kind in (None, Kind.CHAT) else None
    advice = advice_of(found[1]) if found else None
    if found is None or advice is None:
        body, issues = check_line(raw, kind)
    else:
        body, issues, said = found[0], list(advice), found[1:]
    tokens, answer_tokens = count.body(body) if count and body is not None else (-1, -1)
    codes = tuple(dict.fromkeys(map(_CODE, issues)))
    return body, Judged(tokens, answer_tokens, codes, issues, said)


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
_CODE = attrgetter("code")
_USUAL = ("system", "user", "assistant")
_NO_SYSTEM = (make("missing_system", "messages"),)

"""Comparisons of answers, as preference sets write them down, made into preferred and non-preferred output."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from core.dataset import transcripts
from core.dataset.examples import Body, dump
from core.dataset.turns import Unfit, asked_of, plain_text, system, tools, turn_of
from core.words import T

_PAIRS = {
    "chosen": "rejected",
    "preferred_completion": "non_preferred_completion",
    "response_chosen": "response_rejected",
    "chosen_response": "rejected_response",
    "chosen_answer": "rejected_answer",
    "answer_win": "answer_lose",
    "positive": "negative",
    "better": "worse",
}
# With these for the worse answer, the better one is the answer that stands beside it.
_BESIDE = ("rejected_response", "rejected_messages")
_ANSWERS = ("response", "output", "answer", "completion", "messages")
_PROMPTS = (
    "prompt", "messages", "conversations", "conversation", "question", "instruction", "query", "history", "input",
)  # fmt: skip
# Two answers side by side, under which name it stands which is better, and how that says the first and the second.
_SIDES: tuple[tuple[str, str, tuple[str, ...], tuple[Any, ...], tuple[Any, ...]], ...] = (
    ("human_ref_A", "human_ref_B", ("labels",), (1, "1"), (0, "0")),
    ("response_0", "response_1", ("better_response_id",), (0, "0"), (1, "1")),
    ("conversation_a", "conversation_b", ("winner",), ("model_a", "a", "A"), ("model_b", "b", "B")),
    ("response_a", "response_b", ("winner", "preference", "chosen", "label"),
     ("model_a", "response_a", "a", "A"), ("model_b", "response_b", "b", "B")),
    ("answer_a", "answer_b", ("winner", "preference", "chosen", "label"), ("answer_a", "a", "A"),
     ("answer_b", "b", "B")),
    ("output_1", "output_2", ("preference",), (1, "1"), (2, "2")),
    ("response1", "response2", ("overall_preference", "preference"), (-3, -2, -1), (1, 2, 3)),
)  # fmt: skip
_TIES = (0, "0", "tie", "tie (bothbad)", "both", "neither", "same", "both_bad")
_RANKED = {"answers": "answer", "completions": "response", "responses": "response", "replies": "text"}
_GRADES = {"rank": -1, "overall_score": 1, "score": 1, "fine-grained_score": 1}


def is_pair(body: Mapping[str, Any]) -> bool:
    """Whether a body compares answers, by its keys."""
    if any(better in body and worse in body for better, worse in _PAIRS.items()):
        return True
    if any(body.get(key) for key in _BESIDE) and any(key in body for key in _ANSWERS):
        return True
    sides = _side_by_side(body)
    if sides and body[sides[2]] in (*sides[3], *sides[4], *_TIES):
        return True
    return _ranked(body) is not None


def pair(body: Body) -> Body:
    """The same comparison in the provider's own format. Raises Unfit."""
    (better_key, better), (worse_key, worse) = _compared(body)
    better, worse = _told(better, better_key), _told(worse, worse_key)
    given = body.get("input")
    if isinstance(given, dict) and isinstance(given.get("messages"), list):
        asked: Body = given
    else:
        asked = {"messages": _asked(body, better, worse, better_key)} | tools(body)
    for key, answer in ((better_key, better), (worse_key, worse)):
        if answer[-1].get("role") != "assistant":
            raise Unfit(key, T("It must end with the assistant's answer."))
    # Of two conversations that part before their ends, what follows the first answers has no room in the format.
    place = 0 if len(better) == 1 or len(worse) == 1 else _parted(better, worse)
    if place and better[place].get("role") == worse[place].get("role") == "assistant":
        better, worse = better[place : place + 1], worse[place : place + 1]
    return {"input": asked, "preferred_output": better[-1:], "non_preferred_output": worse[-1:]}


def _compared(body: Body) -> tuple[tuple[str, Any], tuple[str, Any]]:
    """The better answer and the worse one, each with its name. Raises Unfit where neither is better."""
    if sides := _side_by_side(body):
        first, second, verdict, is_first, is_second = sides
        if body[verdict] in is_first and not isinstance(body[verdict], bool):
            return (first, body[first]), (second, body[second])
        if body[verdict] in is_second and not isinstance(body[verdict], bool):
            return (second, body[second]), (first, body[first])
        raise Unfit(verdict, T("Neither answer is said to be better, so there is nothing to learn from it."))
    if ranked := _ranked(body):
        key, text, grade = ranked
        answers = sorted(body[key], key=lambda answer: _GRADES[grade] * answer[grade])
        if answers[0][grade] == answers[-1][grade]:
            raise Unfit(key, T("Neither answer is said to be better, so there is nothing to learn from it."))
        return (key, answers[-1][text]), (key, answers[0][text])
    found = next(((key, other) for key, other in _PAIRS.items() if key in body and other in body), None)
    if found:
        return (found[0], body[found[0]]), (found[1], body[found[1]])
    worse = next((key for key in _BESIDE if key in body), _BESIDE[0])
    better = next((key for key in _ANSWERS if body.get(key)), "chosen")
    rejected = body.get(worse)
    if worse == "rejected_response" and isinstance(rejected, list):
        rejected = next((text for text in rejected if isinstance(text, str)), rejected)  # one of several
    return (better, body.get(better)), (worse, rejected)


def _side_by_side(body: Mapping[str, Any]) -> tuple[str, str, str, tuple[Any, ...], tuple[Any, ...]] | None:
    for first, second, verdicts, is_first, is_second in _SIDES:
        if first in body and second in body and (verdict := next((v for v in verdicts if v in body), None)):
            return first, second, verdict, is_first, is_second
    return None


def _ranked(body: Mapping[str, Any]) -> tuple[str, str, str] | None:
    """Under which name several answers stand, with their texts and grades."""
    if not any(body.get(key) for key in _PROMPTS):
        return None
    for key, text in _RANKED.items():
        answers = body.get(key)
        if isinstance(answers, list) and len(answers) > 1 and all(isinstance(answer, dict) for answer in answers):
            for grade in _GRADES:
                if all(isinstance(a.get(grade), int | float) and isinstance(a.get(text), str) for a in answers):
                    return key, text, grade
    return None


def _told(value: Any, where: str) -> list[Body]:
    """An answer as messages: a text (also of a whole conversation), one message, or a list of them."""
    if isinstance(value, str) and value.strip():
        said = transcripts.split(value)
        whole = said if said and transcripts.is_whole(said) else None
        return transcripts.messages(whole) if whole else [{"role": "assistant", "content": value}]
    if isinstance(value, dict):
        value = [value]
    if isinstance(value, list) and value and all(isinstance(message, dict) for message in value):
        messages: list[Body] = []
        for place, message in enumerate(value):
            messages += turn_of(message, f"{where}[{place}]", messages)
        return messages
    raise Unfit(where, T("There must be a text here."))


def _asked(body: Body, better: list[Body], worse: list[Body], better_key: str) -> list[Body]:
    """What was asked: the prompt, or the turns that both answers begin with."""
    prompt = _prompt(body) if better_key != "messages" else None
    if prompt:
        messages = asked_of(prompt)
        while messages and messages[-1].get("role") == "assistant":
            messages.pop()
        return messages if messages[:1] and messages[0]["role"] == "system" else system(body) + messages
    if better_key == "messages" and len(worse) == 1 and len(better) > 1:
        return better[:-1] if better[0]["role"] == "system" else system(body) + better[:-1]
    place = _parted(better, worse)
    if place and better[place - 1].get("role") == "assistant":
        place -= 1
    if place and len(better) > 1 and len(worse) > 1:
        asked = better[:place]
        return asked if asked[0]["role"] == "system" else system(body) + asked
    raise Unfit("prompt", T("What was asked is missing: there is no prompt, and the two answers begin differently."))


def _prompt(body: Body) -> Any:
    """The prompt; of an instruction with its input, and of a question with the turns before it, both."""
    key = next((key for key in _PROMPTS if body.get(key)), None)
    prompt = body.get(key) if key else None
    extra = body.get("input")
    if key in ("instruction", "question") and isinstance(extra, str) and extra.strip():
        prompt = f"{plain_text(prompt)}\n{extra}"
    earlier = body.get("history")
    if key not in ("history", None) and isinstance(earlier, list) and isinstance(prompt, str):
        return [*before(earlier), {"role": "user", "content": prompt}]
    return prompt


def before(history: Iterable[Any]) -> list[Body]:
    """The turns before a question, which stand as pairs of a question and its answer. Raises Unfit."""
    messages: list[Body] = []
    for place, turn in enumerate(history):
        where = f"history[{place}]"
        if isinstance(turn, dict):
            messages += turn_of(turn, where, messages)
            continue
        if not isinstance(turn, list) or len(turn) != 2 or not all(isinstance(text, str) for text in turn):
            raise Unfit(where, T("A turn of the history must be a question and its answer."))
        messages += [
            {"role": role, "content": text} for role, text in zip(("user", "assistant"), turn, strict=True) if text
        ]
    return messages


def _parted(one: list[Body], other: list[Body]) -> int:
    """How many messages two conversations begin with in common."""
    same = (dump(mine) == dump(its) for mine, its in zip(one, other, strict=False))
    return next((place for place, equal in enumerate(same) if not equal), min(len(one), len(other)))

"""What annotation tools export (Label Studio, Prodigy), and answers that are marked as good or bad, as chats."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from core.dataset.examples import Body
from core.dataset.turns import Unfit, asked_of, conversation, is_turn, plain_text, turns_key
from core.words import T

_TEXTS = ("text", "prompt", "question", "content", "sentence", "query", "instruction", "title", "文本", "内容", "问题")
_KTO = ("kto_tag", "label")
_REFUSED = T("This row is marked as rejected.")


def is_judged(body: Mapping[str, Any]) -> bool:
    """Whether a conversation or a pair of prompt and completion is marked as good or bad (for the method KTO)."""
    if "kto_tag" in body:
        return isinstance(body["kto_tag"], bool)
    return isinstance(body.get("label"), bool) and ("messages" in body or {"prompt", "completion"} <= body.keys())


def judged(body: Body) -> Body:
    """The conversation of a good answer. Raises Unfit for a bad one: learning it would be the opposite of what is
    meant."""
    mark = next((key for key in _KTO if isinstance(body.get(key), bool)), _KTO[0])
    if body.get(mark) is not True:
        raise Unfit(mark, T("This answer is marked as a bad one, and there is no better one beside it to learn from."))
    if turns_key(body):
        return conversation(body)
    if "completion" in body:
        return prompted(body)
    asked = [plain_text(body.get(key)) for key in ("instruction", "input")]
    question = "\n".join(text for text in asked if text and text.strip())
    return prompted({"prompt": question, "completion": body.get("output"), "system": body.get("system")})


_REQUESTS = ("prompt", "input", "request", "inputs")
_RESPONSES = ("completion", "output", "response", "outputs", "ideal", "expected_output", "answer")


def is_prompted(body: Mapping[str, Any]) -> bool:
    """Whether what was asked stands as messages, and the answer beside them (also as logs and evaluations have it)."""
    return any(_messages_in(body.get(key)) for key in _REQUESTS) and any(body.get(key) for key in _RESPONSES)


def _messages_in(value: Any) -> list[Any] | None:
    """The messages of a prompt, or of a request that holds them."""
    value = value.get("messages") if isinstance(value, dict) else value
    return value if isinstance(value, list) and value and all(map(is_turn, value)) else None


def _answer_in(value: Any) -> Any:
    """The answer of a response: the message of its first choice, or what it is itself."""
    choices = value.get("choices") if isinstance(value, dict) else None
    if isinstance(choices, list) and choices and isinstance(choices[0], dict):
        value = choices[0].get("message")
    value = _messages_in(value) or value
    return [value] if isinstance(value, dict) else value


def prompted(body: Body) -> Body:
    """A prompt and its completion as one conversation. Raises Unfit."""
    asked = next((key for key in _REQUESTS if body.get(key)), _REQUESTS[0])
    answered = next((key for key in _RESPONSES if body.get(key)), _RESPONSES[0])
    answer = _answer_in(body.get(answered))
    if isinstance(answer, str) and answer.strip():
        answer = [{"role": "assistant", "content": answer}]
    if not isinstance(answer, list):
        raise Unfit(answered, T("There must be a text here."))
    prompt = _messages_in(body.get(asked)) or body.get(asked)
    beside = body[asked] if isinstance(body.get(asked), dict) else body
    return conversation({**beside, "messages": [*asked_of(prompt, asked), *answer]})


def is_annotated(body: Mapping[str, Any]) -> bool:
    """Whether this is a task of Label Studio or of Prodigy."""
    data, done = body.get("data"), body.get("annotations", body.get("completions"))
    return (isinstance(data, dict) and isinstance(done, list)) or (
        "_input_hash" in body and isinstance(body.get("text"), str) and ("label" in body or "accept" in body)
    )


def annotated(body: Body) -> Body:
    """The text of a task, and what was said of it. Raises Unfit."""
    if "_input_hash" in body:
        return _prodigy(body)
    data = body["data"] if isinstance(body.get("data"), dict) else {}
    key = next((key for key in _TEXTS if isinstance(data.get(key), str)), None)
    texts = [value for value in data.values() if isinstance(value, str) and value.strip()]
    text = data[key] if key else max(texts, key=len, default="")
    return _chat(text, "data", _said(body), "annotations")


def _said(body: Body) -> str:
    """What the first annotation that counts says: chosen classes, written texts, a rating."""
    done = body.get("annotations", body.get("completions"))
    for annotation in done if isinstance(done, list) else ():
        if not isinstance(annotation, dict) or annotation.get("was_cancelled"):
            continue
        results = annotation.get("result")
        values = [r.get("value") for r in results if isinstance(r, dict)] if isinstance(results, list) else []
        for value in values:
            found = [value.get(name) for name in ("choices", "text", "rating")] if isinstance(value, dict) else []
            if "start" in value if isinstance(value, dict) else True:
                continue  # a stretch of the text, not all of it
            for said in found:
                if isinstance(said, list) and said and all(isinstance(one, str) for one in said):
                    return ", ".join(said)
                if isinstance(said, str | int) and not isinstance(said, bool):
                    return str(said)
    return ""


def _prodigy(body: Body) -> Body:
    if body.get("answer", "accept") != "accept":
        raise Unfit("answer", _REFUSED)
    chosen = body.get("accept")
    if not isinstance(chosen, list):
        return _chat(body.get("text"), "text", body.get("label"), "label")
    options = body.get("options")
    names = {option.get("id"): option.get("text") for option in options if isinstance(option, dict) and isinstance(
        option.get("id"), str | int)} if isinstance(options, list) else {}  # fmt: skip
    said = [names.get(one) or one for one in chosen if isinstance(one, str | int)]
    return _chat(body.get("text"), "text", ", ".join(map(str, said)), "accept")


def _chat(asked: Any, where: str, answer: Any, where_answer: str) -> Body:
    if not isinstance(asked, str) or not asked.strip():
        raise Unfit(where, T("There must be a text here."))
    if not isinstance(answer, str) or not answer.strip():
        raise Unfit(where_answer, T("Nobody has said anything of this text, or only marked parts of it."))
    return {"messages": [{"role": "user", "content": asked}, {"role": "assistant", "content": answer}]}

"""Trained and untrained models as the server asks them."""

from __future__ import annotations

import json
import uuid
from collections.abc import Iterator

import numpy as np

from core.server.engines.base import Ability, Message, Piece, SampleParams
from core.server.engines.classic.conversation import (
    Answer,
    count_text,
    count_tokens,
    question_of,
    speaks_chinese,
)
from core.server.engines.classic.features import Floats
from core.server.engines.classic.model import ClosedModel, OpenModel
from core.server.engines.classic.vectors import embed

IMPOSSIBLE = -9999.0  # the log probability of an answer that cannot come, as OpenAI writes it

# What the models say themselves is in the language of the question, whatever language the person reads Luopan in.
_UNTRAINED = (
    "I have not learnt anything yet. Fine-tune me on your own examples first, then ask the fine-tuned model.",
    "我还什么都没有学过。请先用你自己的示例微调我，再向微调后的模型提问。",
)
_NOTHING_NEAR = (
    "There is no close example in what I have learnt, so I would rather not answer.",
    "在我学过的示例里没有相近的问题，所以我不作回答。",
)


class _Counting:
    """What all of them have in common."""

    abilities: frozenset[Ability] = frozenset({"embed"})

    def complete(self, prompt: str, params: SampleParams) -> Iterator[Piece]:
        """The answer to a prompt, which is a question like any other."""
        return self.generate([{"role": "user", "content": prompt}], params)

    def generate(self, messages: list[Message], params: SampleParams) -> Iterator[Piece]:
        raise NotImplementedError

    def embed(self, texts: list[str]) -> list[list[float]]:
        """Vectors of shared n-grams, the same for every classic model: training changes nothing in them."""
        vectors: list[list[float]] = embed(texts).tolist()
        return vectors

    def count(self, messages: list[Message]) -> int:
        """How many tokens the engine counts for these messages."""
        return count_tokens(messages)

    def close(self) -> None:
        """Nothing is held that has to be given back."""


class Untrained(_Counting):
    """The base model: it says that it has learnt nothing."""

    def generate(self, messages: list[Message], params: SampleParams) -> Iterator[Piece]:
        """One sentence, in the language of the question."""
        yield _sentence(_UNTRAINED, messages)

    def score(self, messages: list[Message], answer: str) -> list[float]:
        """Nothing: no answer is likelier than another."""
        return []


class Closed(_Counting):
    """A model that chooses among the answers of its training file; an answer is one token."""

    def __init__(self, model: ClosedModel) -> None:
        self.model = model
        self._place = {answer: place for place, answer in enumerate(model.answers)}

    def generate(self, messages: list[Message], params: SampleParams) -> Iterator[Piece]:
        """The chosen answer as one piece, with its log probability and the likeliest alternatives."""
        logs = self._logs(messages)
        order = np.argsort(-logs, kind="stable")
        chosen = int(order[0]) if params.temperature <= 0 else _sampled(logs, order, params)
        top = tuple((self.model.answers[i].text, float(logs[i])) for i in order[: params.top_logprobs])
        answer = self.model.answers[chosen]
        yield Piece(_spoken(answer), float(logs[chosen]), top, answer.kind)

    def score(self, messages: list[Message], answer: str) -> list[float]:
        """The log probability of this answer; -9999 for one that was not in the training file."""
        place = self._place.get(Answer(answer), self._place.get(Answer(answer, "tool_calls")))
        return [IMPOSSIBLE if place is None else float(self._logs(messages)[place])]

    def _logs(self, messages: list[Message]) -> Floats:
        logs: Floats = self.model.log_probabilities([question_of(messages)])[0]
        return logs


class Open(_Counting):
    """A model that gives the answer of the nearest training question, word for word."""

    def __init__(self, model: OpenModel) -> None:
        self.model = model

    def generate(self, messages: list[Message], params: SampleParams) -> Iterator[Piece]:
        """The nearest answer as one piece, or a sentence that nothing is near."""
        answer, _ = self.model.nearest(question_of(messages))
        if answer is None:
            yield _sentence(_NOTHING_NEAR, messages)
        else:
            yield Piece(_spoken(answer), kind=answer.kind, tokens=max(1, count_text(answer.text)))

    def score(self, messages: list[Message], answer: str) -> list[float]:
        """Nothing: nearness is no probability."""
        return []


def _sampled(logs: Floats, order: np.ndarray[tuple[int], np.dtype[np.int64]], params: SampleParams) -> int:
    shares = np.exp((logs[order] - logs[order[0]]).astype(np.float64) / params.temperature)
    shares /= shares.sum()
    within = np.cumsum(shares) - shares < max(params.top_p, 1e-9)
    shares = np.where(within, shares, 0)
    return int(np.random.default_rng(params.seed).choice(order, p=shares / shares.sum()))


def _spoken(answer: Answer) -> str:
    if answer.kind == "text":
        return answer.text
    calls = [{"id": f"call_{uuid.uuid4().hex[:24]}", **call} for call in json.loads(answer.text)]
    return json.dumps(calls, ensure_ascii=False)


def _sentence(sentences: tuple[str, str], messages: list[Message]) -> Piece:
    text = sentences[speaks_chinese(messages)]
    return Piece(text, tokens=count_text(text))

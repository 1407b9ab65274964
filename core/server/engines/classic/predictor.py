"""Trained and untrained models as the server asks them."""

from __future__ import annotations

import json
import threading
import uuid
from abc import ABC, abstractmethod
from collections import OrderedDict
from collections.abc import Iterator
from typing import Any

import numpy as np
from numpy.typing import NDArray

from core.server.engines.base import Ability, Message, Piece, SampleParams, SpecError
from core.server.engines.classic.calling import possible
from core.server.engines.classic.choices import Choices, Fields, Places, Whole
from core.server.engines.classic.conversation import (
    Answer,
    count_text,
    count_tokens,
    question_of,
    speaks_chinese,
)
from core.server.engines.classic.features import Floats
from core.server.engines.classic.formats import Format
from core.server.engines.classic.model import ClosedModel, OpenModel
from core.server.engines.classic.vectors import embed
from core.words import T

Masks = list[NDArray[np.bool_]]
IMPOSSIBLE = -9999.0  # the log probability of an answer that cannot come, as OpenAI writes it
_FORMATS_KEPT = 32  # response formats whose allowed answers are remembered

# What the models say themselves is in the language of the question, whatever language the person reads Luopan in.
_UNTRAINED = (
    "I have not learnt anything yet. Fine-tune me on your own examples first, then ask the fine-tuned model.",
    "我还什么都没有学过。请先用你自己的示例微调我，再向微调后的模型提问。",
)
_NOTHING_NEAR = (
    "There is no close example in what I have learnt, so I would rather not answer.",
    "在我学过的示例里没有相近的问题，所以我不作回答。",
)


class _Classic(ABC):
    """What all of them have in common."""

    abilities: frozenset[Ability] = frozenset({"embed"})

    def complete(self, prompt: str, params: SampleParams) -> Iterator[Piece]:
        """The answer to a prompt, which is a question like any other."""
        return self.generate([{"role": "user", "content": prompt}], params)

    @abstractmethod
    def generate(self, messages: list[Message], params: SampleParams) -> Iterator[Piece]:
        """The answer to a conversation, piece by piece."""

    def embed(self, texts: list[str]) -> list[list[float]]:
        """Vectors of shared n-grams, the same for every classic model: training changes nothing in them."""
        vectors: list[list[float]] = embed(texts).tolist()
        return vectors

    def count(self, messages: list[Message]) -> int:
        """How many tokens the engine counts for these messages."""
        return count_tokens(messages)

    def close(self) -> None:  # noqa: B027, there is nothing for a model to add
        """Nothing is held that has to be given back."""


class Untrained(_Classic):
    """The base model: it says that it has learnt nothing."""

    def generate(self, messages: list[Message], params: SampleParams) -> Iterator[Piece]:
        """One sentence, in the language of the question."""
        yield _sentence(_UNTRAINED, messages)

    def score(self, messages: list[Message], answer: str) -> list[float]:
        """Nothing: no answer is likelier than another."""
        return []


class Closed(_Classic):
    """A model that chooses among the answers of its training file; an answer is one token, also where it is put
    together from several fields, whose log probabilities are then summed."""

    abilities: frozenset[Ability] = frozenset({"embed", "response_format"})

    def __init__(self, model: ClosedModel) -> None:
        self.model = model
        if isinstance(model.choices, Whole) and any(answer.kind == "tool_calls" for answer in model.choices.answers):
            self.abilities |= {"tools"}
        self._masks: OrderedDict[str, Masks] = OrderedDict()
        self._lock = threading.Lock()

    def generate(self, messages: list[Message], params: SampleParams) -> Iterator[Piece]:
        """The chosen answer as one piece, with its log probability and the likeliest alternatives. Raises SpecError
        where response_format is not understood or no answer satisfies it."""
        logs = self._within(self._logs(messages), params)
        best = likeliest(logs, max(1, params.top_logprobs))
        if params.temperature <= 0:
            places, log = best[0]
        else:
            random = np.random.default_rng(params.seed)
            places = tuple(_sampled(head, params, random) for head in logs)
            log = float(sum(head[place] for head, place in zip(logs, places, strict=True)))
        choices = self.model.choices
        top = tuple((choices.answer(at).text, one) for at, one in best[: params.top_logprobs])
        answer = choices.answer(places)
        return iter((Piece(_spoken(answer), log, top, answer.kind),))

    def score(self, messages: list[Message], answer: str) -> list[float]:
        """The log probability of this answer; -9999 for one that cannot come."""
        choices = self.model.choices
        for places in (choices.places(Answer(answer)), choices.places(Answer(answer, "tool_calls"))):
            if -1 not in places:
                return [float(sum(head[at] for head, at in zip(self._logs(messages), places, strict=True)))]
        return [IMPOSSIBLE]

    def _logs(self, messages: list[Message]) -> list[Floats]:
        return [logs[0] for logs in self.model.log_probabilities([question_of(messages)])]

    def _within(self, logs: list[Floats], params: SampleParams) -> list[Floats]:
        """The log probabilities among what is allowed."""
        wanted = params.response_format
        free = not wanted or wanted.get("type") == "text"
        if free and not params.tools and params.tool_choice == "auto":
            return logs
        key = json.dumps([None if free else wanted, params.tools, params.tool_choice], sort_keys=True)
        with self._lock:
            masks = self._masks.get(key)
        if masks is None:
            masks = allowed(self.model.choices, None if free else wanted, params)
            with self._lock:
                self._masks[key] = masks
                while len(self._masks) > _FORMATS_KEPT:
                    self._masks.popitem(last=False)
        kept = [np.where(mask, head, -np.inf) for mask, head in zip(masks, logs, strict=True)]
        return [(head - np.logaddexp.reduce(head)).astype(np.float32) for head in kept]


class Open(_Classic):
    """A model that gives the answer of the nearest training question, word for word. It can promise no format: where
    nothing is near it says so in a sentence."""

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


def allowed(choices: Choices, wanted: dict[str, Any] | None, params: SampleParams) -> Masks:
    """Which places of each head satisfy a response_format and what is said of tools. Raises SpecError or AskError
    where none does, or the format is none."""
    masks = fitting(choices, wanted) if wanted else [np.ones(size, bool) for size in choices.sizes]
    called = possible(choices.answers, params) if isinstance(choices, Whole) else None
    if called is not None:
        masks = [masks[0] & called]
    if not all(mask.any() for mask in masks):
        message = T("response_format: none of the answers that this model has learnt satisfies it.")
        raise SpecError("response_format", "unsupported_value", message)
    return masks


def fitting(choices: Choices, wanted: dict[str, Any]) -> Masks:
    """Which places of each head satisfy a response_format. Raises SpecError where it is none."""
    form = Format.read(wanted)
    assert form is not None
    if not isinstance(choices, Fields):
        return [np.array([answer.kind == "text" and form.allows(answer.text) for answer in choices.answers])]
    if not form.by_field:
        message = T("response_format: enum, const and anyOf for the whole object do not go with answers by field.")
        raise SpecError("response_format", "unsupported_value", message)
    parts = [form.of_field(key) for key in choices.keys]
    fits = form.allows_keys(choices.keys)
    return [
        np.array([fits and part.allows(value) for value in values])
        for part, values in zip(parts, choices.values, strict=True)
    ]


def likeliest(logs: list[Floats], count: int) -> list[tuple[Places, float]]:
    """The likeliest answers with their log probabilities, best first: the best of each head, put together."""
    best: list[tuple[Places, float]] = [((), 0.0)]
    for head in logs:
        order = np.argsort(-head, kind="stable")[:count]
        longer = [((*places, int(at)), log + float(head[at])) for places, log in best for at in order]
        best = sorted((one for one in longer if one[1] > -np.inf), key=lambda one: -one[1])[:count]
    return best


def _sampled(logs: Floats, params: SampleParams, random: np.random.Generator) -> int:
    order = np.argsort(-logs, kind="stable")
    shares = np.exp((logs[order] - logs[order[0]]).astype(np.float64) / params.temperature)
    shares /= shares.sum()
    within = np.cumsum(shares) - shares < max(params.top_p, 1e-9)
    shares = np.where(within, shares, 0)
    return int(random.choice(order, p=shares / shares.sum()))


def _spoken(answer: Answer) -> str:
    if answer.kind == "text":
        return answer.text
    calls = [{"id": f"call_{uuid.uuid4().hex[:24]}", **call} for call in json.loads(answer.text)]
    return json.dumps(calls, ensure_ascii=False)


def _sentence(sentences: tuple[str, str], messages: list[Message]) -> Piece:
    text = sentences[speaks_chinese(messages)]
    return Piece(text, tokens=count_text(text))

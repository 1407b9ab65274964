"""Bare prompts and vectors, asked with the unmodified client and read strictly by its own types."""

from __future__ import annotations

import base64
import math
import struct
from typing import Any

import openai
import pytest
from openai.types import Completion, CreateEmbeddingResponse

BASE = "local-classic-1"
PROMPT = "What is the ripe apple of row 3?"
OTHER = "What is the fast car of row 4?"


def completion(provider: Any, **asked: Any) -> Completion:
    reply = provider.ask("POST", "/completions", json=asked)
    assert reply.status_code == 200, reply.text
    return Completion.model_validate(reply.json(), strict=True)


def test_a_prompt_is_answered(provider: Any, trained: Any) -> None:
    reply = completion(provider, model=trained.fine_tuned_model, prompt=PROMPT, temperature=0)
    assert (reply.choices[0].text, reply.choices[0].finish_reason) == ("fruit", "stop")
    assert reply.choices[0].logprobs is None and reply.usage is not None
    assert (reply.usage.completion_tokens, reply.usage.total_tokens) == (1, reply.usage.prompt_tokens + 1)


def test_prompts_and_choices_are_numbered_through(provider: Any, trained: Any) -> None:
    reply = completion(provider, model=trained.fine_tuned_model, prompt=[PROMPT, OTHER], n=2, temperature=0)
    assert [choice.text for choice in reply.choices] == ["fruit", "fruit", "vehicle", "vehicle"]
    assert [choice.index for choice in reply.choices] == [0, 1, 2, 3]


def test_echo_begins_with_the_prompt_whose_probability_nobody_knows(provider: Any, trained: Any) -> None:
    reply = provider.client.completions.create(
        model=trained.fine_tuned_model, prompt=PROMPT, temperature=0, echo=True, logprobs=2
    )
    choice = reply.choices[0]
    assert choice.text == f"{PROMPT}fruit" and choice.logprobs is not None
    assert choice.logprobs.tokens == [PROMPT, "fruit"] and choice.logprobs.text_offset == [0, len(PROMPT)]
    first, second = choice.logprobs.token_logprobs or []
    assert first is None and second <= 0
    assert len((choice.logprobs.top_logprobs or [])[1]) == 2


def test_nothing_is_written_where_no_token_is_asked_for(provider: Any, trained: Any) -> None:
    reply = completion(provider, model=trained.fine_tuned_model, prompt=PROMPT, max_tokens=0, echo=True)
    assert (reply.choices[0].text, reply.choices[0].finish_reason) == (PROMPT, "length")


def test_the_best_of_several_is_the_likeliest(provider: Any, trained: Any) -> None:
    asked = {"model": trained.fine_tuned_model, "prompt": PROMPT, "temperature": 2, "seed": 5, "logprobs": 0}
    tried = completion(provider, **asked, n=20)
    best = completion(provider, **asked, best_of=20)
    found = [choice.logprobs.token_logprobs[0] for choice in tried.choices]  # type: ignore[union-attr, index]
    assert best.choices[0].logprobs.token_logprobs == [max(found)]  # type: ignore[union-attr]
    assert best.usage and best.usage.completion_tokens == 20 and len(best.choices) == 1


def test_a_completion_streams_in_the_same_shape(provider: Any, trained: Any) -> None:
    chunks = list(
        provider.client.completions.create(
            model=trained.fine_tuned_model,
            prompt=[PROMPT, OTHER],
            temperature=0,
            stream=True,
            stream_options={"include_usage": True},
        )
    )
    texts = {0: "", 1: ""}
    for chunk in chunks[:-1]:
        texts[chunk.choices[0].index] += chunk.choices[0].text
    assert texts == {0: "fruit", 1: "vehicle"}
    assert chunks[-2].choices[0].finish_reason == "stop" and not chunks[-1].choices
    assert chunks[-1].usage.completion_tokens == 2 and len({chunk.id for chunk in chunks}) == 1


@pytest.mark.parametrize(
    ("change", "param"),
    [
        ({"prompt": [1, 2]}, "prompt"),
        ({"prompt": [[1, 2]]}, "prompt"),
        ({"prompt": []}, "prompt"),
        ({"prompt": 7}, "prompt"),
        ({"prompt": ["a"] * 100, "n": 100}, "prompt"),
        ({"suffix": "end"}, "suffix"),
        ({"best_of": 2, "n": 3}, "best_of"),
        ({"best_of": 2, "stream": True}, "best_of"),
        ({"logprobs": 6}, "logprobs"),
        ({"logprobs": True}, "logprobs"),
        ({"max_tokens": -1}, "max_tokens"),
        ({"stop": ["a"] * 5}, "stop"),
        ({"logit_bias": {"5": 1}}, "logit_bias"),
        ({"presence_penalty": 1}, "presence_penalty"),
        ({"model": "gpt-4o"}, "model"),
    ],
)
def test_a_bad_prompt_names_its_parameter(provider: Any, change: dict[str, Any], param: str) -> None:
    reply = provider.ask("POST", "/completions", json={"model": BASE, "prompt": "hello", **change})
    assert reply.status_code == (404 if param == "model" else 400)
    assert reply.json()["error"]["param"] == param, reply.text


def test_texts_become_vectors_by_default_in_base64(provider: Any) -> None:
    reply = provider.ask(
        "POST",
        "/embeddings",
        json={"model": BASE, "input": ["a blue whale", "the blue whales"], "encoding_format": "base64"},
    )
    packed = reply.json()["data"][0]["embedding"]
    vector = struct.unpack(f"<{len(base64.b64decode(packed)) // 4}f", base64.b64decode(packed))
    asked = provider.client.embeddings.create(model=BASE, input="a blue whale")
    assert isinstance(asked, CreateEmbeddingResponse) and asked.usage.prompt_tokens == 3
    assert asked.data[0].embedding == list(vector) and len(vector) == 512
    assert math.isclose(math.fsum(value * value for value in vector), 1, rel_tol=1e-5)


def test_vectors_come_as_plain_numbers_too(provider: Any) -> None:
    body = {"model": BASE, "input": ["whale", "car"], "encoding_format": "float"}
    found = CreateEmbeddingResponse.model_validate(provider.ask("POST", "/embeddings", json=body).json(), strict=True)
    assert [one.index for one in found.data] == [0, 1]
    packed = provider.client.embeddings.create(model=BASE, input=["whale", "car"])
    assert [one.embedding for one in packed.data] == [pytest.approx(one.embedding) for one in found.data]


def test_texts_that_share_words_lie_near_each_other(provider: Any, trained: Any) -> None:
    texts = ["the blue whale swims", "a blue whale swam", "银行卡丢了怎么办", "银行卡丢失后怎么办"]
    found = provider.client.embeddings.create(model=trained.fine_tuned_model, input=texts).data
    vectors = [one.embedding for one in found]

    def near(a: int, b: int) -> float:
        return sum(x * y for x, y in zip(vectors[a], vectors[b], strict=True))

    assert near(0, 1) > 0.4 and near(2, 3) > 0.4
    assert abs(near(0, 2)) < 0.2 and abs(near(1, 3)) < 0.2


@pytest.mark.parametrize("text", [" ", "…", "\n", "🐋"])
def test_any_text_has_a_vector_of_length_one(provider: Any, text: str) -> None:
    for size in (1, 2, 511, 512):
        vector = provider.client.embeddings.create(model=BASE, input=text, dimensions=size).data[0].embedding
        assert len(vector) == size and math.isclose(math.fsum(v * v for v in vector), 1, rel_tol=1e-5)


@pytest.mark.parametrize(
    ("change", "param"),
    [
        ({"input": [1, 2]}, "input"),
        ({"input": [[1, 2]]}, "input"),
        ({"input": []}, "input"),
        ({"input": ""}, "input"),
        ({"input": ["a", ""]}, "input"),
        ({"input": ["a"] * 2049}, "input"),
        ({"input": None}, "input"),
        ({"dimensions": 513}, "dimensions"),
        ({"dimensions": 0}, "dimensions"),
        ({"encoding_format": "int8"}, "encoding_format"),
    ],
)
def test_a_bad_wish_for_vectors_names_its_parameter(provider: Any, change: dict[str, Any], param: str) -> None:
    reply = provider.ask("POST", "/embeddings", json={"model": BASE, "input": "hello", **change})
    assert (reply.status_code, reply.json()["error"]["param"]) == (400, param), reply.text


def test_a_model_that_is_not_there_is_not_found(provider: Any) -> None:
    with pytest.raises(openai.NotFoundError):
        provider.client.embeddings.create(model="text-embedding-3-small", input="hello")

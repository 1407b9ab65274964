"""Tokens are counted as OpenAI's cookbook counts them, and any body can be counted."""

import json
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from core.tokens import Count, Counter, count_body, count_texts, counter, encoding

WEATHER = [
    {"role": "system", "content": "You are a helpful assistant that can answer to questions about the weather."},
    {"role": "user", "content": "What's the weather like in San Francisco?"},
]
WEATHER_TOOLS = [
    {
        "type": "function",
        "function": {
            "name": "get_current_weather",
            "description": "Get the current weather in a given location",
            "parameters": {
                "type": "object",
                "properties": {
                    "location": {"type": "string", "description": "The city and state, e.g. San Francisco, CA"},
                    "unit": {
                        "type": "string",
                        "description": "The unit of temperature to return",
                        "enum": ["celsius", "fahrenheit"],
                    },
                },
                "required": ["location"],
            },
        },
    }
]


def cookbook(messages: list[dict[str, str]], name: str) -> int:
    """The loop of the cookbook's notebook, kept here as the judge of ours."""
    encode = encoding(name).encode_ordinary
    total = 3
    for message in messages:
        total += 3
        for key, value in message.items():
            total += len(encode(value)) + (1 if key == "name" else 0)
    return total


@pytest.mark.parametrize(("name", "tokens"), [("o200k_base", 101), ("cl100k_base", 105)])
def test_tools_cost_what_the_cookbook_published(name: str, tokens: int) -> None:
    assert count_body({"messages": WEATHER, "tools": WEATHER_TOOLS}, name).tokens == tokens
    functions = [tool["function"] for tool in WEATHER_TOOLS]
    assert count_body({"messages": WEATHER, "functions": functions}, name).tokens == tokens


def test_the_cookbooks_chat_counts_as_published() -> None:
    said = [
        (
            "system",
            "You are a helpful, pattern-following assistant that translates corporate jargon into plain English.",
        ),
        ("system", "New synergies will help drive top-line growth."),
        ("system", "Things working well together will increase revenue."),
        (
            "system",
            "Let's circle back when we have more bandwidth to touch base on opportunities for increased leverage.",
        ),
        ("system", "Let's talk later when we're less busy about how to do better."),
        (
            "user",
            "This late pivot means we don't have time to boil the ocean for the client deliverable.",
        ),
    ]
    names = ["", "example_user", "example_assistant", "example_user", "example_assistant", ""]
    messages = [
        {"role": role, **({"name": name} if name else {}), "content": content}
        for (role, content), name in zip(said, names, strict=True)
    ]
    assert count_body({"messages": messages}, "cl100k_base").tokens == 129
    assert count_body({"messages": messages}, "o200k_base").tokens == 124


TEXTS = st.text(max_size=60)
PLAIN = st.lists(
    st.fixed_dictionaries({"role": st.sampled_from(["system", "user", "assistant"]), "content": TEXTS}), max_size=5
)


@settings(deadline=None)  # the first call builds an encoding or imports numpy
@given(PLAIN, st.sampled_from(["o200k_base", "cl100k_base"]))
def test_plain_chats_count_as_the_cookbook_counts_them(messages: list[dict[str, str]], name: str) -> None:
    count = count_body({"messages": messages}, name)
    assert count.tokens == cookbook(messages, name)
    answers = [m["content"] for m in messages if m["role"] == "assistant"]
    assert count.answer_tokens == sum(count_texts(answers, name))


JSON_VALUES: st.SearchStrategy[Any] = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | TEXTS,
    lambda inner: (
        st.lists(inner, max_size=4)
        | st.dictionaries(
            st.sampled_from(["messages", "role", "content", "name", "tools", "function", "tool_calls", "input", "type"])
            | TEXTS,
            inner,
            max_size=5,
        )
    ),
    max_leaves=20,
)


@settings(deadline=None)  # the first call builds an encoding or imports numpy
@given(st.dictionaries(st.sampled_from(["messages", "tools", "functions", "prompt", "input", "x"]), JSON_VALUES))
def test_whatever_the_body_holds_it_can_be_counted(body: dict[str, Any]) -> None:
    count = count_body(body, "o200k_base")
    assert count.tokens >= count.answer_tokens >= 0


def test_calls_are_part_of_the_answer_and_ids_are_not() -> None:
    call = {"id": "call_id", "type": "function", "function": {"name": "land", "arguments": '{"at": "home"}'}}
    body = {"messages": [{"role": "user", "content": "Land."}, {"role": "assistant", "tool_calls": [call]}]}
    said = sum(count_texts(["land", '{"at": "home"}'], "o200k_base"))
    assert count_body(body, "o200k_base").answer_tokens == said
    legacy = {"role": "assistant", "content": None, "function_call": call["function"]}
    assert count_body({"messages": [legacy]}, "o200k_base").answer_tokens == said


@pytest.mark.parametrize(("detail", "tokens"), [("low", 85), ("high", 765), ("auto", 765)])
def test_an_image_counts_as_the_common_case(detail: str, tokens: int) -> None:
    part = {"type": "image_url", "image_url": {"url": "https://images.example.org/1.png", "detail": detail}}
    bare = count_body({"messages": [{"role": "user", "content": []}]}, "o200k_base").tokens
    assert count_body({"messages": [{"role": "user", "content": [part]}]}, "o200k_base").tokens == bare + tokens


def test_completions_count_prompt_and_completion() -> None:
    body = {"prompt": "Order 19, blue kettle, arrived dented ->", "completion": " complaint\n"}
    prompt, completion = count_texts([body["prompt"], body["completion"]], "cl100k_base")
    assert count_body(body, "cl100k_base") == Count(prompt + completion, completion)


def test_a_preference_pair_counts_its_question_once() -> None:
    question, good, bad = "Thank a customer for waiting.", "Thank you for your patience.", "Thx!!"
    body = {
        "input": {"messages": [{"role": "user", "content": question}], "tools": [], "parallel_tool_calls": True},
        "preferred_output": [{"role": "assistant", "content": good}],
        "non_preferred_output": [{"role": "assistant", "content": bad}],
    }
    asked = count_body({"messages": body["input"]["messages"]}, "o200k_base").tokens
    answers = sum(count_texts([good, bad], "o200k_base"))
    assert count_body(body, "o200k_base") == Count(asked + 2 * (3 + 1) + answers, answers)


@pytest.mark.parametrize("text", [" " * 1_000_000, "a" + "\t" * 900_000 + "b", "好" * 300_000])
def test_texts_that_overflow_the_tokeniser_are_counted_all_the_same(text: str) -> None:
    assert counter("o200k_base").text(text) > 0


def test_the_memory_of_short_texts_stays_small(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("core.tokens.counting._MEMO_SIZE", 10)
    count = Counter("o200k_base")
    for number in range(100):
        assert count.text(json.dumps(number)) == 1
    assert len(count._memo) <= 10

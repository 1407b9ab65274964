from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from engine_bench import chat, write
from hypothesis import given
from hypothesis import strategies as st

from core.server.engines.classic.conversation import (
    Answer,
    Frame,
    Question,
    count_text,
    count_tokens,
    is_closed,
    question_of,
    speaks_chinese,
)
from core.server.engines.classic.reading import Rows, read_rows


def rows_of(tmp_path: Path, *bodies: dict[str, Any]) -> Rows:
    return read_rows(write(tmp_path / "train.jsonl", bodies))


def user(text: str) -> dict[str, Any]:
    return {"role": "user", "content": text}


def said(text: str, **more: Any) -> dict[str, Any]:
    return {"role": "assistant", "content": text, **more}


@pytest.mark.parametrize(
    ("body", "ask", "answer"),
    [
        (chat("Where?", "Here"), "Where?", "Here"),
        ({"prompt": "Where?", "completion": " Here"}, "Where?", " Here"),
        ({"messages": [user("a"), said("b"), user("c"), said("d")]}, "c", "d"),
        ({"messages": [user("a"), said("b"), user("c"), said("d", weight=0)]}, "a", "b"),
        ({"messages": [user("a"), said("b", weight=1), user("c")]}, "a", "b"),
        ({"messages": [{"role": "user", "content": [{"type": "text", "text": "part"}]}, said("b")]}, "part", "b"),
    ],
    ids=["chat", "completion", "last turn", "weight 0 is not learnt", "weight 1 is", "parts of text"],
)
def test_what_is_asked_and_what_is_learnt(tmp_path: Path, body: dict[str, Any], ask: str, answer: str) -> None:
    rows = rows_of(tmp_path, body)
    assert (rows.questions[0].ask, rows.answers[0]) == (ask, Answer(answer))


@pytest.mark.parametrize(
    "body",
    [
        {"messages": [user("a"), said("b", weight=0)]},
        {"messages": [user("a")]},
        {"messages": [user("a"), said("")]},
        {"messages": []},
        {"other": 1},
    ],
)
def test_rows_without_an_answer_are_counted_and_left_out(tmp_path: Path, body: dict[str, Any]) -> None:
    rows = rows_of(tmp_path, body, chat("q", "a"))
    assert (len(rows), rows.without_answer) == (1, 1)


def test_a_byte_order_mark_and_empty_lines_are_no_matter(tmp_path: Path) -> None:
    path = tmp_path / "bom.jsonl"
    path.write_bytes(b"\xef\xbb\xbf" + json.dumps(chat("q", "a")).encode() + b"\r\n\r\n")
    assert len(read_rows(path)) == 1


def test_a_line_that_is_no_object_is_named(tmp_path: Path) -> None:
    path = tmp_path / "bad.jsonl"
    path.write_text(json.dumps(chat("q", "a")) + "\n[1, 2]\n")
    with pytest.raises(ValueError, match="line 2"):
        read_rows(path)


def test_tool_calls_are_the_same_answer_whatever_their_ids(tmp_path: Path) -> None:
    def call(id: str) -> list[dict[str, Any]]:
        return [{"id": id, "type": "function", "function": {"name": "land", "arguments": "{}"}}]

    old = {"messages": [user("c"), {"role": "assistant", "function_call": {"name": "land", "arguments": "{}"}}]}
    rows = rows_of(tmp_path, chat("a", call("call_1")), chat("b", call("call_2")), old)
    assert len(set(rows.answers)) == 1
    assert rows.answers[0].kind == "tool_calls"
    assert "call_1" not in rows.answers[0].text


def test_a_conversation_keeps_its_system_message_and_its_turns_apart() -> None:
    question = question_of([{"role": "system", "content": "Be kind"}, user("a"), said("b"), user("c")])
    assert question == Question("c", "Be kind", "user: a\nassistant: b")
    assert question_of([]) == Question("")


TEMPLATE = "Sort this text into one of the classes A, B.\n\nText: {}\nClass:"
WORDS = ["apple", "bread", "cheese", "dates", "eggs", "figs", "grapes", "honey", "iceberg", "jam", "kale", "lemons"]


def frame_of(asks: list[str], system: str = "") -> tuple[Frame, list[str]]:
    questions = [Question(ask, system) for ask in asks]
    frame = Frame.learn(questions)
    return frame, frame.fields(questions)[0]


def test_the_instruction_around_the_text_is_left_out() -> None:
    frame, asks = frame_of([TEMPLATE.format(word) for word in WORDS])
    assert asks == WORDS
    assert (frame.prefix, frame.suffix) == tuple(TEMPLATE.split("{}"))


def test_a_few_questions_without_the_instruction_do_not_hide_it() -> None:
    asks = [TEMPLATE.format(f"{word}{i}") for i in range(10) for word in WORDS]
    _, stripped = frame_of([*asks, "what is this"])
    assert stripped[-1] == "what is this"
    assert stripped[0] == "apple0"


def test_a_question_that_comes_without_the_instruction_is_read_too() -> None:
    frame, _ = frame_of([TEMPLATE.format(word) for word in WORDS])
    assert frame.fields([Question("apple")]) == [["apple"]]


def test_words_are_not_cut_where_all_begin_with_the_same_letters() -> None:
    _, asks = frame_of([f"un{word}" for word in WORDS])
    assert asks == [f"un{word}" for word in WORDS]


@pytest.mark.parametrize("asks", [[], ["same"] * 3, ["apple pie", "apple tart"]])
def test_a_handful_of_questions_tells_nothing_about_an_instruction(asks: list[str]) -> None:
    assert frame_of(asks)[1] == asks


@given(st.lists(st.text("ab ", max_size=6), min_size=10, max_size=30))
def test_what_is_left_out_is_really_shared(asks: list[str]) -> None:
    frame, left = frame_of(asks)
    assert sum(ask.startswith(frame.prefix) for ask in asks) >= 0.95 * len(asks)
    for ask, rest in zip(asks, left, strict=True):
        assert rest in ask


def test_a_system_message_is_looked_at_only_where_it_differs() -> None:
    same = [Question(word, "Be kind") for word in WORDS]
    assert Frame.learn(same).fields(same) == [WORDS]
    mixed = [Question(word, "fruit" if i % 2 else "bread") for i, word in enumerate(WORDS)]
    assert len(Frame.learn(mixed).fields(mixed)) == 2
    assert len(set(Frame.learn(mixed).fields(mixed)[1])) == 2


@pytest.mark.parametrize(
    ("answers", "closed"),
    [
        (["a", "b"] * 20, True),
        ([f"answer {i}" for i in range(40)], False),
        (["a", "b"] * 20 + [f"once {i}" for i in range(9)], True),
        (["a", "b"] * 20 + [f"once {i}" for i in range(11)], False),
        ([f"class {i // 2}" for i in range(1000)], True),
        ([f"class {i // 2}" for i in range(1002)], False),
        (["x" * 64, "y"] * 9, True),
        (["x" * 65, "y"] * 9, False),
        ([], False),
    ],
)
def test_closed_answers_are_few_short_and_come_again(answers: list[str], closed: bool) -> None:
    assert is_closed([Answer(answer) for answer in answers]) is closed


def test_tool_calls_may_be_long_and_closed() -> None:
    assert is_closed([Answer("x" * 200, "tool_calls")] * 5)


@pytest.mark.parametrize(
    ("text", "tokens"),
    [("", 0), ("two words", 2), ("你好", 2), ("你好 world!", 4), ("a1_b", 1), ("한국", 2), ("🙂", 1)],
)
def test_tokens_are_ideographs_words_and_marks(text: str, tokens: int) -> None:
    assert count_text(text) == tokens
    assert count_tokens([user(text), said(text)]) == 2 * tokens


def test_the_language_of_the_question_is_seen() -> None:
    assert speaks_chinese([user("hello"), said("hi"), user("几点开门 open?")])
    assert not speaks_chinese([user("几点开门?"), said("九点"), user("thanks")])

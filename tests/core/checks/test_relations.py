"""Rows related: exact repeats, near ones, contradictions, leaks, and what has to move so that nothing leaks."""

from __future__ import annotations

import time
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from core.checks.relations import relate
from core.checks.rowtexts import row_texts
from core.dataset.examples import Body

ASKED = "Where is the parcel that I ordered last Monday?"
NEARLY = "Where is the parcel that I ordered last Sunday?"
OTHER = "为什么我的订单三天了还没有发货？"


def chat(question: Any, answer: str = "delivery", system: str = "", **more: Any) -> Body:
    messages = [{"role": "system", "content": system}] if system else []
    said = [{"role": "user", "content": question}, {"role": "assistant", "content": answer}]
    return {"messages": [*messages, *said], **more}


def rows(*bodies: Body | tuple[Body, str]) -> list[tuple[int, Body, str]]:
    """Rows numbered from 1 on."""
    pairs = [body if isinstance(body, tuple) else (body, "") for body in bodies]
    return [(number, body, split) for number, (body, split) in enumerate(pairs, start=1)]


def test_exact_repeats_are_the_same_json_in_any_order() -> None:
    turned = dict(reversed(chat(ASKED, tools=[]).items()))
    found = relate(rows(chat(ASKED, tools=[]), chat(OTHER), turned, chat(OTHER), chat(ASKED, "other"), chat(OTHER)))
    assert found.exact == [(1, 3), (2, 4, 6)]
    assert found.counts()["repeats"] == 3


@pytest.mark.parametrize(
    ("first", "second", "contradicts"),
    [
        (chat(ASKED, "delivery"), chat(ASKED, "billing"), True),
        (chat(ASKED, "delivery"), chat(ASKED.upper(), "billing"), True),
        (chat(ASKED, "delivery"), chat(ASKED, "Delivery."), False),
        (chat(ASKED, "yes", "Answer in English."), chat(ASKED, "是", "Answer in Chinese."), False),
        (chat("为何？发货"), chat("为何,发货", "x"), True),
        (chat("", "a"), chat("", "b"), False),
        ({"prompt": ASKED, "completion": "a"}, {"prompt": ASKED, "completion": "b"}, True),
        ({"messages": [{"role": "user", "content": ASKED}], "answer": "1"},
         {"messages": [{"role": "user", "content": ASKED}], "answer": "2"}, True),
        (chat([{"type": "text", "text": "What is this?"}, {"type": "image_url", "image_url": {"url": "a"}}], "a cat"),
         chat([{"type": "text", "text": "What is this?"}, {"type": "image_url", "image_url": {"url": "b"}}], "a dog"),
         False),
    ],
)  # fmt: skip
def test_one_question_with_two_answers_is_a_contradiction(first: Body, second: Body, contradicts: bool) -> None:
    assert relate(rows(first, second)).contradictions == ([(1, 2)] if contradicts else [])


def test_only_the_last_answer_counts_and_earlier_turns_are_part_of_the_question() -> None:
    def turns(first: str, last: str) -> Body:
        said = [("user", "Hello, I am here."), ("assistant", first), ("user", "And now?"), ("assistant", last)]
        return {"messages": [{"role": role, "content": content} for role, content in said]}

    assert relate(rows(turns("Welcome", "a"), turns("Welcome", "b"))).contradictions == [(1, 2)]
    assert relate(rows(turns("Welcome", "a"), turns("Go away", "b"))).contradictions == []


def test_near_pairs_are_two_questions_or_two_wordings_with_one_answer() -> None:
    found = relate(rows(chat(ASKED), chat(NEARLY, "x"), chat(ASKED.lower() + " "), chat(OTHER), chat(ASKED)))
    assert [twin[:2] for twin in found.near] == [(1, 3), (1, 2)]
    assert found.near[0].score == 1 and 0.85 <= found.near[1].score < 1


def test_a_leak_names_each_held_out_row_with_its_best_twin_in_train_first() -> None:
    found = relate(
        rows((chat(ASKED), "validation"), (chat(NEARLY), "train"), (chat(ASKED, "x"), "train"), (chat(OTHER), "test"))
    )
    assert [tuple(twin) for twin in found.leaks] == [(1, 3, 1.0)]
    assert found.to_train == [1]


def test_rows_without_a_split_are_trained_on() -> None:
    assert relate(rows((chat(ASKED), "test"), chat(ASKED))).leaks[0][:2] == (1, 2)
    assert relate(rows(chat(ASKED), (chat(ASKED), "train"))).leaks == []


def test_nothing_leaks_any_more_once_the_named_rows_are_in_train() -> None:
    other = "Where is the parcel that I ordered on Sunday?"
    bodies = [(chat(ASKED), "train"), (chat(NEARLY), "validation"), (chat(other), "test"), (chat(OTHER), "test"),
              (chat(OTHER, "x"), "validation"), (chat("ganz etwas anderes"), "test")]  # fmt: skip
    found = relate(rows(*bodies))
    assert found.to_train == [2, 3, 4, 5]
    moved = [(body, "train" if n in found.to_train else split) for n, (body, split) in enumerate(bodies, start=1)]
    again = relate(rows(*moved))
    assert (again.leaks, again.to_train) == ([], [])


def test_one_question_in_very_many_rows_costs_no_square() -> None:
    began = time.process_time()
    found = relate((n, chat(ASKED, str(n)), "test" if n % 2 else "train") for n in range(20_000))
    assert len(found.leaks) == 10_000 and len(found.contradictions) == 1
    assert time.process_time() - began < 10


QUESTIONS = st.sampled_from([ASKED, NEARLY, OTHER, ASKED.upper(), "另外一个问题在这里出现", "", "short"])
SPLITS = st.sampled_from(["", "train", "validation", "test"])


@settings(max_examples=80, deadline=None)
@given(st.lists(st.tuples(QUESTIONS, st.sampled_from("ab"), SPLITS), max_size=12))
def test_moving_and_deleting_always_ends_repeats_and_leaks(made: list[tuple[str, str, str]]) -> None:
    table = rows(*((chat(question, answer), split) for question, answer, split in made))
    found = relate(table)
    assert all(group == tuple(sorted(group)) and len(group) > 1 for group in found.exact)
    gone = {row for group in found.exact for row in group[1:]}
    kept = [(n, body, "train" if n in found.to_train else split) for n, body, split in table if n not in gone]
    again = relate(kept)
    assert (again.exact, again.leaks, again.to_train) == ([], [], [])
    assert len(found.leaks) == len({twin.row for twin in found.leaks}) <= len(found.to_train)


KEYS = st.sampled_from(["messages", "role", "content", "prompt", "input", "assistant", "text", "tool_calls"])
LEAVES = st.none() | st.integers() | st.text()


@settings(max_examples=100)
@given(st.recursive(LEAVES, lambda inner: st.lists(inner) | st.dictionaries(KEYS, inner)))
def test_any_json_has_texts_to_compare(value: Any) -> None:
    for body in (value if isinstance(value, dict) else {"messages": value}, {"input": value}, {"messages": [value]}):
        assert all(isinstance(text, str) for text in row_texts(body))
        relate([(1, body, ""), (2, body, "test")])


def preference(better: str, worse: str) -> dict[str, object]:
    asked = {"messages": [{"role": "user", "content": "How do I reset it?"}]}
    outputs = ([{"role": "assistant", "content": text}] for text in (better, worse))
    return {"input": asked, **dict(zip(("preferred_output", "non_preferred_output"), outputs, strict=True))}


def test_preferences_contradict_each_other_only_where_they_order_the_same_two_answers_differently() -> None:
    bodies = [preference("hold the key", "no idea"), preference("open the settings", "no idea")]
    assert relate((n, body, "") for n, body in enumerate(bodies)).contradictions == []
    bodies.append(preference("no idea", "hold the key"))
    assert relate((n, body, "") for n, body in enumerate(bodies)).contradictions == [(0, 2)]

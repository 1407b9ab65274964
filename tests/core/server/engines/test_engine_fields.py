from __future__ import annotations

import json
import math
from typing import Any

import pytest
from engine_bench import Bench, ask, events, free_pairs, pairs, texts

from core.server.engines.base import SpecError
from core.server.engines.classic.choices import Fields, Whole, fields_of
from core.server.engines.classic.conversation import Answer

MOODS = ["please, ", "this is a shame: ", "thank you so much, "]


def answer(desk: str, mood: int, **how: Any) -> str:
    return json.dumps({"mood": ["calm", "cross", "glad"][mood], "desk": desk, "urgent": mood == 1}, **how)


def rows(**how: Any) -> list[tuple[str, str]]:
    """Questions with a desk and a mood; nobody is both cross and after a card."""
    return [
        (MOODS[mood] + question, answer(desk, mood, **how))
        for number, (question, desk) in enumerate(pairs())
        for mood in (number % 3, (number + 1) % 3)
        if (desk, mood) != ("card", 1)
    ]


def test_each_field_is_learnt_by_itself_and_combinations_are_new(bench: Bench) -> None:
    job = bench.train(rows(), valid=rows()[::7])
    assert events(job, "ready")[0]["mode"] == "fields"
    assert "same 3 fields, each with few values (mood: 3, desk: 3, urgent: 2)" in texts(job)
    piece = ask(bench.open(job), "this is a shame: my card does not scan")
    assert piece.text == answer("card", 1)
    assert events(job, "metrics")[0]["train_loss"] == pytest.approx(math.log(3 * 3 * 2), abs=1e-3)
    assert events(job, "metrics")[-1]["full_valid_mean_token_accuracy"] > 0.9


def test_the_probabilities_of_the_fields_are_multiplied(bench: Bench) -> None:
    model = bench.open(bench.train(rows()))
    asked = [{"role": "user", "content": "borrow a card on Sunday"}]
    piece = ask(model, asked[0]["content"], top_logprobs=20)
    assert piece.top[0] == (piece.text, piece.logprob)
    assert [log for _, log in piece.top] == sorted((log for _, log in piece.top), reverse=True)
    assert len({text for text, _ in piece.top}) == 18
    assert sum(math.exp(log) for _, log in piece.top) == pytest.approx(1, abs=1e-4)
    for text, log in piece.top:
        assert model.score(asked, text) == [pytest.approx(log, abs=1e-5)]
    assert model.score(asked, '{"desk": "borrow"}') == [-9999.0]


@pytest.mark.parametrize(
    "how",
    [{}, {"separators": (",", ":")}, {"indent": 2}, {"indent": 4}, {"ensure_ascii": False}],
    ids=["as json writes it", "tight", "indented", "indented by 4", "with its own letters"],
)
def test_answers_are_written_as_the_file_writes_them(how: dict[str, Any]) -> None:
    answers = [Answer(json.dumps({"词": f"值{i % 3}", "b": i % 2}, **how)) for i in range(30)]
    fields = fields_of(answers)
    assert fields is not None and fields.keys == ("词", "b")
    for one in answers:
        assert fields.answer(fields.places(one)) == one


def test_values_keep_their_types() -> None:
    kinds: list[Any] = [1, "1", True, None, 1.5, ["a"], {"x": 1}]
    answers = [Answer(json.dumps({"a": kinds[i % 7], "b": i % 2})) for i in range(70)]
    fields = fields_of(answers)
    assert fields is not None and sorted(fields.sizes) == [2, 7]
    assert all(fields.answer(fields.places(one)) == one for one in answers)


@pytest.mark.parametrize(
    "answers",
    [
        [],
        ["card", "desk"],
        ['{"a": 1}'] * 5,
        ['{"a": 1, "b": 2}', "card"],
        ['{"a": 1, "b": 2}', '{"a": 1, "c": 2}'] * 5,
        [f'{{"a": {i}, "b": 2}}' for i in range(20)],
        [f'{{"a": {i % 2}, "b": {i % 2 + 5}}}' for i in range(20)],
        [f'{{"a": "{"x" * 80}{i % 2}", "b": {i % 3}}}' for i in range(20)],
        ["{broken", "{broken"],
        ["[1, 2]", "[1, 2]"],
    ],
    ids=[
        "none",
        "words",
        "one field",
        "not all",
        "other keys",
        "open",
        "one tells the other",
        "long",
        "broken",
        "lists",
    ],
)
def test_answers_without_fields_to_choose_are_left_whole(answers: list[str]) -> None:
    assert fields_of([Answer(text) for text in answers]) is None


def test_the_decision_can_be_overruled(bench: Bench) -> None:
    for mode, kind in (("closed", Whole), ("fields", Fields)):
        job = bench.train(rows(), name=mode, metadata={"engine_mode": mode})
        assert events(job, "ready")[0]["mode"] == mode
        assert isinstance(bench.open(job).model.choices, kind)  # type: ignore[attr-defined]
        assert "engine_mode asked for it" in texts(job)
    job = bench.train(rows(), name="open", metadata={"engine_mode": "open"})
    assert events(job, "ready")[0]["mode"] == "open"
    with pytest.raises(SpecError, match="JSON objects with the same keys"):
        bench.engine.check(bench.spec(free_pairs(), metadata={"engine_mode": "fields"}))


def test_a_format_holds_for_each_field(bench: Bench) -> None:
    model = bench.open(bench.train(rows()))

    def within(**schema: Any) -> dict[str, Any]:
        form = {"type": "json_schema", "json_schema": {"name": "x", "schema": {"type": "object", **schema}}}
        said: dict[str, Any] = json.loads(ask(model, "please, my card does not scan", response_format=form).text)
        return said

    assert within() == {"mood": "calm", "desk": "card", "urgent": False}
    assert within(properties={"desk": {"enum": ["opening"]}})["desk"] == "opening"
    assert within(required=["desk"], additionalProperties={"type": ["string", "boolean"]})["desk"] == "card"
    for impossible in (
        {"required": ["age"]},
        {"properties": {"desk": {"type": "integer"}}},
        {"properties": {"desk": {}}, "additionalProperties": False},
        {"anyOf": [{}]},
    ):
        with pytest.raises(SpecError):
            within(**impossible)

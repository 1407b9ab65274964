from __future__ import annotations

import json
import math
from collections import Counter

import pytest
from engine_bench import Bench, ask, chat, free_pairs, pairs

from core.server.engines.base import SampleParams
from core.server.engines.classic import BASE
from core.server.engines.classic.predictor import IMPOSSIBLE

UNSURE = "borrow a card on Sunday"


def calls(name: str) -> list[dict[str, object]]:
    return [{"id": "call_x", "type": "function", "function": {"name": name, "arguments": "{}"}}]


@pytest.mark.parametrize(
    ("question", "language"),
    [("what can you do", "not learnt anything"), ("你会做什么？", "什么都没有学过")],
)
def test_the_base_says_that_it_has_learnt_nothing_in_the_language_of_the_question(
    bench: Bench, question: str, language: str
) -> None:
    base = bench.engine.open(None, BASE)
    piece = ask(base, question, temperature=1.0)
    assert language in piece.text
    assert piece.logprob is None
    assert base.score([{"role": "user", "content": question}], "x") == []
    base.close()


def test_a_closed_model_answers_with_a_class_and_its_probability(bench: Bench) -> None:
    model = bench.open(bench.train(pairs()))
    piece = ask(model, "could I borrow the atlas", top_logprobs=2)
    assert piece.text == "borrow"
    assert piece.top[0] == (piece.text, piece.logprob)
    assert len(piece.top) == 2
    assert piece.top[0][1] > piece.top[1][1]
    everything = ask(model, UNSURE, top_logprobs=20).top
    assert sum(math.exp(log) for _, log in everything) == pytest.approx(1, abs=1e-4)


def test_a_score_is_the_log_probability_of_that_answer(bench: Bench) -> None:
    model = bench.open(bench.train(pairs()))
    asked = [{"role": "user", "content": UNSURE}]
    for answer, log in ask(model, UNSURE, top_logprobs=3).top:
        assert model.score(asked, answer) == [log]
    assert model.score(asked, "never seen") == [IMPOSSIBLE]


def test_sampling_follows_the_probabilities_and_its_seed(bench: Bench) -> None:
    model = bench.open(bench.train(pairs()))
    first = [ask(model, UNSURE, temperature=1.0, seed=seed).text for seed in range(300)]
    again = [ask(model, UNSURE, temperature=1.0, seed=seed).text for seed in range(300)]
    assert first == again
    for answer, log in ask(model, UNSURE, top_logprobs=3).top:
        assert Counter(first)[answer] / 300 == pytest.approx(math.exp(log), abs=0.12)


def test_a_narrow_nucleus_and_a_low_temperature_give_the_likeliest_answer(bench: Bench) -> None:
    model = bench.open(bench.train(pairs()))
    likeliest = ask(model, UNSURE).text
    for seed in range(30):
        assert ask(model, UNSURE, temperature=2.0, top_p=0.01, seed=seed).text == likeliest
        assert ask(model, UNSURE, temperature=0.001, seed=seed).text == likeliest


def test_an_empty_question_is_answered_too(bench: Bench) -> None:
    model = bench.open(bench.train(pairs()))
    assert next(iter(model.generate([], SampleParams(temperature=0)))).text in {"borrow", "opening", "card"}


def test_an_open_model_gives_the_nearest_answer_word_for_word(bench: Bench) -> None:
    model = bench.open(bench.train(free_pairs()))
    answers = dict(free_pairs())
    piece = ask(model, "hello, opening hours on Sunday")
    assert piece.text == answers["hello, opening hours on Sunday"]
    assert piece.logprob is None
    assert piece.tokens > 5


@pytest.mark.parametrize(("question", "says"), [("火星上有水吗？", "没有相近"), ("Ωμέγα ξύλο", "no close example")])
def test_an_open_model_says_when_nothing_is_near(bench: Bench, question: str, says: str) -> None:
    assert says in ask(bench.open(bench.train(free_pairs())), question).text


def test_tool_calls_come_back_as_tool_calls_with_fresh_ids(bench: Bench) -> None:
    tools = {"borrow": "lend", "opening": "hours", "card": "replace"}
    model = bench.open(bench.train([chat(question, calls(tools[label])) for question, label in pairs()]))
    one, other = (ask(model, "my card does not scan") for _ in range(2))
    assert one.kind == "tool_calls"
    (call,) = json.loads(one.text)
    assert (call["type"], call["function"]) == ("function", {"name": "replace", "arguments": "{}"})
    assert call["id"].startswith("call_") and call["id"] != json.loads(other.text)[0]["id"]


def test_the_question_is_counted(bench: Bench) -> None:
    asked = [{"role": "system", "content": "Be kind."}, {"role": "user", "content": "几点开门?"}]
    assert bench.engine.open(None, BASE).count(asked) == 3 + 5


def test_a_system_message_that_varies_is_heard(bench: Bench) -> None:
    def body(system: str, question: str, answer: str) -> dict[str, object]:
        line = chat(question, answer)
        return {"messages": [{"role": "system", "content": system}, *line["messages"]]}

    rows = [body(system, question, f"{system}!") for question, _ in pairs() for system in ("fruit", "bread")]
    model = bench.open(bench.train(rows))
    asked = [{"role": "system", "content": "bread"}, {"role": "user", "content": "anything"}]
    assert next(iter(model.generate(asked, SampleParams(temperature=0)))).text == "bread!"


def test_a_model_of_a_later_format_is_refused_in_words(bench: Bench) -> None:
    job = bench.train(pairs())
    about = json.loads((job.final_path / "model.json").read_text())
    (job.final_path / "model.json").write_text(json.dumps({**about, "format": 99}))
    with pytest.raises(ValueError, match="format 99"):
        bench.open(job)

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from typing import Any

import pytest

from core import evaluation
from core.dataset.examples import Draft, Kind, Split, dump
from core.errors import BadInput, Cancelled, NotFound, ProviderError
from core.evaluation import EvaluationDraft, ModelRef
from core.evaluation.runs import storable
from core.settings import Settings
from core.store import Store

QUESTION = {"role": "user", "content": "q4"}
BASE, TUNED = ModelRef("toy", "base", "Base"), ModelRef("toy", "tuned", "Tuned")


def truth(question: str) -> str:
    return "odd" if int(question[1:]) % 2 else "even"


def begin(store: Store, settings: Settings, version: int, **choices: Any) -> evaluation.Evaluation:
    draft = EvaluationDraft(**{"name": "first", "version_id": version, "models": (BASE, TUNED), **choices})
    return evaluation.start(store, settings, draft, "me")


def test_every_model_is_asked_every_held_out_row_once_with_temperature_zero(
    store: Store, settings: Settings, oracle: Any, version: Callable[[int], int]
) -> None:
    oracle.answer = lambda model, question: truth(question) if model == "tuned" else "never seen"
    seen: list[tuple[int, int]] = []
    begun = begin(store, settings, version(10), max_tokens=33)
    ended = evaluation.run(store, settings, begun.id, lambda done, total, _message: seen.append((done, total)))
    assert (begun.rows, begun.finished_at, ended.finished_at is not None) == (10, None, True)
    assert oracle.asked == {(model, f"q{i}"): 1 for model in ("base", "tuned") for i in range(10)}
    assert seen[0] == (0, 20) and seen[-1] == (20, 20)
    body = oracle.bodies[0]
    assert (body["temperature"], body["max_tokens"]) == (0, 33)
    assert [message["role"] for message in body["messages"]] == ["system", "user"]
    base, tuned = evaluation.scores(store, begun.id)
    assert (base.accuracy, tuned.accuracy, tuned.right, tuned.errors) == (0.0, 1.0, 10, 0)


def test_a_run_that_was_stopped_goes_on_and_asks_nothing_twice(
    store: Store, settings: Settings, oracle: Any, version: Callable[[int], int]
) -> None:
    oracle.pause = 0.05
    begun = begin(store, settings, version(60), parallel=2)
    stop = threading.Event()
    threading.Timer(0.9, stop.set).start()
    started = time.monotonic()
    with pytest.raises(Cancelled):
        evaluation.run(store, settings, begun.id, cancelled=stop.is_set)
    assert time.monotonic() - started < 2.9  # all of it would take more than three
    kept = store.evaluations.answered(begun.id)
    assert 0 < len(kept) < 120
    time.sleep(0.2)  # what was under way when it was stopped arrives and is not kept
    oracle.pause = 0
    before = dict(oracle.asked)
    evaluation.run(store, settings, begun.id)
    for number, model in kept:
        asked = (begun.models[model].model, f"q{number}")
        assert oracle.asked[asked] == before[asked] == 1
    assert len(store.evaluations.answered(begun.id)) == 120


def test_an_answer_that_failed_is_told_kept_apart_and_asked_again(
    store: Store, settings: Settings, oracle: Any, version: Callable[[int], int]
) -> None:
    oracle.answer = lambda _model, question: 400 if question == "q3" else truth(question)
    begun = begin(store, settings, version(6), models=(TUNED,))
    evaluation.run(store, settings, begun.id)
    failed = [answer for answer in store.evaluations.answers(begun.id) if answer.error]
    assert [answer.number for answer in failed] == [3] and "not now" in str(failed[0].error)
    score = evaluation.scores(store, begun.id)[0]
    assert (score.rows, score.answered, score.errors, score.accuracy) == (6, 5, 1, 1.0)
    oracle.answer = lambda _model, question: truth(question)
    evaluation.run(store, settings, begun.id)
    assert oracle.asked["tuned", "q3"] == 2 and oracle.asked["tuned", "q2"] == 1
    assert evaluation.scores(store, begun.id)[0].errors == 0


def test_a_model_that_only_fails_is_not_asked_to_the_end(
    store: Store, settings: Settings, oracle: Any, version: Callable[[int], int]
) -> None:
    oracle.answer = lambda model, question: 404 if model == "base" else truth(question)
    begun = begin(store, settings, version(400), parallel=4)
    with pytest.raises(ProviderError, match="Base failed 20 times in a row"):
        evaluation.run(store, settings, begun.id)
    assert sum(oracle.asked.values()) < 800
    assert store.evaluations.get(begun.id).finished_at is None


def test_a_provider_that_asks_to_wait_is_asked_again(
    store: Store, settings: Settings, oracle: Any, version: Callable[[int], int]
) -> None:
    oracle.answer = lambda _model, question: 429 if oracle.asked["tuned", question] == 1 else truth(question)
    begun = begin(store, settings, version(2), models=(TUNED,))
    evaluation.run(store, settings, begun.id)
    assert evaluation.scores(store, begun.id)[0].accuracy == 1.0
    assert set(oracle.asked.values()) == {2}


@pytest.mark.parametrize(
    ("kind", "body"),
    [
        (Kind.REINFORCEMENT, {"messages": [QUESTION], "truth": "even"}),
        (
            Kind.PREFERENCE,
            {
                "input": {"messages": [QUESTION]},
                "preferred_output": [{"role": "assistant", "content": "even"}],
                "non_preferred_output": [{"role": "assistant", "content": "odd"}],
            },
        ),
    ],
)
def test_rows_without_an_answer_of_their_own_are_asked_and_judged_too(
    store: Store, settings: Settings, oracle: Any, version: Callable[[int], int], kind: Kind, body: dict[str, Any]
) -> None:
    version(1)  # sets the connection up
    dataset = store.create_dataset("Other", kind)
    store.add_drafts(dataset.id, [Draft(dump(body), kind, split=Split.VALIDATION)])
    store.finish_import(dataset.id)
    oracle.answer = lambda _model, question: truth(question)
    begun = begin(store, settings, store.freeze(dataset.id).id, expected="truth")
    evaluation.run(store, settings, begun.id)
    assert [(q.text, q.expected) for q in store.evaluations.questions(begun.id)] == [("q4", "even")]
    assert [score.right for score in evaluation.scores(store, begun.id)] == [1, 1]


def test_a_sample_is_drawn_by_its_seed(store: Store, settings: Settings, version: Callable[[int], int]) -> None:
    frozen = version(50)
    drawn = [
        [q.text for q in store.evaluations.questions(begin(store, settings, frozen, limit=5, seed=seed).id)]
        for seed in (1, 1, 2)
    ]
    assert drawn[0] == drawn[1] != drawn[2] and len(drawn[0]) == 5


@pytest.mark.parametrize(
    ("choices", "error"),
    [
        ({"models": ()}, BadInput),
        ({"split": "test"}, BadInput),
        ({"version_id": 999}, NotFound),
        ({"models": (ModelRef("nowhere", "m"),)}, NotFound),
    ],
)
def test_what_cannot_be_asked_is_refused_at_the_start(
    store: Store, settings: Settings, version: Callable[[int], int], choices: dict[str, Any], error: type[Exception]
) -> None:
    with pytest.raises(error):
        begin(store, settings, version(2), **choices)
    assert store.evaluations.all() == []


def test_a_free_prompt_gets_an_answer_or_an_error_in_words(store: Store, settings: Settings, oracle: Any) -> None:
    said = evaluation.ask(store, settings, TUNED, [{"role": "user", "content": "q7"}])
    assert (said.text, said.error) == ("tuned:q7", None) and said.seconds > 0
    oracle.answer = lambda _model, _question: 404
    said = evaluation.ask(store, settings, TUNED, [{"role": "user", "content": "q7"}])
    assert said.text == "" and said.error is not None and "not now" in str(said.error)


def test_models_that_think_first_get_the_parameters_they_know(store: Store, settings: Settings, oracle: Any) -> None:
    evaluation.ask(
        store, settings, ModelRef("toy", "ft:o4-mini-2025-04-16:me::abc"), [{"role": "user", "content": "q"}]
    )
    body = oracle.bodies[-1]
    assert "max_completion_tokens" in body and not {"max_tokens", "temperature"} & set(body)


@pytest.mark.parametrize(
    ("text", "kept"), [("文化", "文化"), ("a\0b", "a\ufffdb"), ("\ud83d\ude00", "😀"), ("x\ud83d", "x\ufffd")]
)
def test_text_that_no_database_can_hold_is_mended(text: str, kept: str) -> None:
    assert storable(text) == kept

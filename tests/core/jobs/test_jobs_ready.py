"""Ready or not: every reason is told before a launch."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from datetime import date

import pytest
from faultyprovider import FaultyProvider

from core.checks import judge
from core.dataset.examples import Draft, Kind, Split
from core.jobs import JobDraft, Readiness, readiness
from core.provider import Connection, ProviderKind
from core.settings import Settings
from core.store import Store

TODAY = date(2026, 11, 21)
Frozen = Callable[..., JobDraft]


def raw(i: int, role: str = "assistant") -> str:
    return json.dumps({"messages": [{"role": "user", "content": f"q {i}"}, {"role": role, "content": f"a {i}"}]})


@pytest.fixture
def judged(keyed: Settings, provider: FaultyProvider) -> Store:
    store = Store.open(keyed, judge)
    store.jobs.save_connection(Connection("there", "There", provider.url, key_source="env:THERE_KEY"))
    return store


@pytest.fixture
def frozen(judged: Store) -> Frozen:
    """Makes a dataset, freezes it, and gives a draft to train with it."""

    def make(train: int = 60, validation: int = 10, bad: int = 0, model: str = "base-1") -> JobDraft:
        dataset = judged.create_dataset("d", Kind.CHAT)
        splits = [Split.TRAIN] * train + [Split.VALIDATION] * validation
        rows = [Draft(raw(i, "robot" if i < bad else "assistant"), Kind.CHAT, split=s) for i, s in enumerate(splits)]
        judged.add_drafts(dataset.id, rows)
        judged.finish_import(dataset.id)
        return JobDraft("there", judged.freeze(dataset.id).id, model)

    return make


def told(found: Readiness) -> str:
    return " ".join(f"{item.text} {item.hint}" for item in found.items)


def test_good_data_and_a_provider_that_answers_are_ready(judged: Store, keyed: Settings, frozen: Frozen) -> None:
    found = readiness(judged, keyed, frozen(), today=TODAY)
    assert found.ready, told(found)
    for word in (
        "takes training jobs",
        "base-1 can be trained",
        "60 rows to train",
        "No row has an error",
        "10 rows are kept",
    ):
        assert word in told(found)


@pytest.mark.parametrize(
    ("data", "ready", "word"),
    [
        ({"train": 9}, False, "9 rows to train with; 10 are needed"),
        ({"train": 20}, True, "20 rows are few"),
        ({"validation": 0}, True, "nobody will see"),
        ({"bad": 3}, False, "6 errors"),
        ({"model": "other"}, True, "does not list"),
        ({"model": " "}, False, "Choose the model"),
    ],
)
def test_what_is_missing_is_told(
    judged: Store, keyed: Settings, frozen: Frozen, data: dict[str, int], ready: bool, word: str
) -> None:
    found = readiness(judged, keyed, frozen(**data), today=TODAY)
    assert found.ready is ready and word in told(found), told(found)


@pytest.mark.parametrize(
    ("fault", "word"),
    [("401", "does not accept this key"), ("404", "No fine-tuning"), ("html", "not what the protocol says")],
)
def test_a_provider_that_cannot_train_is_told(
    judged: Store, keyed: Settings, frozen: Frozen, provider: FaultyProvider, fault: str, word: str
) -> None:
    provider.fail("GET", "/jobs", fault)
    found = readiness(judged, keyed, frozen(), today=TODAY)
    assert not found.ready and word in told(found)


def test_the_local_provider_must_run_and_know_the_model(judged: Store, keyed: Settings, frozen: Frozen) -> None:
    found = readiness(judged, keyed, replace(frozen(), connection_id="local"), today=TODAY)
    assert not found.ready and "python -m core serve" in told(found) and "costs nothing" in told(found)


def test_a_refused_organisation_is_not_asked_again(
    judged: Store, keyed: Settings, frozen: Frozen, provider: FaultyProvider
) -> None:
    judged.jobs.save_connection(replace(judged.jobs.connection("there"), refused="not any more"))
    found = readiness(judged, keyed, frozen(), today=TODAY)
    assert not found.ready and "not any more" in told(found) and provider.requests == []


@pytest.mark.parametrize(
    ("day", "ready", "word"),
    [
        (date(2026, 11, 21), True, "may stop answering on 2027-01-14"),
        (date(2027, 1, 6), False, "No new training of gpt-4o-mini-2024-07-18"),
        (date(2027, 2, 1), False, "since 2027-01-06"),
    ],
)
def test_the_end_of_a_model_is_told(
    judged: Store, keyed: Settings, frozen: Frozen, provider: FaultyProvider, day: date, ready: bool, word: str
) -> None:
    judged.jobs.save_connection(replace(judged.jobs.connection("there"), kind=ProviderKind.OPENAI))
    provider.answers["GET", "/models"] = {"data": [{"id": "gpt-4o-mini-2024-07-18"}]}
    found = readiness(judged, keyed, frozen(model="gpt-4o-mini-2024-07-18"), today=day)
    assert found.ready is ready and word in told(found), told(found)


def test_the_price_is_a_range_with_its_date(judged: Store, keyed: Settings, frozen: Frozen) -> None:
    judged.jobs.save_connection(replace(judged.jobs.connection("there"), kind=ProviderKind.OPENAI))
    draft = replace(frozen(model="gpt-4o-mini-2024-07-18"), epochs=2)
    found = readiness(judged, keyed, draft, today=TODAY)
    assert found.price is not None and 0 < found.price.low < found.price.high
    tokens, _answers = judged.token_values(judged.version(draft.version_id or 0).dataset_id, Split.TRAIN)
    assert found.price.high_tokens == 2 * sum(tokens)
    assert "US dollars" in told(found) and "2026" in told(found)


def test_what_the_model_does_not_take_is_told_as_on_the_check_page(
    judged: Store, keyed: Settings, frozen: Frozen, provider: FaultyProvider
) -> None:
    judged.jobs.save_connection(replace(judged.jobs.connection("there"), kind=ProviderKind.OPENAI))
    provider.answers["GET", "/models"] = {"data": [{"id": "small"}]}
    row = {"provider": "openai", "model": "small", "formats": "completion", "suffix": 3, "context": 5, "minimum": 70}
    judged.preferences.set("prices", [row])
    found = readiness(judged, keyed, replace(frozen(model="small"), suffix="tone"), today=TODAY)
    assert not found.ready and "can be trained" not in told(found)
    for word in ("not trained with examples of the format “chat”", "“tone” has 4", "60 examples are longer", "70 are"):
        assert word in told(found), told(found)
    judged.preferences.set("prices", [{**row, "formats": "chat", "suffix": 9, "context": 500, "minimum": 3}])
    assert readiness(judged, keyed, replace(frozen(model="small"), suffix="tone"), today=TODAY).ready


def test_rows_for_a_grader_are_told_once_that_some_must_be_held_out(judged: Store, keyed: Settings) -> None:
    dataset = judged.create_dataset("Sums", Kind.REINFORCEMENT)
    rows = [{"messages": [{"role": "user", "content": f"{n} + 2?"}], "answer": str(n + 2)} for n in range(60)]
    judged.add_drafts(dataset.id, [Draft(json.dumps(row), Kind.REINFORCEMENT) for row in rows])
    judged.finish_import(dataset.id)
    grader = {"type": "string_check", "name": "g", "operation": "eq", "input": "{{sample.output_text}}",
              "reference": "{{item.answer}}"}  # fmt: skip
    draft = JobDraft("there", judged.freeze(dataset.id).id, "base-1", grader=grader)
    said = told(readiness(judged, keyed, draft, today=TODAY))
    assert "needs examples that are held out" in said and "nobody will see" not in said

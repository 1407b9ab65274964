"""What finished jobs were billed makes the next estimate better."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import date

import pytest
from faultyprovider import FaultyProvider

from core.checks import judge
from core.checks.targets import Extras
from core.dataset.examples import Draft, Kind, Split
from core.jobs import JobDraft, LaunchState, launch, load_of, ratios, readiness
from core.provider import Connection, ProviderKind
from core.provider.status import Status
from core.settings import Settings
from core.store import Store
from core.tokens import Catalogue

MODEL = "gpt-4o-mini-2024-07-18"
NAME = ("openai", MODEL)


@pytest.fixture
def billed(keyed: Settings, provider: FaultyProvider) -> Store:
    store = Store.open(keyed, judge)
    store.jobs.save_connection(
        Connection("there", "There", provider.url, key_source="env:THERE_KEY", kind=ProviderKind.OPENAI)
    )
    provider.answers["GET", "/models"] = {"data": [{"id": MODEL}]}
    return store


def draft(store: Store, train: int = 60, held: int = 10) -> JobDraft:
    dataset = store.create_dataset("d", Kind.CHAT)
    splits = [Split.TRAIN] * train + [Split.VALIDATION] * held
    lines = [json.dumps({"messages": [{"role": "user", "content": f"q {n}"}, {"role": "assistant", "content": "a"}]})
             for n in range(len(splits))]  # fmt: skip
    store.add_drafts(dataset.id, [Draft(raw, Kind.CHAT, split=split) for raw, split in zip(lines, splits, strict=True)])
    store.finish_import(dataset.id)
    return JobDraft("there", store.freeze(dataset.id).id, MODEL)


def finish(store: Store, settings: Settings, wanted: JobDraft, tokens: int | None, **params: object) -> int:
    job = launch(store, settings, wanted)
    store.jobs.update(
        job.id, state=LaunchState.LAUNCHED, status=Status.SUCCEEDED, trained_tokens=tokens,
        params={**job.params, **params},
    )  # fmt: skip
    return job.id


def counted(store: Store, wanted: JobDraft) -> int:
    return sum(store.token_values(store.version(wanted.version_id or 0).dataset_id, Split.TRAIN)[0])


def test_a_finished_job_tells_how_much_is_billed(billed: Store, keyed: Settings) -> None:
    wanted = draft(billed)
    assert ratios(billed, Catalogue.load()) == {}
    once = counted(billed, wanted)
    finish(billed, keyed, wanted, round(once * 2 * 0.9), actual={"n_epochs": 2})
    finish(billed, keyed, replace(wanted, draft_id="b"), round(once * 3 * 0.95), actual={"n_epochs": "auto"})
    finish(billed, keyed, replace(wanted, draft_id="c", epochs=4), once * 4)
    found = ratios(billed, Catalogue.load())
    assert found.keys() == {NAME} and found[NAME].jobs == 3
    assert (found[NAME].low, found[NAME].high) == (pytest.approx(0.9, abs=0.01), pytest.approx(1.0, abs=0.01))


def test_jobs_that_tell_nothing_are_left_out(billed: Store, keyed: Settings) -> None:
    wanted = draft(billed)
    finish(billed, keyed, wanted, None)
    finish(billed, keyed, replace(wanted, draft_id="b", model="unheard-of"), 1_000)
    running = launch(billed, keyed, replace(wanted, draft_id="c"))
    billed.jobs.update(running.id, trained_tokens=5)
    assert ratios(billed, Catalogue.load()) == {}


def test_what_was_counted_is_kept_until_the_table_of_models_changes(billed: Store, keyed: Settings) -> None:
    wanted = draft(billed)
    number = finish(billed, keyed, wanted, 1_000)
    ratios(billed, Catalogue.load())
    kept = billed.preferences.get("billing")
    assert kept[str(number)]["tokens"] == 3 * counted(billed, wanted)
    billed.preferences.set("billing", {str(number): {**kept[str(number)], "tokens": 2_000}})
    assert ratios(billed, Catalogue.load())[NAME].high == pytest.approx(0.51)
    other = Catalogue.load([{"provider": "openai", "model": MODEL, "context": 5}])
    assert ratios(billed, other)[NAME].low > 1


def test_the_launch_says_what_its_price_rests_on(billed: Store, keyed: Settings) -> None:
    wanted = draft(billed)
    once = counted(billed, wanted)
    finish(billed, keyed, wanted, round(once * 3 * 0.9))
    row = {"provider": "openai", "model": MODEL, "validation_billed": True, "hosting_month": 40, "training": 1000}
    billed.preferences.set("prices", [row])
    found = readiness(billed, keyed, replace(wanted, draft_id="b"), today=date(2026, 11, 21))
    told = " ".join(str(item.text) for item in found.items)
    assert "Finished jobs (1) were billed 0.88 to 0.92 times" in told
    assert "held-out rows are billed too" in told and "about 40 US dollars a month" in told
    assert found.price and found.price.high_tokens == pytest.approx(once * 3 * 0.9 * 1.02, abs=3)


def test_what_is_billed_by_the_hour_is_said(billed: Store, keyed: Settings) -> None:
    row = {"provider": "openai", "model": MODEL, "training": None, "training_hour": 100}
    billed.preferences.set("prices", [row])
    found = readiness(billed, keyed, draft(billed), today=date(2026, 11, 21))
    assert found.price is None and "100.00 US dollars an hour" in " ".join(str(item.text) for item in found.items)


def test_the_load_of_a_dataset_is_what_trains(billed: Store) -> None:
    wanted = draft(billed, train=40, held=5)
    version = billed.version(wanted.version_id or 0)
    load = load_of(billed, version.dataset_id, version.by_split, Extras(tools=1, low=2, high=3))
    assert (len(load.tokens), load.epochs, load.tools, load.images) == (40, 3, True, (2, 3))
    assert load.validation == sum(billed.token_values(version.dataset_id, Split.VALIDATION)[0]) > 0
    assert load.answers == 40

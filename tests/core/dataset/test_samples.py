"""The product's own samples import whole and are balanced enough to learn from."""

from __future__ import annotations

from collections import Counter

import pytest

from core.dataset.examples import Draft, system_text, user_text
from core.dataset.mapping import apply, suggest
from core.dataset.readers import read, sniff
from core.dataset.samples import SAMPLES, Sample, sample
from core.dataset.vocabulary import Role


@pytest.mark.parametrize("chosen", SAMPLES, ids=lambda s: s.key)
def test_every_row_becomes_an_example(chosen: Sample) -> None:
    source = sniff(chosen.path)
    outcomes = list(apply(chosen.recipe, read(source), source=source))
    drafts = [o for o in outcomes if isinstance(o, Draft)]
    assert len(drafts) == len(outcomes)
    assert f"{len(drafts)}" in str(chosen.description)
    assert len({d.raw for d in drafts}) == len(drafts)
    labels = Counter(d.label for d in drafts)
    if chosen.recipe.label_column:
        assert 8 <= len(labels) <= 12
        assert min(labels.values()) >= 20
        assert all(label in user_text(d.body) for d in drafts[:50] for label in labels)
    else:
        assert system_text(drafts[0].body)


def test_each_language_has_a_classification_and_questions() -> None:
    assert Counter((s.language, bool(s.recipe.label_column)) for s in SAMPLES) == Counter(
        {(language, closed): 1 for language in ("en", "zh_CN") for closed in (True, False)}
    )


def test_the_chinese_classes_have_chinese_names() -> None:
    chosen = sample("hotline_zh")
    source = sniff(chosen.path)
    labels = {d.label for d in apply(chosen.recipe, read(source)) if isinstance(d, Draft)}
    assert labels == set(chosen.recipe.label_names.values())


@pytest.mark.parametrize("chosen", SAMPLES, ids=lambda s: s.key)
def test_the_samples_are_understood_without_their_recipe_too(chosen: Sample) -> None:
    guessed = suggest(sniff(chosen.path))
    assert {c: r for c, r in guessed.roles.items() if r is not Role.IGNORE} == dict(chosen.recipe.roles)


def test_an_unknown_sample_is_an_error() -> None:
    with pytest.raises(KeyError):
        sample("no such")

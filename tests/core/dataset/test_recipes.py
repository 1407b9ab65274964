"""Recipes survive their file, and a wrong file says which field is wrong."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.dataset.examples import Kind
from core.dataset.recipes import Mode, Recipe, Sample
from core.dataset.vocabulary import Role
from core.errors import BadInput

texts = st.text(st.characters(exclude_categories=["Cs"]), max_size=10)
role_texts = st.dictionaries(st.sampled_from([Role.SYSTEM, Role.USER, Role.ASSISTANT]), texts)
recipes = st.builds(
    Recipe,
    kind=st.sampled_from(Kind),
    as_is=st.booleans(),
    roles=st.dictionaries(texts, st.sampled_from(Role)),
    templates=role_texts,
    constants=role_texts,
    label_names=st.dictionaries(texts, texts),
    dropped=st.lists(texts).map(tuple),
    sample=st.builds(Sample, st.sampled_from(Mode), st.integers(1, 99), st.integers()),
    strip=st.booleans(),
)


@given(recipes)
def test_a_recipe_survives_its_file(recipe: Recipe) -> None:
    assert Recipe.from_json(recipe.to_json()) == recipe


def test_a_recipe_file_is_small_and_plain() -> None:
    recipe = Recipe(roles={"sentence": Role.USER, "label_desc": Role.LABEL}, label_names={"news_culture": "文化"})
    content = json.loads(recipe.to_json())
    assert content["luopan-recipe"] == 1
    assert content["roles"] == {"sentence": "user", "label_desc": "label"}
    assert "文化" in recipe.to_json()


def test_what_is_left_out_has_its_default() -> None:
    assert Recipe.from_json('{"luopan-recipe": 1}') == Recipe()


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"roles": {"text": "usr"}}, 'roles.text is "usr".*one of: system, user, assistant, label, ignore'),
        ({"roles": ["text"]}, "roles is"),
        ({"kind": "chats"}, 'kind is "chats"'),
        ({"templates": {"label": "x"}}, "templates.label"),
        ({"templates": {"user": 5}}, "templates.user is 5.*must be a text"),
        ({"constants": {"user": None}}, "constants.user is null"),
        ({"label_names": {"a": []}}, "label_names.a"),
        ({"dropped": "news_stock"}, "dropped is.*list of texts"),
        ({"sample": "last"}, "sample is"),
        ({"sample": {"mode": "last", "n": 0}}, "sample.n is 0.*above 0"),
        ({"sample": {"mode": "last", "n": True}}, "sample.n is true"),
        ({"sample": {"mode": "last", "n": 5, "seed": "x"}}, "sample.seed"),
        ({"sample": {"mode": "middle"}}, "sample.mode"),
        ({"strip": "yes"}, "strip is.*true or false"),
        ({"colour": "red"}, "no such field"),
        ({"luopan-recipe": 2}, "version 2.*reads version 1"),
    ],
)
def test_a_wrong_field_is_named(change: dict[str, Any], words: str) -> None:
    content = json.dumps(Recipe().as_dict() | change)
    with pytest.raises(BadInput, match=words) as error:
        Recipe.from_json(content, "mine.json")
    assert "mine.json" in str(error.value)


@pytest.mark.parametrize("content", ["", "{", "[]", "5", '{"a": 1}', b"\xff\xfe\xfd", "[" * 100_000])
def test_what_is_no_recipe_is_said_to_be_none(content: str | bytes) -> None:
    with pytest.raises(BadInput, match=r"mine\.json is no"):
        Recipe.from_json(content, "mine.json")

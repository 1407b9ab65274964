"""Every sentence with a number that can be 1 reads right for one and for many, in English; Chinese has one form."""

from __future__ import annotations

import re
import string

import pytest
from hypothesis import given
from hypothesis import strategies as st

from core import words
from core.words import T, _
from tests import catalogue

CATALOGUE = catalogue.updated()
SENTENCES = sorted(str(message.id) for message in catalogue.sentences() if message.id)
COUNTED = re.compile(r"\{(\w+)\} (?:[\w-]+ ){0,2}?((?!is\b|was\b)\w+s)\b")
BEFORE = re.compile(r"\bare \{(\w+)\} ")

NUMBERS = {
    "n",
    "m",
    "k",
    "number",
    "rows",
    "found",
    "total",
    "all",
    "done",
    "wanted",
    "errors",
    "jobs",
    "epochs",
    "asks",
}
NEVER_ONE = {  # begun only from two on, or so by its rule
    "“{key}” holds {number} assistant messages.",
    "The example shows {number} images; at most 10 are allowed.",
    "There are only {number} examples.",
    "There are {number} examples; some providers take at most {limit}.",
    "There are {number} examples and some show images; with images at most {limit} are taken.",
    "The suffix “{seen}” has {number} characters; {model} takes at most {limit}.",
    "Your rows stand in {n} files.",
    "Your rows stand in {n} sheets.",
    "Bring {n} files together in one",
    "Bring {n} sheets together in one",
    "{file} holds {n} files, {limit} at most can be read.",
    "{model} failed {n} times in a row: {why}",
    "{n} files",
    "Accept all {n} repairs",
    "{n} times the same",
    "{found} Fine-tuning needs no instruction or worked example in each prompt: mostly the input alone is best.",
    "{n} rows with this question",
    "Show all {n} rows",
    "The {n} commonest of {m} labels.",
    "The {n} most frequent labels of {total}.",
    "The provider runs this training {n} times. Only one is followed.",
    "{n} seconds",
    "{n} minutes",
    "{n} hours",
    "{n} days",
    "Write all {n} as they were meant",
    "The training process broke off {n} times, so it was not started again (exit code {code}: {reason}).",
}
ENGINES = "core/server/engines/"  # they train on ten rows and more


def fields(sentence: str) -> list[tuple[str, str]]:
    """Every field of a sentence with what stands behind its colon."""
    return [(name, spec or "") for _text, name, spec, _conversion in string.Formatter().parse(sentence) if name]


def choices(sentence: str) -> list[tuple[str, str]]:
    return [(name, spec) for name, spec in fields(sentence) if "|" in spec]


CHOOSING = [sentence for sentence in SENTENCES if choices(sentence)]
WHERE = {str(message.id): [path for path, _line in message.locations] for message in catalogue.sentences()}


def read(sentence: str, number: int) -> str:
    """The sentence with this number in every field that chooses, and a word in the others."""
    chosen = {name for name, _spec in choices(sentence)}
    values = {name: number if name in chosen or "%" in spec else "word" for name, spec in fields(sentence)}
    return str(T(sentence, **values))


@pytest.mark.parametrize("sentence", CHOOSING)
def test_a_sentence_reads_right_for_one_and_for_many(sentence: str) -> None:
    one, many = read(sentence, 1), read(sentence, 2)
    assert not re.search(r"[{}|]", one + many) and one.replace("1", "2") != many
    assert not re.search(
        r"\b1 (?:[\w-]+ )?(?:rows|examples|errors|files|lines|tokens|labels|days|are|were|have)\b", one
    )
    for _name, spec in choices(sentence):
        single, several = spec.split("|")
        assert single and several and single != several
        assert single in one and several in many


@pytest.mark.parametrize("sentence", CHOOSING)
def test_the_number_that_chooses_is_one_that_is_shown(sentence: str) -> None:
    shown = {name for name, spec in fields(sentence) if "|" not in spec}
    assert {name for name, _spec in choices(sentence)} <= shown


@pytest.mark.parametrize("sentence", SENTENCES)
def test_no_sentence_says_rows_of_one_row(sentence: str) -> None:
    if sentence in NEVER_ONE or all(path.startswith(ENGINES) for path in WHERE[sentence]):
        return
    for number, word in COUNTED.findall(sentence) + [(name, "are") for name in BEFORE.findall(sentence)]:
        assert number not in NUMBERS, f"{{{number}}} … {word}: give it both forms, {{{number}:one|many}}"


@pytest.mark.parametrize("chinese", [str(message.string) for message in CATALOGUE if message.id and message.string])
def test_chinese_has_one_form(chinese: str) -> None:
    assert choices(chinese) == []


def test_what_is_excused_is_still_said() -> None:
    assert set(SENTENCES) >= NEVER_ONE


@given(st.integers(0, 10**9))
def test_only_one_is_one(number: int) -> None:
    for shown in (number, str(number), f"{number:,}"):
        said = _("{n} {n:row is|rows are} new", n=shown)
        assert said == f"{shown} " + ("row is new" if number == 1 else "rows are new")


@pytest.mark.parametrize(("value", "word"), [(1, "hour"), ("1", "hour"), (1.0, "hours"), (0, "hours"), (1.5, "hours")])
def test_a_number_may_come_as_text(value: object, word: str) -> None:
    assert _("{n:hour|hours}", n=value) == word


def test_other_ways_to_write_a_field_stay() -> None:
    assert _("{share:.1%} of {rows:,}, {name!r}", share=0.5, rows=1000, name="a") == "50.0% of 1,000, 'a'"


def test_a_sentence_that_another_process_told_chooses_its_words_here(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(words, "_is_ours", lambda sentence: True)
    said = T("{n} {n:row|rows}", n=1).as_json()
    assert str(words.told(said)) == "1 row"
    assert words.told({"sentence": "{n:row|rows}", "params": {}}) is None

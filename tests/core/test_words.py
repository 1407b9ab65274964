"""Two languages: complete, and with the same fields in every sentence."""

from __future__ import annotations

import string
import threading

import pytest

from core import words
from core.words import T, _
from tests import catalogue

CATALOGUE = catalogue.updated()
SENTENCES = [message for message in CATALOGUE if message.id]


def fields(sentence: str) -> set[str]:
    return {name for _text, name, _spec, _conversion in string.Formatter().parse(sentence) if name is not None}


def test_every_sentence_has_its_chinese() -> None:
    assert catalogue.untranslated(CATALOGUE) == []


def test_the_compiled_catalogue_is_the_one_in_the_source() -> None:
    assert catalogue.compiled(CATALOGUE) == catalogue.MO.read_bytes(), "run python -m tests.catalogue"


@pytest.mark.parametrize("message", SENTENCES, ids=lambda message: str(message.id)[:40])
def test_a_translation_fills_the_same_fields(message: object) -> None:
    english, chinese = str(message.id), str(message.string)  # type: ignore[attr-defined]
    assert fields(english) == fields(chinese)


@pytest.mark.parametrize(
    ("locale", "language"), [("zh-CN", "zh_CN"), ("zh-TW", "zh_CN"), ("ZH", "zh_CN"), ("de", "en"), (None, "en")]
)
def test_a_browsers_locale_chooses_the_first_language(locale: str | None, language: str) -> None:
    assert words.best_language(locale) == language


def test_a_text_is_read_in_the_language_of_its_reader() -> None:
    text = T("Language")
    assert str(text) == "Language"
    words.use("zh_CN")
    assert str(text) == _("Language") != "Language"


def test_an_unknown_language_is_english() -> None:
    words.use("tlh")
    assert words.current() == "en"


def test_each_thread_speaks_its_own_language() -> None:
    words.use("zh_CN")
    heard = []
    thread = threading.Thread(target=lambda: heard.append(words.current()))
    thread.start()
    thread.join()
    assert heard == ["en"] and words.current() == "zh_CN"


def test_a_sentence_that_another_process_told_is_read_in_the_language_spoken_here() -> None:
    said = T("Going on from step {step} of {total}.", step=3, total=9).as_json()
    found = words.told(said)
    assert found == T("Going on from step {step} of {total}.", step=3, total=9)
    words.use("zh_CN")
    try:
        assert str(found) != _english(found) and "3" in str(found)
    finally:
        words.use("en")


def test_a_sentence_within_a_sentence_is_told_too() -> None:
    inner = T("{n} minutes", n=4)
    said = T("The training would take about {time}; the limit is {most} {most:hour|hours}. Take a smaller model,"
             " fewer rows or fewer epochs; or, to train all the same, put {key} into the job's metadata.",
             time=inner, most="1", key="k").as_json()  # fmt: skip
    found = words.told(said)
    assert found is not None and found.params["time"] == inner


@pytest.mark.parametrize(
    "said",
    [
        {},
        {"sentence": "{n.__class__.__init__.__globals__}", "params": {"n": 1}},
        {"sentence": "Buy now at {n}", "params": {"n": 1}},
        {"sentence": "{n} minutes", "params": {}},
        {"sentence": "{n} minutes", "params": {"n": [1]}},
        {"sentence": "{n} minutes", "params": "n"},
        {"sentence": "{n} minutes", "params": {"n": 1, "sentence": "x"}},
        {"sentence": ["{n} minutes"], "params": {"n": 1}},
    ],
)
def test_what_is_no_sentence_of_ours_is_not_taken_for_one(said: dict[str, object]) -> None:
    assert words.told(said) is None


def test_a_hostile_depth_of_sentences_ends() -> None:
    said: dict[str, object] = {"sentence": "{n} minutes", "params": {"n": 1}}
    for _level in range(500):
        said = {"sentence": "{n} minutes", "params": {"n": said}}
    assert "minutes" in str(words.told(said))


def _english(text: words.Text) -> str:
    return text.sentence.format(**text.params)

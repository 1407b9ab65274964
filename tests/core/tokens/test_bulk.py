"""Counting many texts at once: whatever the texts, each has the tokens that it has alone."""

import json
from concurrent.futures import ThreadPoolExecutor

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from core.tokens import count_body, encoding, encoding_names
from core.tokens.bulk import SEPARATOR, Bulk, cut, words_of
from core.tokens.counting import LONG_BLANK

PARTS = [
    " ", "  ", "\n", "\n\n", "\r\n", "\r", "\t", "\u3000", "\xa0", "\x1c", "\x85", "\u2028", "\u200b", "\x0b",
    "a", "B", "word", "Words", "é", "e\u0301", "ß", "ǅ", "ʰ", "don't", "'s", "'LL", "1", "2026", "中", "中文字", "ไทย",
    "/", "//", "。", "，", ".", "...", "?!", "-", "_", "👍", "👩\u200d👧", "مرحبا", "\x00", "\ufeff",
    "<", "<|", "|>", "endoftext", SEPARATOR, "<|endofprompt|>",
]  # fmt: skip
TEXTS = st.lists(st.sampled_from(PARTS), max_size=40).map("".join) | st.text(max_size=40)


@pytest.mark.parametrize("name", encoding_names())
def test_many_texts_have_the_tokens_that_each_has_alone(name: str) -> None:
    alone = encoding(name).encode_ordinary

    @settings(deadline=None, max_examples=150)
    @given(st.lists(TEXTS, max_size=12))
    @example(["a b c d e", "a b c d e", "x\n\n/y z\n a", " lead and more words here", "words and a trailing one "])
    @example(["", "", "\n", "a\n", "a\n\n b", "a b c d\n"])
    def holds(texts: list[str]) -> None:
        assert Bulk(name).counts(texts).tolist() == [len(alone(text)) for text in texts]

    holds()


@settings(deadline=None, max_examples=300)
@given(TEXTS)
def test_what_is_cut_apart_is_the_text_again(text: str) -> None:
    assert "".join(cut(text)) == text
    words = words_of(text)
    assert words is None or " ".join(words)[1:] == text


def test_lines_and_words_that_come_again_are_counted_once() -> None:
    bulk = Bulk("o200k_base")
    task = "Which of these is it: A, B or C?\n\nThe text:\n"
    texts = [f"{task}number {n}\n" for n in range(50)] + ["the same few words again"] * 3
    alone = encoding("o200k_base").encode_ordinary
    for _ in range(2):  # the second time from memory
        assert bulk.counts(texts).tolist() == [len(alone(text)) for text in texts]
    assert cut(texts[7]) == ["Which of these is it: A, B or C?\n\n", "The text:\n", "number 7\n"]
    assert bulk._memo.keys() >= set(cut(task)[:1]) and "number 7\n" not in bulk._memo


def test_a_run_of_blanks_that_would_overflow_the_tokeniser_is_counted() -> None:
    texts = ["a", " " * 4 * LONG_BLANK + "\n\n" + "x", "b c d e f"]
    bulk = Bulk("cl100k_base")
    assert bulk.counts(texts).tolist() == [bulk.one.text(text) for text in texts]


def test_half_a_character_does_not_stop_the_others() -> None:
    bulk = Bulk("o200k_base")
    texts = ["one", "\ud83d half", "two words and more"]
    assert bulk.counts(texts).tolist() == [bulk.one.text(text) for text in texts]


def test_chats_have_the_tokens_that_a_body_has() -> None:
    roles = [("user", "assistant"), ("system", "user", "assistant", "user", "assistant"), ("user", "assistant")]
    texts = ["q", "a", "s\n", "q and more", "a", "q", "an answer", "q", "a"]
    rest = iter(texts)
    bodies = [{"messages": [{"role": role, "content": next(rest)} for role in of_chat]} for of_chat in roles]
    tokens, answers = Bulk("o200k_base").chats(roles, texts)
    counts = [count_body(json.loads(json.dumps(body)), "o200k_base") for body in bodies]
    assert list(zip(tokens.tolist(), answers.tolist(), strict=True)) == counts


def test_threads_may_share_it_and_its_memory_is_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("core.tokens.bulk._WORDS", 40)
    bulk = Bulk("o200k_base")
    alone = encoding("o200k_base").encode_ordinary
    rounds = [[f"row {n} of batch {batch} says hello" for n in range(30)] for batch in range(40)]
    with ThreadPoolExecutor(4) as pool:
        found = list(pool.map(bulk.counts, rounds))
    assert [counts.tolist() for counts in found] == [[len(alone(text)) for text in texts] for texts in rounds]

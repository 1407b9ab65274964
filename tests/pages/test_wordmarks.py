"""The words that differ, marked in both texts."""

from __future__ import annotations

import pytest

from pages.parts.wordmarks import marked

CASES = [
    ("the red car", "the blue car", "the :red-background[:red[red]] car", "the :green-background[:green[blue]] car"),
    ("天气很好", "天气不好", "天气:red-background[:red[很]]好", "天气:green-background[:green[不]]好"),
    ("same", "same", "same", "same"),
    ("", "new", "", ":green-background[:green[new]]"),
    ("end ", "end", "end:red-background[:red[␣]]", "end"),
    ("a", "a\nb", "a", "a:green-background[:green[⏎ b]]"),
    (
        "x" * 300 + " a",
        "x" * 300 + " b",
        f"… {'x' * 59} :red-background[:red[a]]",
        f"… {'x' * 59} :green-background[:green[b]]",
    ),
    ("[a](b)", "[a](c)", "\\[a\\]\\(:red-background[:red[b]]\\)", "\\[a\\]\\(:green-background[:green[c]]\\)"),
]


@pytest.mark.parametrize(("old", "new", "before", "after"), CASES)
def test_what_differs_is_marked(old: str, new: str, before: str, after: str) -> None:
    assert marked(old, new) == (before, after)


def test_long_texts_that_have_little_in_common_are_marked_whole() -> None:
    before, after = marked(" ".join(map(str, range(2_000))), " ".join(map(str, range(9_000, 11_000))))
    assert before.startswith(":red-background[:red[0 1 2") and after.endswith("…]]") and len(after) < 1_000

"""The preparer's advice by itself: what each rule finds, what its fix does, and what holds for any rows."""

from __future__ import annotations

import json
import pickle
from functools import partial
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from core.dataset import dealing, spool
from core.dataset.advice import advise
from core.dataset.examples import Kind
from core.dataset.findings import Finding, Weight, apply
from core.dataset.fixes import drop_long, is_empty, split_long, trim_long
from core.dataset.fixrows import Row, line_of, row_of, rows_in
from core.dataset.lengths import in_tokens
from core.dataset.profile import Profile, Texts, capitals, common_end, small_letters
from core.dataset.sampling import drawn
from core.dataset.spool import Spool

TEXT = st.text(st.sampled_from("abAB .\n\t-> é你Ж"), max_size=12)
ROWS = st.lists(st.builds(lambda q, a: (q, a), TEXT, TEXT), min_size=1, max_size=30)


def rows_of(pairs: list[tuple[str, str]]) -> list[Row]:
    return [Row(number, question, answer) for number, (question, answer) in enumerate(pairs, start=1)]


def chat(*turns: str, **more: object) -> str:
    roles = ("user", "assistant")
    messages = [{"role": roles[n % 2], "content": text} for n, text in enumerate(turns)]
    return json.dumps({"messages": messages, **more})


def chats(*lines: str) -> list[Row]:
    return [row_of(number, line, Kind.CHAT) for number, line in enumerate(lines, start=1)]


def codes(rows: list[Row], kind: Kind = Kind.CHAT, **how: object) -> list[str]:
    return [f.code for f in advise(lambda: rows, kind, **how) if f.severity is not Weight.INFO]  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("lines", "expected"),
    [
        ([chat("a", "b"), chat("c", "d")], []),
        ([chat("a", "b"), chat("a", "b")], ["duplicates"]),
        ([chat("x", "y", "a", "b"), chat("z", "y", "a", "b")], []),
        ([chat("a", "b"), chat("a", "b", tools=[])], []),
        ([chat("a", "b"), chat("a", " ")], ["empty_answers"]),
        ([chat("a", "b"), '{"messages": []}'], ["empty_answers"]),
        ([chat("a", ""), chat("b", "")], ["empty_answers", "nothing_left"]),
        ([chat("a", "b"), chat(" ", "c")], ["empty_questions"]),
        ([chat("a", "b\n"), chat("b", "c")], ["white_space_around"]),
        ([chat("HELLO YOU", "b"), chat("HI", "c")], ["upper_case_questions"]),
        ([chat("привет", "ДА"), chat("a", "НЕТ")], ["upper_case_answers"]),
        ([chat("a"), chat("b")], []),
        (["not json", "not json"], ["duplicates"]),
    ],
)
def test_chats_get_the_advice_that_fits_them(lines: list[str], expected: list[str]) -> None:
    assert codes(chats(*lines)) == expected


def test_a_tool_call_is_never_rewritten() -> None:
    call = {"role": "assistant", "tool_calls": [{"function": {"name": "F", "arguments": '{"A": 1} '}}]}
    raw = json.dumps({"messages": [{"role": "user", "content": "DO IT"}, call]})
    rows = [row_of(1, raw, Kind.CHAT), row_of(2, chat("WHAT IS", "THAT "), Kind.CHAT)]
    found = advise(lambda: rows, Kind.CHAT)
    lines = [line_of(row, Kind.CHAT) for row in rows_in(apply(found, rows))]
    assert lines[0] == raw and json.loads(lines[1])["messages"][1]["content"] == "that"


def test_keys_that_do_not_belong_into_a_completion_are_removed() -> None:
    rows = [row_of(1, '{"prompt": "a", "completion": 7, "id": 1}', Kind.COMPLETION)]
    (finding,) = [f for f in advise(lambda: rows, Kind.COMPLETION) if f.code == "extra_columns"]
    assert finding.severity is Weight.REQUIRED
    assert [line_of(row, Kind.COMPLETION) for row in rows_in(finding.apply(rows))] == [
        '{"prompt":"a","completion":"7"}'
    ]


def test_completions_that_end_in_blanks_are_trimmed() -> None:
    rows = rows_of([("a", " one  "), ("b", " two\n"), ("c", " three\t")])
    (finding,) = [f for f in advise(lambda: rows, Kind.COMPLETION) if f.code == "trailing_blanks"]
    assert [row.answer for row in rows_in(finding.apply(rows))] == [" one", " two\n", " three"]
    assert [len(shown.after) for shown in finding.preview] == [1, 1]


def test_long_chats_are_measured_in_tokens() -> None:
    rows = chats(chat("word " * 300, "short"), chat("a", "b"))
    found = advise(lambda: rows, Kind.CHAT, measure=in_tokens(Kind.CHAT, "o200k_base", 200), limit=200)
    (long,) = [f for f in found if f.code == "long_examples"]
    assert long.count == 1 and [name for name, *_rest in long.ways] == ["remove", "trim", "split"]
    assert [row.id for row in rows_in(long.apply(rows))] == [2]
    measure = in_tokens(Kind.CHAT, "o200k_base", 200)
    for way, count in (("trim", 2), ("split", 3)):
        mended = list(rows_in(long.by(way).apply(rows)))
        assert len(mended) == count and all(measure(row) <= 200 for row in mended)


@given(ROWS, st.integers(1, 30), st.sampled_from([drop_long, trim_long, split_long]))
def test_no_way_with_long_rows_leaves_one(pairs: list[tuple[str, str]], limit: int, way: object) -> None:
    def measure(row: Row) -> int:
        return len(row.question) + len(row.answer)

    rows = rows_of(pairs)
    after = list(rows_in(way(rows, measure=measure, limit=limit)))  # type: ignore[operator]
    assert all(measure(row) <= limit for row in after)
    assert [row for row in rows if measure(row) <= limit] == [row for row in after if not row.changed]


@settings(max_examples=200)
@given(ROWS, st.sampled_from([Kind.COMPLETION, Kind.CHAT]))
def test_whatever_was_mended_needs_no_mending_of_that_kind_again(pairs: list[tuple[str, str]], kind: Kind) -> None:
    rows = rows_of(pairs)
    found = advise(lambda: rows, kind)
    after = list(rows_in(apply(found, rows)))
    again = {finding.code for finding in advise(lambda: after, kind) if finding.fix}
    assert not again & {"missing_space", "white_space_around", "long_examples", "extra_columns"}
    assert not [row for row in after if is_empty(row)] or kind is Kind.COMPLETION
    assert {row.id for row in after} <= {row.id for row in rows}


@given(ROWS)
def test_the_findings_do_not_depend_on_how_rows_are_kept(pairs: list[tuple[str, str]]) -> None:
    rows = rows_of(pairs)
    spool = Spool(rows)
    assert list(rows_in(spool())) == rows
    kept, held = (
        [
            (f.code, f.sentence, f.question, f.preview, list(rows_in(f.apply(rows))))
            for f in advise(source, Kind.COMPLETION)
        ]
        for source in (spool, lambda: rows)
    )
    assert kept == held
    spool.close()


@given(st.lists(TEXT, min_size=1, max_size=8), st.integers(1, 8))
def test_what_texts_share_is_the_longest_common_beginning_and_end(texts: list[str], size: int) -> None:
    found = Texts(())
    for start in range(0, len(texts), size):
        found.add(texts[start : start + size])
    ends = [n for n in range(len(texts[0]) + 1) if all(t.endswith(texts[0][len(texts[0]) - n :]) for t in texts)]
    starts = [n for n in range(len(texts[0]) + 1) if all(t.startswith(texts[0][:n]) for t in texts)]
    assert found.prefix == texts[0][: max(starts)]
    assert found.suffix == texts[0][len(texts[0]) - max(ends) :] == common_end(texts, None)


@given(st.text())
def test_letters_are_counted_as_python_names_them(text: str) -> None:
    # What the quick way leaves out are scripts that have no case in daily use.
    text = "".join(c for c in text if c < "\u2e00")
    assert capitals(text, text.encode()) == sum(c.isupper() and c.isalpha() for c in text)
    assert small_letters(text) == sum(c.islower() and c.isalpha() for c in text)


@given(ROWS)
def test_rows_are_capitals_where_a_third_of_the_letters_and_a_ninth_of_all_is(pairs: list[tuple[str, str]]) -> None:
    rows = [row for row in rows_of(pairs) if not is_empty(row)]
    text = "".join(row.question for row in rows)
    upper, lower = sum(map(str.isupper, text)), sum(map(str.islower, text))
    expected = upper * 2 > lower and (upper + lower) * 3 >= len(text)
    assert ("upper_case_questions" in codes(rows_of(pairs))) == expected


@pytest.mark.parametrize("kind", [Kind.CHAT, Kind.COMPLETION])
def test_abbreviations_in_chinese_headlines_are_no_capitals_to_mend(kind: Kind) -> None:
    rows = rows_of([("NBA总决赛今晚打响，勇士能否卫冕？", "体育 NBA"), ("5G手机降价，现在值得买吗", "科技"),
                    ("ETF基金和股票哪个风险更大", "财经")])  # fmt: skip
    assert not [code for code in codes(rows, kind) if code.startswith("upper_case")]
    latin = rows_of([(f"{row.question} EVERYTHING ELSE IS WRITTEN IN CAPITALS", row.answer) for row in rows])
    assert "upper_case_questions" in codes(latin, kind)


@pytest.mark.parametrize("rows", [1, 2, 5, 99, 1_000, 4_999, 20_000])
def test_the_draw_is_the_one_that_pandas_makes(rows: int) -> None:
    import numpy as np

    wanted = max(rows - 1_000, int(rows * 0.8))
    places = np.random.RandomState(42).permutation(rows).tolist()
    assert drawn(rows) == (places[:wanted], sorted(places[wanted:]))


def test_a_finding_can_be_kept() -> None:
    rows = rows_of([("A", "B"), ("A", "B"), ("x" * 20_000, "C")])
    found = advise(lambda: rows, Kind.COMPLETION)
    kept: list[Finding] = pickle.loads(pickle.dumps(found))
    assert [list(rows_in(f.apply(rows))) for f in kept] == [list(rows_in(f.apply(rows))) for f in found]


def test_a_profile_is_the_same_in_chunks() -> None:
    rows = rows_of([(f"q {n}", f"a {n % 3}") for n in range(2_500)])
    profile = Profile.of(rows, whole=False, measure=lambda row: 1, limit=2)
    assert (profile.rows, profile.classes, profile.task) == (2_500, 3, "classification")
    assert partial(drop_long, measure=lambda row: 1, limit=2)(rows) is not None


def test_many_rows_wait_on_disk(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(dealing, "IN_MEMORY", 100)
    monkeypatch.setattr(spool, "IN_MEMORY", 60_000)
    rows = rows_of([(f"q {n}", f"a\0{n}" if n == 7 else "a") for n in range(2_500)])
    kept = Spool(rows)
    assert [list(rows_in(kept())) for _again in range(2)] == [rows, rows] and list(rows_in(kept.drain())) == rows
    kept.close()
    lines = dealing.Lines()
    for number in range(60):
        lines.add(b"line %d\n" % number)
    lines.deal(tmp_path / "a", tmp_path / "b")
    lines.close()
    training, held_out = drawn(60)
    assert (tmp_path / "a").read_text() == "".join(f"line {n}\n" for n in training)
    assert (tmp_path / "b").read_text() == "".join(f"line {n}\n" for n in held_out)


def test_capitals_in_chats_are_told_without_the_names_of_keys() -> None:
    said = [(f"WHERE IS PARCEL {n}", f"IT IS AT DESK {n}") for n in range(120)]
    lines = [json.dumps({"messages": [{"role": "user", "content": asked}, {"role": "assistant", "content": answer}]})
             for asked, answer in said]  # fmt: skip
    rows = [row_of(number, line, Kind.CHAT) for number, line in enumerate(lines, start=1)]
    found = {finding.code: finding for finding in advise(lambda: iter(rows), Kind.CHAT)}
    assert str(found["upper_case_questions"].question) == "Write all questions in small letters"
    assert "of the answers are capitals" in str(found["upper_case_answers"].sentence)

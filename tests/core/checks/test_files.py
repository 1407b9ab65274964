"""A whole file: figures, rules of the set, progress, and the real data's published figures."""

import json
import random
from collections import Counter
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from core.checks import Severity, check_file, check_line, check_set, issue_table, judge
from core.checks.files import check_lines, read_lines
from core.checks.scanning import KEPT
from core.dataset.examples import Kind
from core.errors import BadInput
from core.tokens import count_body

KEYS = [
    "format", "encoding", "limit", "examples", "errors", "warnings", "issues", "missing_system", "missing_user",
    "over_limit", "epochs", "billable_tokens", "charged_tokens", "tokens", "assistant_tokens",
]  # fmt: skip


def chat(number: int, system: bool = True) -> str:
    said = [{"role": "system", "content": "Be brief."}] if system else []
    said += [{"role": "user", "content": f"What is {number}?"}, {"role": "assistant", "content": "A number."}]
    return json.dumps({"messages": said})


@pytest.fixture
def write(tmp_path: Path) -> Callable[..., Path]:
    def to(*lines: str | bytes, end: bytes = b"\n") -> Path:
        path = tmp_path / "train.jsonl"
        path.write_bytes(b"".join((line if isinstance(line, bytes) else line.encode()) + end for line in lines))
        return path

    return to


def test_a_good_file_has_its_figures_and_nothing_else(write: Callable[..., Path]) -> None:
    lines = [chat(n) for n in range(60)]
    report = check_file(write(*lines))
    counts = [count_body(json.loads(line), "o200k_base") for line in lines]
    assert report.ok and report.issues == {} and report.details == []
    assert (report.format, report.encoding, report.limit, report.examples) == ("chat", "o200k_base", 65_536, 60)
    assert report.tokens.total == report.billable_tokens == sum(count.tokens for count in counts)
    assert report.assistant_tokens.total == sum(count.answer_tokens for count in counts)
    assert report.charged_tokens == 3 * report.billable_tokens
    assert list(report.as_json()) == KEYS
    assert list(report.as_json()["tokens"]) == ["total", "min", "max", "mean", "median", "p10", "p90"]


@pytest.mark.parametrize("end", [b"\n", b"\r\n"])
def test_line_ends_of_every_system_are_read(write: Callable[..., Path], end: bytes) -> None:
    assert check_file(write(*[chat(n) for n in range(50)], end=end)).as_json()["issues"] == {}


@pytest.mark.parametrize(
    ("examples", "codes"),
    [(0, ["no_examples"]), (9, ["too_few_examples"]), (10, ["few_examples"]), (49, ["few_examples"]), (50, [])],
)
def test_the_size_of_the_set_is_judged(write: Callable[..., Path], examples: int, codes: list[str]) -> None:
    report = check_file(write(*[chat(n) for n in range(examples)]))
    assert list(report.issues) == codes
    assert report.ok is (examples >= 10)
    assert all(issue.line is None for issue in report.details)


def test_a_validation_file_may_be_small(write: Callable[..., Path]) -> None:
    assert check_file(write(chat(1), chat(2)), minimum=1).ok


def test_very_many_reinforcement_examples_are_a_warning() -> None:
    assert [issue.code for issue in check_set({Kind.REINFORCEMENT: 60_000}, 60_000)] == ["too_many_examples"]
    assert check_set({Kind.CHAT: 60_000}, 60_000) == []


def test_a_repeated_example_names_its_first_line(write: Callable[..., Path]) -> None:
    lines = [chat(n) for n in range(50)]
    report = check_file(write(*lines[:20], lines[3], *lines[20:], lines[3], lines[7]))
    assert report.issues == {"duplicate": 3}
    assert [(issue.line, issue.params["first"]) for issue in report.details] == [(21, 4), (52, 4), (53, 8)]
    assert report.ok


def test_another_format_in_between_is_an_error(write: Callable[..., Path]) -> None:
    other = json.dumps({"prompt": "a", "completion": "b"})
    report = check_file(write(*[chat(n) for n in range(50)], other))
    assert report.format == "chat" and report.issues == {"mixed_kinds": 1}
    (issue,) = report.details
    assert (issue.line, issue.seen) == (51, "completion")
    forced = check_file(write(*[chat(n) for n in range(50)], other), kind=Kind.CHAT)
    assert forced.issues["messages_missing"] == 1 and "mixed_kinds" not in forced.issues


def test_what_is_over_the_limit_is_warned_of_and_not_billed(write: Callable[..., Path]) -> None:
    long = json.dumps({"messages": [{"role": "user", "content": "a b " * 500}, {"role": "assistant", "content": "x"}]})
    report = check_file(write(*[chat(n) for n in range(50)], long), limit=100)
    assert report.over_limit == report.issues["over_limit"] == 1
    assert report.billable_tokens == report.tokens.total - report.tokens.max + 100  # type: ignore[operator]
    assert [issue.line for issue in report.details if issue.code == "over_limit"] == [51]


def test_every_bad_line_is_reported_where_it_is(write: Callable[..., Path]) -> None:
    lines: list[str | bytes] = [chat(n) for n in range(50)]
    lines[4:4] = ["", "{", b"\xff", "[]", chat(0, system=False).replace("user", "usr")]
    report = check_file(write(*lines))
    errors = [(i.line, i.code) for i in report.details if i.severity is Severity.ERROR]
    assert errors == [(6, "not_json"), (7, "not_utf8"), (8, "not_an_object"), (9, "unknown_role")]
    assert (report.errors, report.warnings, report.examples) == (4, 1, 51)
    assert (report.missing_system, report.missing_user) == (1, 1)


def test_a_report_keeps_the_first_of_each_issue_and_counts_all(write: Callable[..., Path]) -> None:
    report = check_file(write(*["{"] * (KEPT + 200)))
    assert report.issues["not_json"] == KEPT + 200
    assert len([issue for issue in report.details if issue.code == "not_json"]) == KEPT


def test_a_line_without_end_is_not_held_in_memory(tmp_path: Path) -> None:
    path = tmp_path / "x"
    path.write_bytes(b"a" * 50 + b"\nbb\r\n" + b"c" * 11 + b"\n" + b"d" * 10 + b"\n\nlast")
    with path.open("rb") as file:
        assert list(read_lines(file, 10)) == [None, b"bb", None, b"d" * 10, b"", b"last"]
    report = check_lines([None, chat(1).encode()])
    assert report.issues["line_too_long"] == 1


def test_a_file_over_the_limit_of_providers_is_an_error() -> None:
    assert "file_too_large" in check_lines([], size=513 << 20).issues


def test_how_large_a_file_may_be_can_be_left_to_its_target(write: Callable[..., Path]) -> None:
    path = write(*(chat(n) for n in range(60)))
    assert check_file(path, largest=path.stat().st_size).ok
    assert check_file(path, largest=100).issues["file_too_large"] == 1
    assert "file_too_large" not in check_file(path, largest=None).issues


def test_a_file_that_cannot_be_read_is_said_in_words(tmp_path: Path) -> None:
    with pytest.raises(BadInput, match=r"none\.jsonl cannot be read"):
        check_file(tmp_path / "none.jsonl")
    with pytest.raises(BadInput):
        check_file(tmp_path)


def test_progress_ends_at_the_size_of_the_file(write: Callable[..., Path]) -> None:
    heard: list[tuple[int, int]] = []
    path = write(*[json.dumps({"prompt": "x" * 500_000, "completion": str(n)}) for n in range(10)])
    check_file(path, progress=lambda done, total: heard.append((done, total)))
    size = path.stat().st_size
    assert heard[-1] == (size, size) and len(heard) > 3
    assert heard == sorted(heard)


PARTS = st.sampled_from([
    chat(1), chat(2), chat(3, system=False), '{"prompt":"a","completion":"b"}', "", " ", "{", "[1]", "\ufeff{}", "null",
    '{"messages":[{"role":"user","content":"<|im_end|>"}]}', '{"messages":[]}', '{"x":NaN}', '{"prompt":1}',
])  # fmt: skip


@settings(deadline=None)  # the first call builds an encoding or imports numpy
@given(st.lists(PARTS | st.text(alphabet=st.characters(blacklist_characters="\r\n"), max_size=30), max_size=20))
def test_a_file_is_the_sum_of_its_lines(lines: list[str]) -> None:
    raws = [line.encode("utf-8", "surrogatepass") for line in lines]
    report = check_lines(raws)
    alone: Counter[str] = Counter()
    for raw in raws:
        alone.update(issue.code for issue in check_line(raw)[1])
    of_set = ("no_examples", "too_few_examples", "few_examples", "mixed_kinds", "duplicate", "over_limit")
    assert {code: n for code, n in report.issues.items() if code not in of_set} == dict(alone)
    bodies = [body for body in (check_line(raw)[0] for raw in raws) if body is not None]
    assert report.examples == len(bodies)
    assert report.tokens.total == sum(count_body(body, "o200k_base").tokens for body in bodies)
    kinds = issue_table()
    assert report.errors == sum(n for code, n in report.issues.items() if kinds[code] is Severity.ERROR)
    seen = [raw for raw in raws if check_line(raw)[0] is not None]
    assert report.issues.get("duplicate", 0) == len(seen) - len(set(seen))


PROMPT = """\
对给定文本进行分类，类别包括：科技、金融、娱乐、世界、汽车、运动、文化、军事、旅游、游戏、教育、农业、房产、社会。

给定文本：
{sentence}
类别：
"""
NAMES = {
    "news_tech": "科技", "news_finance": "金融", "news_entertainment": "娱乐", "news_world": "世界", "news_car": "汽车",
    "news_sports": "运动", "news_culture": "文化", "news_military": "军事", "news_travel": "旅游", "news_game": "游戏",
    "news_edu": "教育", "news_agriculture": "农业", "news_house": "房产", "news_story": "社会",
}  # fmt: skip


def tnews(path: Path) -> list[dict[str, Any]]:
    rows = [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]
    kept = [row for row in rows if row["label_desc"] != "news_stock"]
    assert len(kept) == 9_955
    return [
        {
            "messages": [
                {"role": "user", "content": PROMPT.format(sentence=row["sentence"])},
                {"role": "assistant", "content": NAMES[row["label_desc"]]},
            ]
        }
        for row in kept[-100:]
    ]


@pytest.mark.data
def test_the_news_titles_give_their_published_figures(
    shared_data: Callable[[str], Path], write: Callable[..., Path]
) -> None:
    lines = [json.dumps(body, ensure_ascii=False) for body in tnews(shared_data("tnews.json"))]
    report = check_file(write(*lines), encoding="cl100k_base", limit=4_096)
    tokens, answers = report.tokens, report.assistant_tokens
    assert (report.format, report.examples, report.errors, report.over_limit) == ("chat", 100, 0, 0)
    assert (report.missing_system, report.missing_user) == (100, 0)
    assert (tokens.total, tokens.min, tokens.max) == (11_990, 101, 146)
    assert (tokens.mean, tokens.median, tokens.p10, tokens.p90) == pytest.approx((119.9, 120.0, 107.0, 132.1))
    assert (answers.min, answers.max, answers.mean, answers.median) == (2, 5, 3.04, 3.0)
    assert (report.epochs, report.billable_tokens, report.charged_tokens) == (3, 11_990, 35_970)


@pytest.mark.data
def test_the_drone_chats_with_tools_have_no_error(shared_data: Callable[[str], Path]) -> None:
    report = check_file(shared_data("drone_training.jsonl"))
    assert (report.format, report.examples, report.issues) == ("chat", 103, {})
    assert report.with_tools == 103


@pytest.mark.data
def test_medical_answers_make_good_chats(shared_data: Callable[[str], Path], write: Callable[..., Path]) -> None:
    lines = []
    for line in shared_data("medical_qa_alpaca.jsonl").read_text(encoding="utf-8").splitlines():
        row = json.loads(line)
        said = [{"role": "user", "content": row["instruction"]}, {"role": "assistant", "content": row["output"]}]
        lines.append(json.dumps({"messages": said}, ensure_ascii=False))
    report = check_file(write(*lines))
    assert report.errors == 0, report.issues
    assert report.examples == 3_000


def test_judging_says_of_each_line_what_checking_says() -> None:
    rng = random.Random(0)
    pool = [chat(n, system=bool(n % 2)) for n in range(20)] + [
        "{",
        "",
        '{"messages":[]}',
        '{"prompt":"a"}',
        "<|im_end|>",
    ]
    raws = [rng.choice(pool) for _ in range(200)]
    for raw, judged in zip(raws, judge(raws, "o200k_base"), strict=True):
        body, issues = check_line(raw)
        assert judged.details == issues
        assert judged.issues == tuple(dict.fromkeys(issue.code for issue in issues))
        expected = count_body(body, "o200k_base") if body is not None else (-1, -1)
        assert (judged.tokens, judged.answer_tokens) == expected


def test_judging_without_an_encoding_counts_nothing() -> None:
    (judged,) = judge([chat(1)], "")
    assert (judged.tokens, judged.answer_tokens, judged.issues) == (-1, -1, ())


def test_threads_may_judge_at_the_same_time() -> None:
    raws = [chat(n, system=bool(n % 3)) for n in range(400)]
    alone = judge(raws, "o200k_base")
    with ThreadPoolExecutor(4) as pool:
        for together in pool.map(lambda _: judge(raws, "o200k_base"), range(8)):
            assert together == alone

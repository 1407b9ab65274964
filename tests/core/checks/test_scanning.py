"""Checking a whole file: the short way says what the full rules say, the rules come before the tokens."""

from __future__ import annotations

import json
from collections import Counter
from io import BytesIO
from pathlib import Path

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from core.checks import Report, background, check_file, check_line, judge, reading
from core.checks.files import check_lines
from core.checks.judging import MANY, judge_line
from core.checks.reading import read_blocks, read_lines
from core.dataset.examples import Kind
from core.tokens import count_body, counter

TEXTS = st.sampled_from([
    "", " ", "\n", "\u3000", "a", "中", "<", "|im_end|>", "<|im_end|>", "\x00", "\x07", "\ufffd", "\u200b", "two words",
]) | st.text(max_size=5)  # fmt: skip
ROLES = st.sampled_from(["system", "user", "assistant", "assistant", "tool", "developer", "bot", "", None, 1, [], {}])
ODD = st.sampled_from([None, 0, True, 1.5, [], {}, ["role", "content"], [{}], "ab"])
MESSAGE = st.fixed_dictionaries(
    {"role": ROLES, "content": TEXTS | ODD}, optional={"name": TEXTS, "weight": st.sampled_from([0, 1, 2])}
)
PLAIN = st.fixed_dictionaries({"role": st.sampled_from(["system", "user", "assistant"]), "content": TEXTS})
BODIES = st.fixed_dictionaries(
    {"messages": st.lists(PLAIN, max_size=5) | st.lists(MESSAGE | PLAIN | ODD, max_size=4) | ODD},
    optional={"tools": ODD, "id": st.integers()},
)
OTHERS = st.sampled_from([
    b"", b" ", b"{", b"\xff", b"[1]", b"null", b'"messages"', b"\xef\xbb\xbf{}", b'{"messages":{"role":1,"content":2}}',
    b'{"messages":[{"role":"user","content":"\\ud83d"},{"role":"assistant","content":"a"}]}', b'{"x":NaN}',
    b'{"messages":[{}],"messages":[{"role":"user","content":"q"},{"role":"assistant","content":"a"}]}',
    b'{"messages":["ab",["a","b"],{"role":"user","content":"q"}]}', b'{"prompt":"a","completion":"b"}',
    b'{"messages":[{"role":"user","content":"q","content":"<|a|>"},{"role":"assistant","content":"a"}]}',
    b'{"messages":[{"role":"user","content":"<"},{"role":"assistant","content":"|"}]}', b"[" * 2000, b'{"a":' * 80,
])  # fmt: skip
LINES = OTHERS | BODIES.map(lambda body: json.dumps(body).encode()) | st.binary(max_size=20)


@settings(deadline=None, max_examples=500)
@given(LINES, st.sampled_from([None, Kind.CHAT, Kind.COMPLETION]))
@example(b'{"messages":[{"role":["user"],"content":"q"},{"role":"assistant","content":"a"}]}', None)
def test_the_short_way_says_of_any_line_what_the_full_rules_say(line: bytes, kind: Kind | None) -> None:
    body, judged = judge_line(line, None, kind)
    full, issues = check_line(line, kind)
    assert repr((body, judged.details)) == repr((full, issues))


@settings(deadline=None, max_examples=100)
@given(
    st.lists(LINES.map(lambda line: line.replace(b"\n", b"").rstrip(b"\r")), max_size=12), st.sampled_from([2, 4000])
)
def test_a_set_says_of_each_line_what_the_full_rules_say(lines: list[bytes], at_once: int) -> None:
    report = check_lines(lines)
    found, details, tokens, answers = Counter[str](), [], 0, 0
    for number, line in enumerate(lines, start=1):
        body, issues = check_line(line)
        found.update(issue.code for issue in issues)
        details += [(number, issue.code, issue.field, issue.seen) for issue in issues]
        count = count_body(body, "o200k_base") if body is not None else (0, 0)
        tokens, answers = tokens + count[0], answers + count[1]
    of_set = {"no_examples", "too_few_examples", "few_examples", "mixed_kinds", "duplicate", "over_limit"}
    assert {code: n for code, n in report.issues.items() if code not in of_set} == found
    mine = [(i.line, i.code, i.field, i.seen) for i in report.details if i.code not in of_set]
    assert sorted(mine, key=repr) == sorted(details, key=repr) and [i[0] for i in mine] == [i[0] for i in details]
    assert (report.tokens.total, report.assistant_tokens.total) == (tokens, answers)


@settings(max_examples=200)
@given(st.binary(max_size=200).map(lambda data: data.replace(b"a", b"\n").replace(b"b", b"\r\n")), st.integers(1, 40))
def test_lines_are_the_same_however_the_blocks_fall(data: bytes, block: int) -> None:
    whole = [line.rstrip(b"\r\n") for line in BytesIO(data)]
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(reading, "BLOCK", block)
        assert list(read_lines(BytesIO(data))) == whole
        assert [line for lines in read_blocks(BytesIO(data), 5) for line in lines] == [
            line if len(line) <= 5 else None for line in whole
        ]


def chats(path: Path, rows: int) -> Path:
    said = [("user", "Say the number {n} in words, please."), ("assistant", "Here it is, {n} in words. " * 20)]
    with path.open("w", encoding="utf-8") as file:
        for n in range(rows):
            messages = [{"role": role, "content": content.format(n=n)} for role, content in said]
            messages[0]["role"] = "bot" if n == rows - 1 else "user"
            file.write(json.dumps({"messages": messages}) + "\n")
    return path


@pytest.mark.parametrize("held", [1, 2, 32])
def test_the_rules_are_told_before_the_tokens(tmp_path: Path, held: int, monkeypatch: pytest.MonkeyPatch) -> None:
    path = chats(tmp_path / "x.jsonl", 8_000)
    monkeypatch.setattr(background, "HELD", held)  # where few wait in memory, the others wait on disk
    heard: list[Report] = []
    report = check_file(path, structure=heard.append, limit=150)
    [first] = heard
    assert (first.examples, first.errors, first.format) == (8_000, report.errors, "chat")
    assert first.issues == {code: n for code, n in report.issues.items() if code != "over_limit"}
    assert first.details == [issue for issue in report.details if issue.code != "over_limit"]
    assert (first.tokens.mean, first.billable_tokens, first.over_limit) == (None, 0, 0)
    assert report.over_limit == 8_000 and report == check_file(path, limit=150)


def test_without_an_encoding_only_the_rules_are_looked_at(tmp_path: Path) -> None:
    path = chats(tmp_path / "x.jsonl", 100)
    report = check_file(path, encoding="")
    assert report.issues == check_file(path).issues and report.tokens.mean is None and report.billable_tokens == 0


@pytest.mark.parametrize("from_call", [0, 2, 5])
def test_a_progress_that_raises_ends_the_check(tmp_path: Path, from_call: int) -> None:
    class Enough(Exception):
        pass

    heard: list[int] = []

    def progress(done: int, total: int) -> None:
        heard.append(done)
        if len(heard) > from_call:
            raise Enough

    with pytest.raises(Enough):
        check_file(chats(tmp_path / "x.jsonl", 8_000), progress=progress, structure=lambda _report: None)
    assert len(heard) == from_call + 1


def test_what_goes_wrong_while_counting_is_raised(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*_arguments: object) -> None:
        raise MemoryError

    monkeypatch.setattr(background.Bulk, "chats", fail)
    with pytest.raises(MemoryError):
        check_file(chats(tmp_path / "x.jsonl", 100))


@settings(deadline=None, max_examples=60)
@given(st.lists(LINES.map(lambda line: line.decode("utf-8", "replace")), max_size=30), st.sampled_from([None, *Kind]))
def test_many_lines_are_judged_as_each_is_alone(lines: list[str], kind: Kind | None) -> None:
    many = [*lines, '{"messages":[{"role":"user","content":"a b c d e"},{"role":"assistant","content":"f"}]}'] * MANY
    for encoding in ("o200k_base", ""):
        count = counter(encoding) if encoding else None
        alone = [judge_line(line, count, kind)[1] for line in many[: len(lines) + 1]] * MANY
        assert repr(judge(many, encoding, kind)) == repr(alone)

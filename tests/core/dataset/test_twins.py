"""A large table prepared in two processes: the very files and words that one process makes, whatever happens."""

from __future__ import annotations

import argparse
import csv
import io
import os
import random
import re
import signal
import subprocess
import sys
import zipfile
from collections.abc import Callable
from pathlib import Path

import pytest
import xlsxwriter
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from core.__main__ import main
from core.beside import Beside
from core.commands import intwo
from core.dataset import encodings, twins
from core.dataset.readers import plainmarkup, plaintables
from core.dataset.recipes import Recipe

pytestmark = pytest.mark.skipif(not hasattr(os, "fork"), reason="this system does not fork")

Said = tuple[int, str, dict[str, bytes]]


@pytest.fixture
def others(monkeypatch: pytest.MonkeyPatch) -> list[Beside]:
    """Small tables are worth a second process, too; those that began."""
    begun: list[Beside] = []

    class Noted(Beside):
        def __init__(self, work: Callable[[Beside], None]) -> None:
            super().__init__(work)
            begun.append(self)

    monkeypatch.setattr(twins, "Beside", Noted)
    monkeypatch.setattr(twins, "WORTH", 1)
    monkeypatch.setattr(twins, "possible", lambda: True)
    for module, name in ((encodings, "BLOCK"), (plaintables, "_BLOCK"), (plainmarkup, "BLOCK")):
        monkeypatch.setattr(module, name, 512)  # several blocks to a half
    return begun


@pytest.fixture
def say(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> Callable[..., Said]:
    """The exit code of `prepare -q`, its words, and the files it wrote."""

    def run(table: bytes, *more: str) -> Said:
        path = tmp_path / ("x.xlsx" if table.startswith(b"PK") else "x.csv")
        path.write_bytes(table)
        code = main(["prepare", str(path), "-q", *more])
        out, err = capsys.readouterr()
        written = {p.name: p.read_bytes() for p in sorted(tmp_path.iterdir()) if p != path and p.is_file()}
        for name in written:
            (tmp_path / name).unlink()
        return code, out + err, written

    return run


def alone(say: Callable[..., Said], table: bytes, *more: str) -> Said:
    """The same in one process."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(twins, "possible", lambda: False)
        return say(table, *more)


def table(rows: list[tuple[str, ...]], end: str = "\r\n", delimiter: str = ",", header: bool = True) -> str:
    file = io.StringIO(newline="")
    writer = csv.writer(file, lineterminator=end, delimiter=delimiter)
    writer.writerows([("prompt", "completion"), *rows] if header else rows)
    return file.getvalue()


def pairs(number: int = 300, *, asked: str = "Where is order {n}? 在哪里", seed: int = 0) -> list[tuple[str, ...]]:
    rng = random.Random(seed)
    return [(asked.format(n=n), rng.choice(["refund", "delivery", "account"])) for n in range(number)]


def with_row(row: tuple[str, ...], place: int) -> list[tuple[str, ...]]:
    rows = pairs()
    rows[place:place] = [row]
    return rows


IN_TWO = {
    "plain": table(pairs()),
    "line feeds": table(pairs(), end="\n"),
    "tabs": table(pairs(), delimiter="\t"),
    "semicolons": table(pairs(), delimiter=";"),
    "a mark": "\ufeff" + table(pairs()),
    "quotes": table(pairs(asked='Order "{n}", please')),
    "cells of several lines": table(pairs(asked='Order {n}\nsays "no",\n\nagain')),
    "a common end": table(pairs(asked="Order {n}?\n\n###\n\n")),
    "a common beginning": table(pairs(asked="Tell me of your order: {n}")),
    "capitals": table(pairs(asked="ORDER {n} ЗАКАЗ")),
    "long rows": table(pairs(40, asked="{n} " + "very long " * 1_200)),
    "nothing asked": table([("", f"A text of its own, number {n}.") for n in range(200)]),
    "answers of their own": table([(f"Say {n}", f"I say {n} at once") for n in range(200)]),
    "no answer, early": table(with_row(("Where is it?", ""), 3)),
    "no answer, late": table(with_row(("Where is it?", "  "), 290)),
    "the same in the other half": table(pairs() + pairs()[:7]),
    "the same everywhere": table(pairs(20) * 15),
    "blank rows": table([row for pair in pairs() for row in (pair, ("", ""))]),
    "blank lines": table(pairs()).replace("\r\n", "\r\n\r\n"),
    "rows of other white space": table([row for pair in pairs() for row in (pair, ("\u3000", "\x1c"))]),
    "two rows": table(pairs(2)),
}


def book(rows: list[tuple[str, ...]], *, shared: bool = False) -> bytes:
    """A workbook with the texts in its cells, or with all of them in one list."""
    made = io.BytesIO()
    with xlsxwriter.Workbook(made, {"constant_memory": not shared}) as workbook:
        sheet = workbook.add_worksheet()
        for number, row in enumerate([("prompt", "completion"), *rows]):
            sheet.write_row(number, 0, row)
    return made.getvalue()


def edited(workbook: bytes, old: str, new: str, *, more: str = "") -> bytes:
    """A workbook in whose sheet something stands otherwise."""
    made = io.BytesIO()
    with zipfile.ZipFile(io.BytesIO(workbook)) as given, zipfile.ZipFile(made, "w", zipfile.ZIP_DEFLATED) as archive:
        for name in given.namelist():
            text = given.read(name).decode()
            if name.endswith("sheet1.xml"):
                assert text.count(old) == 1
                text = text.replace(old, new) + more
            archive.writestr(name, text)
    return made.getvalue()


def broken(workbook: bytes) -> bytes:
    """A workbook whose sheet has another checksum than it should."""
    with zipfile.ZipFile(io.BytesIO(workbook)) as given:
        checksum = next(entry.CRC for entry in given.infolist() if entry.filename.endswith("sheet1.xml"))
    return workbook.replace(checksum.to_bytes(4, "little"), b"\1\2\3\4")


BOOKS_IN_TWO = {
    "a workbook": book(pairs()),
    "a workbook with shared texts": book(pairs(), shared=True),
    "a workbook without an answer, early": book(with_row(("Where is it?", " "), 3)),
    "a workbook without an answer, late": book(with_row(("Where is it?", "  "), 290)),
    "a workbook with blank rows": book([row for pair in pairs() for row in (pair, ("  ", "  "))]),
    "a workbook with the same in the other half": book(pairs() + pairs()[:7]),
}


@pytest.mark.parametrize("name", [*IN_TWO, *BOOKS_IN_TWO])
def test_two_processes_write_what_one_writes(
    name: str, say: Callable[..., Said], others: list[Beside], monkeypatch: pytest.MonkeyPatch
) -> None:
    text, findings = BOOKS_IN_TWO.get(name) or IN_TWO[name].encode(), twins.Twins.findings
    used: list[twins.Twins] = []

    def noted(both: twins.Twins) -> object:
        used.append(both)
        return findings(both)

    monkeypatch.setattr(twins.Twins, "findings", noted)
    assert say(text) == alone(say, text)
    assert len(others) == len(used) == 1


def damaged(place: int) -> bytes:
    lines = table(pairs()).encode().split(b"\r\n")
    lines[place] = b"Caf\xe9 au lait,refund"
    return b"\r\n".join(lines)


FORMULA = '<c r="A280" t="str"><f>1+1</f></c><c r="B280" t="inlineStr">'
ALONE = {
    "signs that no text has": table(pairs(asked="Order\x1f {n}")).encode(),
    "a row too short, early": table(with_row(("alone",), 3)).encode(),
    "a row too long, late": table(with_row(("one", "two", "three"), 290)).encode(),
    "a damaged byte, early": damaged(4),
    "a damaged byte, late": damaged(280),
    "another encoding from the middle on": table(pairs(900, asked="{n}")).encode() + b"\xe9,refund\r\n" * 900,
    "a quote never closed, early": table(pairs()).replace("\nWhere is order 5?", '\n"Where is order 5?').encode(),
    "a quote never closed, late": table(pairs()).replace("\nWhere is order 280?", '\n"Where is order 280?').encode(),
    "no answer at all": table([(f"What is {n}?", "") for n in range(300)]).encode(),
    "one row": table(pairs(1)).encode(),
    "other columns": table(pairs()).replace("prompt,completion", "question,answer").encode(),
    "another encoding": table(pairs()).encode("gb18030"),
    "UTF-16": table(pairs()).encode("utf-16"),
    "a workbook with a formula": edited(book(pairs()), '<c r="A280" t="inlineStr"><is>', f'{FORMULA}<is>'),
    "a workbook with parts of a text, at once": edited(book(pairs()), "Where is order 5?", "Where</t><t> 5?"),
    "a workbook with parts of a text, early": edited(book(pairs(900)), "Where is order 300?", "Where</t><t> 300?"),
    "a workbook with parts of a text, late": edited(book(pairs(900)), "Where is order 800?", "Where</t><t> 800?"),
    "a workbook whose rows leave one out, early": edited(book(pairs(900)), '<row r="300">', '<row r="301">'),
    "a workbook whose rows leave one out, late": edited(book(pairs(900)), '<row r="800">', '<row r="801">'),
    "a workbook with something behind": edited(book(pairs()), "</sheetData>", "</sheetData>", more="<!DOCTYPE x>"),
    "a workbook with a wrong checksum": broken(book(pairs())),
    "a workbook with an empty cell, early": book(with_row(("Where is it?", ""), 3)),
    "a workbook with an empty cell, late": book(with_row(("Where is it?", ""), 280)),
    "a workbook of one row": book(pairs(1)),
    "a workbook with other columns": edited(book(pairs()), ">prompt<", ">question<"),
    "JSON Lines": b'{"prompt": "a", "completion": "b"}\n{"prompt": "c", "completion": "d"}\n' * 50,
}  # fmt: skip


@pytest.mark.parametrize("name", ALONE)
def test_one_process_tells_of_what_two_cannot(name: str, say: Callable[..., Said], others: list[Beside]) -> None:
    assert say(ALONE[name]) == alone(say, ALONE[name])
    assert not any(map(is_alive, others))


@pytest.mark.parametrize("more", [("--format", "chat"), ("--validation", "0.1"), ("--json",), ("--long", "split")])
def test_whatever_is_asked_for_is_done(more: tuple[str, ...], say: Callable[..., Said], others: list[Beside]) -> None:
    text = IN_TWO["long rows"].encode()
    assert say(text, *more) == alone(say, text, *more)


@pytest.mark.parametrize("start", ['[{"prompt": "a"', '{"prompt": "a"', " <html>", "| prompt | completion |"])
def test_what_is_no_table_of_cells_is_not_recognised_twice(
    start: str, tmp_path: Path, others: list[Beside], monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "x"
    path.write_text(start, encoding="utf-8")
    monkeypatch.setattr("core.dataset.readers.sniff", lambda *_given, **_named: pytest.fail("looked at"))
    assert intwo.opened(argparse.Namespace(file=[path]), lambda _source: Recipe(), lambda _source: None) is None


def test_a_line_without_an_end_is_not_read_whole_to_find_where_a_row_ends() -> None:
    rows = b"a,b\n" * 10
    file = io.BytesIO(rows + b"x" * (8 << 20) + b"\n" + rows)
    assert twins._end_of_row(file, len(rows) + 5, True) == 0
    assert file.tell() < 3 << 20
    assert twins._end_of_row(io.BytesIO(rows + b'"x\n\ny"\n' + rows), len(rows) + 2, True) == len(rows) + 7


@pytest.mark.parametrize("blank", [",", "\u3000,\x1c", '"",\u00a0', " \t ; | "])
def test_a_half_does_not_end_with_a_row_that_is_passed_over(blank: str) -> None:
    begun, end = b"a,b\n", b"c,d\n"
    text = begun + f"{blank}\n".encode() + end
    assert twins._end_of_row(io.BytesIO(text + end), len(begun), True) == len(text)


CELLS = st.text(st.sampled_from(list('ab"\n,;\t \x1f中É')), max_size=8)


@settings(
    max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow]
)
@given(rows=st.lists(st.tuples(CELLS, CELLS), min_size=1, max_size=30), end=st.sampled_from(["\n", "\r\n"]))
def test_no_table_is_prepared_otherwise(
    rows: list[tuple[str, str]], end: str, say: Callable[..., Said], others: list[Beside]
) -> None:
    text = table(list(rows), end=end).encode()
    assert say(text) == alone(say, text)


@pytest.mark.parametrize("when", ["told", "asked", "done", "drawing"])
def test_when_the_other_process_is_killed_its_half_is_done_here(
    when: str, say: Callable[..., Said], others: list[Beside], monkeypatch: pytest.MonkeyPatch
) -> None:
    text = IN_TWO["quotes"].encode()
    expected = alone(say, text)

    def killing(method: Callable[..., object], *, before: bool) -> Callable[..., object]:
        def call(beside: Beside, *given: object) -> object:
            if not before:
                method(beside, *given)
            os.kill(beside.pid, signal.SIGKILL)
            os.waitid(os.P_PID, beside.pid, os.WEXITED | os.WNOWAIT)
            return method(beside, *given) if before else None

        return call

    if when == "told":
        monkeypatch.setattr(Beside, "hear", killing(Beside.hear, before=True))
    elif when == "drawing":
        monkeypatch.setattr(twins, "trim", lambda: os._exit(1))  # it has said that it has mended, and draws next
    else:
        monkeypatch.setattr(Beside, "ask", killing(Beside.ask, before=when == "asked"))
    assert say(text) == expected
    assert len(others) == 1 and not is_alive(others[0])


@pytest.mark.parametrize("name", ["quotes", "a workbook"])
def test_where_the_system_has_no_further_process_one_does_all(
    name: str, say: Callable[..., Said], others: list[Beside], monkeypatch: pytest.MonkeyPatch
) -> None:
    text = BOOKS_IN_TWO.get(name) or IN_TWO[name].encode()
    expected, before = alone(say, text), sorted(Path("/dev/fd").iterdir())

    def fork() -> int:
        raise BlockingIOError("no more processes")

    monkeypatch.setattr(os, "fork", fork)
    assert say(text) == expected
    assert not others and sorted(Path("/dev/fd").iterdir()) == before


@pytest.mark.parametrize("gone", [False, True], ids=["changed", "gone"])
@pytest.mark.parametrize("workbook", [False, True], ids=["text", "workbook"])
def test_a_file_that_is_changed_before_it_is_read_again_is_told(
    workbook: bool, gone: bool, tmp_path: Path, say: Callable[..., Said], others: list[Beside],
    monkeypatch: pytest.MonkeyPatch,
) -> None:  # fmt: skip
    findings, rows = twins.Twins.findings, pairs() + pairs()[:7]  # repeats have to be looked for in all of them

    def changing(both: twins.Twins) -> object:
        found = findings(both)
        path = both._behind.path
        path.unlink() if gone else path.write_bytes(path.read_bytes()[:-200])
        return found

    monkeypatch.setattr(twins.Twins, "findings", changing)
    code, said, files = say(book(rows) if workbook else table(rows).encode())
    name = "x.xlsx" if workbook else "x.csv"
    assert code == 2 and f"{name} was changed while it was read." in said
    assert not [file for file in files if "prepared" in file]


def is_alive(other: Beside) -> bool:
    try:
        os.kill(other.pid, 0)
    except ProcessLookupError:
        return False
    return True


def test_a_terminal_sees_how_many_rows_both_halves_have_read(
    say: Callable[..., Said], others: list[Beside], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("sys.stderr.isatty", lambda: True, raising=False)
    monkeypatch.setattr(Beside, "done", 1_000)  # as if the other were far ahead
    _code, told, _files = say(IN_TWO["plain"].encode())
    counts = [int(count.replace(",", "")) for count in re.findall(r"([\d,]+) / [\d,]+\r", told)]
    assert counts == sorted(counts) and 1_100 < counts[-1] < 1_200


@pytest.mark.parametrize("quiet", [True, False], ids=["not asked", "asked at a terminal"])
def test_a_table_that_is_large_indeed_is_prepared_alike(quiet: bool, tmp_path: Path, say: Callable[..., Said]) -> None:
    text = table(pairs(60_000, asked='Where is "order" {n}? 在哪里，我的包裹还没有到，请帮我看一下好吗？')).encode()
    assert len(text) > 4 << 20
    expected = alone(say, text)[2]
    path = tmp_path / "x.csv"
    ours, theirs = os.openpty()
    os.write(ours, b"\n" * 9)
    command = [sys.executable, "-m", "core", "prepare", str(path), *(["-q"] if quiet else [])]
    try:
        subprocess.run(command, stdin=theirs, capture_output=True, timeout=60, check=True)
    finally:
        os.close(ours)
        os.close(theirs)
    written = {p.name: p.read_bytes() for p in tmp_path.iterdir() if p != path and p.is_file()}
    assert written.keys() == expected.keys()
    for name, content in expected.items():
        assert written[name] == content, name

"""Text tables that are cut as bytes: the same rows as when they are decoded first, and the rest is read as before."""

from __future__ import annotations

import csv
import io
from collections.abc import Generator
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from core.dataset.joined import Joined
from core.dataset.readers import Format, Reject, Source, delimited, plaintables, sniff
from core.dataset.readers.tables import Even

Read = list[tuple[int, list[str]] | Reject]


def all_of(source: Source) -> Read:
    """Every row with its number, and what cannot be read."""
    found: Read = []
    for run in delimited.records(source):
        if isinstance(run, Reject):
            found.append(run)
        else:  # a blank line is no cell or one without a text
            found += [(number, cells if any(cells) else []) for number, cells in enumerate(run.rows, start=run.number)]
    return found


def as_before(source: Source) -> Read:
    """The same with all of it decoded first."""

    def nothing(given: Source) -> Generator[Even, None, tuple[Source, int]]:
        yield from ()
        return given, 1

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(plaintables, "records", nothing)
        return all_of(source)


def told(source: Source) -> tuple[list[Even], Source, int]:
    """What is cut, what another has to read, and the number of the row there."""
    found, rows = [], plaintables.records(source)
    while True:
        try:
            found.append(next(rows))
        except StopIteration as end:
            return found, *end.value


def source_of(path: Path, content: bytes) -> Source:
    path.write_bytes(content)
    return sniff(path)


LINES = [b"text,label"] + [f"第 {n} row,{n % 3}".encode() for n in range(400)]
EVEN = {
    "line feeds": b"\n".join(LINES) + b"\n",
    "of Windows": b"\r\n".join(LINES) + b"\r\n",
    "a mark": b"\xef\xbb\xbf" + b"\n".join(LINES) + b"\n",
    "tabs": b"\n".join(LINES).replace(b",", b"\t") + b"\n",
    "one column": b"\n".join(line.split(b",")[0] for line in LINES) + b"\n",
    "empty cells": b"\n".join([*LINES, b",", b"a,"]) + b"\n",
}


@pytest.mark.parametrize("block", [64, 1_000, 1 << 16])
@pytest.mark.parametrize("name", EVEN)
def test_even_tables_are_cut_to_their_last_row(
    name: str, block: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(plaintables, "_BLOCK", block)
    source = source_of(tmp_path / "a.csv", EVEN[name])
    found, rest, number = told(source)
    assert rest.span and rest.span[0] == source.size and number == EVEN[name].count(b"\n") + 1
    assert len(found) > 1 or block > source.size
    assert all_of(source) == as_before(source)


@pytest.mark.parametrize(
    "odd",
    [
        b'"a, b",c', b"a", b"a,b,c", b"", b"Caf\xe9,c", b"a\0,b", b"a\x1f,b", b"a,\x1e,b", b"a\rb,c", b"\xed\xa0\x80,c",
        b'"never closed,c', b"x" * 3_000_000 + b",c",
    ],
)  # fmt: skip
@pytest.mark.parametrize("end", [b"\n", b"\r\n"])
def test_from_an_odd_line_on_another_reads(
    odd: bytes, end: bytes, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(plaintables, "_BLOCK", 256)
    lines = [*LINES[:300], odd, *LINES[300:]]
    source = source_of(tmp_path / "a.csv", end.join(lines))
    found, rest, number = told(source)
    assert rest.span and 200 < number <= 301 and found[-1].number < number
    assert source.path.read_bytes()[: rest.span[0]] == b"".join(line + end for line in lines[: number - 1])
    assert all_of(source) == as_before(source)


def test_a_last_line_without_an_end_is_a_row(tmp_path: Path) -> None:
    source = source_of(tmp_path / "a.csv", b"text,label\na,b\nc,d")
    assert all_of(source) == [(1, ["text", "label"]), (2, ["a", "b"]), (3, ["c", "d"])]


@pytest.mark.parametrize("encoding", ["gb18030", "utf-16", "big5"])
def test_other_encodings_are_decoded_first(encoding: str, tmp_path: Path) -> None:
    source = source_of(tmp_path / "a.csv", "問題,答案\n好的問題,很好的答案\n".encode(encoding))
    assert told(source) == ([], source, 1)


def test_a_mark_is_taken_off_once(tmp_path: Path) -> None:
    path = tmp_path / "a.csv"
    path.write_bytes("\ufeff\ufeff".encode() + b"x" * 70_000 + b",label\na,b\n")
    source = Source(path, "a.csv", Format.CSV, path.stat().st_size, "utf-8-sig", ",")
    assert all_of(source) == as_before(source) and all_of(source)[0][1][0].startswith("\ufeffx")


def test_a_span_in_another_encoding_is_read_in_it(tmp_path: Path) -> None:
    path = tmp_path / "a.csv"
    path.write_bytes("问题,答案\n好,的\n".encode("gb18030"))
    size = path.stat().st_size
    source = Source(path, "a.csv", Format.CSV, size, "gb18030", ",", span=(10, size))
    assert all_of(source) == [(1, ["好", "的"])]


def test_very_wide_tables_are_not_kept_as_columns(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(plaintables, "_MOST_COLUMNS", 3)
    for width, cut in ((3, 99), (4, 0)):
        source = source_of(tmp_path / "a.csv", (b",".join([b"a"] * width) + b"\n") * 99)
        found, _rest, number = told(source)
        assert number == cut + 1 and bool(found) == bool(cut)
        assert all_of(source) == as_before(source)


def test_a_span_is_kept_to(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(plaintables, "_BLOCK", 100)
    content = EVEN["line feeds"]
    source = source_of(tmp_path / "a.csv", content)
    begin, end = content.index(b"\n", 1_000) + 1, content.index(b"\n", 3_000) + 1
    part = Source(source.path, "a.csv", source.format, source.size, delimiter=",", span=(begin, end))
    wanted = content[begin:end].decode().splitlines()
    assert all_of(part) == as_before(part) == [(n, line.split(",")) for n, line in enumerate(wanted, start=1)]


def test_a_column_knows_what_all_of_it_says_at_once() -> None:
    column = Joined.of_raw("好\x1fof\x1f".encode())
    assert column == ["好", "of", ""] and column.joined == "好\x1fof\x1f" and column.raw == "好\x1fof\x1f".encode()
    assert Joined(["é", "b"], "é\0b").raw == "é\0b".encode()


CELLS = st.text(st.sampled_from(list('ab",;\t \x1f\x1e\0\n\r中É\ufeff')), max_size=6)


@settings(deadline=None, max_examples=150)
@given(
    rows=st.lists(st.lists(CELLS, min_size=1, max_size=3), min_size=1, max_size=12),
    quoting=st.sampled_from([csv.QUOTE_MINIMAL, csv.QUOTE_ALL, csv.QUOTE_NONE]),
    end=st.sampled_from(["\n", "\r\n", "\r"]),
    block=st.sampled_from([8, 30, 1 << 16]),
    quoted=st.booleans(),
)
def test_any_table_has_the_same_rows(
    tmp_path_factory: pytest.TempPathFactory,
    rows: list[list[str]],
    quoting: int,
    end: str,
    block: int,
    quoted: bool,
) -> None:
    file = io.StringIO(newline="")
    if quoting == csv.QUOTE_NONE:
        file.write("".join(",".join(row) + end for row in rows))
    else:
        csv.writer(file, quoting=quoting, lineterminator=end).writerows(rows)  # type: ignore[arg-type]
    path = tmp_path_factory.mktemp("tables") / "a.csv"
    path.write_bytes(file.getvalue().encode())
    size = path.stat().st_size
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(plaintables, "_BLOCK", block)
        for encoding in ("utf-8", "utf-8-sig"):
            form = Source(path, "a.csv", Format.CSV, size, encoding, ",", quoted)
            assert all_of(form) == as_before(form)

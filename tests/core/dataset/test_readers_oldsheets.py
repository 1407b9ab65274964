"""The older workbooks (.xls), written here record by record: no program that writes them is needed."""

from __future__ import annotations

import struct
import zipfile
from pathlib import Path

import pytest
from damaging import read_damaged
from hypothesis import given, settings
from hypothesis import strategies as st

from core.dataset.readers import Format, Row, read, sniff

SECTOR = 512
FREE, END, FAT = 0xFFFFFFFF, 0xFFFFFFFE, 0xFFFFFFFD


def record(kind: int, data: bytes) -> bytes:
    return struct.pack("<HH", kind, len(data)) + data


def unicode_text(text: str) -> bytes:
    return struct.pack("<HB", len(text), 1) + text.encode("utf-16-le")


def workbook_stream(rows: list[list[str | float]]) -> bytes:
    """BIFF8: the globals with one sheet, then the sheet's cells."""

    def globals_with(offset: int) -> bytes:
        name = "问答"
        sheet = struct.pack("<IBB", offset, 0, 0) + struct.pack("<BB", len(name), 1) + name.encode("utf-16-le")
        begin = record(0x809, struct.pack("<HHHHII", 0x600, 5, 0, 1997, 0, 6))
        return begin + record(0x42, struct.pack("<H", 1200)) + record(0x85, sheet) + record(0x0A, b"")

    cells = b""
    for row, values in enumerate(rows):
        for column, value in enumerate(values):
            place = struct.pack("<HHH", row, column, 0)
            if isinstance(value, str):
                cells += record(0x204, place + unicode_text(value))
            else:
                cells += record(0x203, place + struct.pack("<d", value))
    size = struct.pack("<IIHHH", 0, len(rows), 0, max(map(len, rows)), 0)
    sheet = record(0x809, struct.pack("<HHHHII", 0x600, 0x10, 0, 1997, 0, 6)) + record(0x200, size) + cells
    return globals_with(len(globals_with(0))) + sheet + record(0x0A, b"")


def entry(name: str, kind: int, child: int, start: int, size: int) -> bytes:
    encoded = name.encode("utf-16-le")
    head = encoded.ljust(64, b"\0") + struct.pack("<HBB", len(encoded) + 2 if name else 0, kind, 1)
    return head + struct.pack("<III", FREE, FREE, child) + bytes(36) + struct.pack("<IQ", start, size)


def write_xls(path: Path, rows: list[list[str | float]]) -> Path:
    """An OLE file with one table sector, one directory sector and the workbook."""
    stream = workbook_stream(rows).ljust(4096, b"\0")
    stream += bytes(-len(stream) % SECTOR)
    count = len(stream) // SECTOR
    table = [FAT, END, *range(3, 2 + count), END]
    table += [FREE] * (SECTOR // 4 - len(table))
    header = bytes.fromhex("d0cf11e0a1b11ae1") + bytes(16) + struct.pack("<HHHHH", 0x3E, 3, 0xFFFE, 9, 6) + bytes(6)
    header += struct.pack("<IIIIIIIII", 0, 1, 1, 0, 4096, END, 0, END, 0) + struct.pack("<I", 0)
    directory = (
        entry("Root Entry", 5, 1, END, 0) + entry("Workbook", 2, FREE, 2, len(stream)) + entry("", 0, FREE, 0, 0) * 2
    )
    header += struct.pack("<I", FREE) * 108
    path.write_bytes(header + struct.pack(f"<{len(table)}I", *table) + directory + stream)
    return path


def test_an_older_workbook_is_read_as_a_newer_one(tmp_path: Path) -> None:
    path = write_xls(tmp_path / "x.dat", [["question", "answer"], ["你好？", 12.0], ["Half?", 0.5]])
    source = sniff(path)
    assert (source.format, source.sheets) == (Format.XLS, ("问答",))
    assert list(read(source)) == [
        Row(2, {"question": "你好？", "answer": "12"}),
        Row(3, {"question": "Half?", "answer": "0.5"}),
    ]


def test_two_cells_far_apart_are_refused_or_read_in_little_memory(tmp_path: Path) -> None:
    rows: list[list[str | float]] = [["question", "answer"], ["a", *[""] * 254, "b"]]
    source = sniff(write_xls(tmp_path / "x.xls", rows))
    assert len(source.columns) == 256


@settings(deadline=None, max_examples=10)
@given(st.integers(0, 4_000), st.binary(min_size=1, max_size=20))
def test_a_damaged_one_gives_rows_or_a_sentence(
    tmp_path_factory: pytest.TempPathFactory, place: int, damage: bytes
) -> None:
    path = write_xls(tmp_path_factory.mktemp("xls") / "x", [["text", "label"], ["a", "b"], ["c", "d"]])
    read_damaged(path, place, damage)


def write_ods(path: Path) -> Path:
    uri = "urn:oasis:names:tc:opendocument:xmlns"
    rows = "".join(
        "<table:table-row>"
        + "".join(f'<table:table-cell office:value-type="string"><text:p>{c}</text:p></table:table-cell>' for c in row)
        + "</table:table-row>"
        for row in (("text", "label"), ("好", "a"), ("b", "c"))
    )
    content = (
        f'<?xml version="1.0"?><office:document-content xmlns:office="{uri}:office:1.0" xmlns:table="{uri}:table:1.0" '
        f'xmlns:text="{uri}:text:1.0"><office:body><office:spreadsheet><table:table table:name="S">{rows}'
        "</table:table></office:spreadsheet></office:body></office:document-content>"
    )
    with zipfile.ZipFile(path, "w") as archive:  # stored, so that damage reaches the markup
        archive.writestr("mimetype", "application/vnd.oasis.opendocument.spreadsheet")
        archive.writestr("META-INF/manifest.xml", f'<m:manifest xmlns:m="{uri}:manifest:1.0"></m:manifest>')
        archive.writestr("content.xml", content)
    return path


@settings(deadline=None, max_examples=10)
@given(st.integers(0, 2_000), st.binary(min_size=1, max_size=20))
def test_a_damaged_open_document_gives_rows_or_a_sentence(
    tmp_path_factory: pytest.TempPathFactory, place: int, damage: bytes
) -> None:
    path = write_ods(tmp_path_factory.mktemp("ods") / "x")
    source = sniff(path)
    assert source.format is Format.ODS and len(list(read(source))) == 2
    read_damaged(path, place, damage)

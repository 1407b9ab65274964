"""Hostile files: refused within two CPU seconds and 200 MB, in a sentence."""

from __future__ import annotations

import gzip
import lzma
import os
import subprocess
import sys
import zipfile
from collections.abc import Callable
from contextlib import nullcontext
from pathlib import Path

import openpyxl
import pytest

from core.dataset.readers import plainmarkup, plainsheets, sharedtexts, sniff
from core.dataset.readers.packed import unpack
from core.dataset.readers.tables import Even
from core.errors import BadInput

ROOT = Path(__file__).resolve().parents[3]
SECONDS, MEMORY = 2.0, 200 << 20
ATTEMPTS = 4
SHEET = "xl/worksheets/sheet1.xml"
HEAD = b'<?xml version="1.0"?>'
OPEN = b'<worksheet xmlns="http://schemas.openxmlformats.org/spreadsheetml/2006/main"'
ENTITIES = b"".join(b'<!ENTITY e%d "%s">' % (n, b"&e%d;" % (n - 1) * 10) for n in range(1, 12))

# Run by itself, so that memory is this reading's alone: time and peak, the child processes' too.
PROBE = """
import resource, sys, time
from pathlib import Path
from core.dataset.readers import read, sniff
from core.errors import BadInput

def work():  # CPU seconds, with those of ended children: what else the machine does is left out
    ended = resource.getrusage(resource.RUSAGE_CHILDREN)
    return time.process_time() + ended.ru_utime + ended.ru_stime

said, rows, begun = "", 0, work()
try:
    for row in read(sniff(Path(sys.argv[1]))):
        if hasattr(row, "reason"):
            said = said or str(row.reason)
        else:
            rows += 1
        if said and rows == 10_000:
            break  # the file is not refused: its bad row is listed, and the others go on
except BadInput as error:
    said = str(error)
took = work() - begun
# Not RUSAGE_SELF: that remembers the process from which this one was started.
own = next(line for line in Path("/proc/self/status").read_text().splitlines() if line.startswith("VmHWM")).split()[1]
peak = max(int(own), resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss) * 1024
print(took, peak, rows, said)
"""


def workbook(path: Path, **changed: bytes) -> Path:
    plain = path.with_suffix(".plain")
    openpyxl.Workbook().save(plain)
    with zipfile.ZipFile(plain) as old, zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as new:
        for name in old.namelist():
            new.writestr(name, changed.get("sheet", old.read(name)) if name == SHEET else old.read(name))
    return path


def far_cell(path: Path) -> None:
    rows = b'<row r="1"><c r="A1"><v>1</v></c></row><row r="1048576"><c r="XFD1048576"><v>1</v></c></row>'
    workbook(path, sheet=HEAD + OPEN + b"><sheetData>" + rows + b"</sheetData></worksheet>")


def rather_far_cell(path: Path) -> None:
    """Few enough cells between to be allowed by four gigabytes."""
    rows = b'<row r="1"><c r="A1"><v>1</v></c></row><row r="1000000"><c r="BZ1000000"><v>1</v></c></row>'
    workbook(path, sheet=HEAD + OPEN + b"><sheetData>" + rows + b"</sheetData></worksheet>")


def entity_bomb(path: Path) -> None:
    declared = b'<!DOCTYPE x [<!ENTITY e0 "0123456789">' + ENTITIES + b"]>"
    cell = b'><sheetData><row r="1"><c r="A1" t="str"><v>&e11;</v></c></row></sheetData></worksheet>'
    workbook(path, sheet=HEAD + declared + OPEN + cell)


def endless_attributes(path: Path) -> None:
    many = b"".join(b' a%d="!"' % n for n in range(300_000))
    workbook(path, sheet=HEAD + OPEN + many + b"><sheetData/></worksheet>")


def open_document(path: Path, content: str) -> None:
    uri = "urn:oasis:names:tc:opendocument:xmlns"
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("mimetype", "application/vnd.oasis.opendocument.spreadsheet")
        archive.writestr("META-INF/manifest.xml", f'<m:manifest xmlns:m="{uri}:manifest:1.0"></m:manifest>')
        archive.writestr("content.xml", content)


def entity_bomb_in_ods(path: Path) -> None:
    declared = f'<?xml version="1.0"?><!DOCTYPE x [<!ENTITY e0 "0123456789">{ENTITIES.decode()}]>'
    open_document(path, declared + "<x>&e11;</x>")


def endless_attributes_in_ods(path: Path) -> None:
    many = "".join(f' a{n}="!"' for n in range(300_000))
    open_document(path, f'<?xml version="1.0"?><x{many}></x>')


def repeated_rows(path: Path) -> None:
    uri = "urn:oasis:names:tc:opendocument:xmlns"
    cell = '<table:table-cell table:number-columns-repeated="16384" office:value-type="string"><text:p>x</text:p>'
    content = (
        f'<?xml version="1.0"?><office:document-content xmlns:office="{uri}:office:1.0" xmlns:table="{uri}:table:1.0" '
        f'xmlns:text="{uri}:text:1.0"><office:body><office:spreadsheet><table:table table:name="S">'
        f'<table:table-row table:number-rows-repeated="1048576">{cell}</table:table-cell></table:table-row>'
        "</table:table></office:spreadsheet></office:body></office:document-content>"
    )
    open_document(path, content)


def gzip_bomb(path: Path) -> None:
    block = gzip.compress(bytes(64 << 20), 9)
    path.write_bytes(block * 16)  # 1 GiB in 1 MB


def gzip_in_gzip(path: Path) -> None:
    gzip_bomb(path)
    path.write_bytes(gzip.compress(path.read_bytes()))


def xz_bomb(path: Path) -> None:
    path.write_bytes(lzma.compress(bytes(256 << 20), preset=1))


def zip_bomb(path: Path) -> None:
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("a.csv", bytes(128 << 20))


def overlapping_zip(path: Path) -> None:
    """One stretch of packed bytes listed two hundred times."""
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("a.csv", os.urandom(1000) * 8_000)
        entry = archive.infolist()[0]
        archive.filelist.extend([entry] * 199)


def zip_in_a_zip(path: Path) -> None:
    inner = path.with_suffix(".inner")
    zip_bomb(inner)
    with zipfile.ZipFile(path, "w") as archive:
        archive.write(inner, "inner.zip")


def repeated(start: bytes, block: bytes) -> Callable[[Path], None]:
    """A gigabyte that says the same again and again."""

    def make(path: Path) -> None:
        piece = block * ((1 << 20) // len(block))
        with path.open("wb") as file:
            file.write(start)
            for _ in range(1024):
                file.write(piece)

    return make


def sparse(start: bytes) -> Callable[[Path], None]:
    def make(path: Path) -> None:
        path.write_bytes(start)
        os.truncate(path, 1 << 30)

    return make


def long_line(start: bytes) -> Callable[[Path], None]:
    """A gigabyte of letters would fill the disk: a tenth of it, in one line."""

    def make(path: Path) -> None:
        path.write_bytes(start + b"x" * (100 << 20))

    return make


def deep(opening: bytes, closing: bytes) -> Callable[[Path], None]:
    return lambda path: path.write_bytes(opening * 100_000 + b"1" + closing * 100_000) and None


def huge_parquet_cells(path: Path) -> None:
    import pyarrow as pa
    import pyarrow.parquet as pq

    # One value of 4 MB, ten thousand times: 40 GB from a small file.
    column = pa.DictionaryArray.from_arrays(pa.array([0] * 10_000, pa.int32()), pa.array(["x" * (4 << 20)]))
    pq.write_table(pa.table({"prompt": column}), path, compression="zstd", store_schema=False)


def lying_parquet(offset: int, value: bytes) -> Callable[[Path], None]:
    """A sound file of three columns whose footer says something else at one place, counted from its end."""

    def make(path: Path) -> None:
        import pyarrow as pa
        import pyarrow.parquet as pq

        names = ("prompt", "completion", "n")
        pq.write_table(pa.table({name: [f"{name} {n}" for n in range(1000)] for name in names}), path)
        content = bytearray(path.read_bytes())
        content[offset : offset + len(value) or None] = value
        path.write_bytes(content)

    return make


def lying_rows(path: Path) -> None:
    """The footer says that there are a billion rows."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    pq.write_table(pa.table({"prompt": ["x"] * 1000}), path, compression="none")
    content = path.read_bytes()
    body = content.rfind(b"\x16\xd0\x0f")  # 1000 as a zigzag number, where the rows of the file are told
    path.write_bytes(
        content[:body]
        + b"\x16\xff\xff\xff\x0f"
        + content[body + 3 : -8]
        + (int.from_bytes(content[-8:-4], "little") + 2).to_bytes(4, "little")
        + b"PAR1"
    )


def page_of(piece: str) -> Callable[[Path], None]:
    """A web page that is one piece, over and over."""
    return lambda path: path.write_text("<table>" + piece * ((7 << 20) // len(piece))) and None


def large_page_of(piece: str) -> Callable[[Path], None]:
    """The same of 64 MiB."""
    return lambda path: path.write_text("<html><table>" + piece * ((64 << 20) // len(piece))) and None


def merged_everywhere(path: Path) -> None:
    """A workbook of two rows, all of whose columns are merged down a million times."""
    merged = b"<mergeCells>" + b'<mergeCell ref="A2:A1048576"/>' * 1_000_000 + b"</mergeCells>"
    cell = b'<c r="%s" t="inlineStr"><is><t>a</t></is></c>'
    row = b'<row r="%d">' + cell % b"A%d" + cell % b"B%d" + b"</row>"
    rows = b"".join(row.replace(b"%d", b"%d" % n) for n in (1, 2, 9_000))
    sheet = b'<worksheet xmlns="http://schemas.openxmlformats.org/spreadsheetml/2006/main"><sheetData>'
    workbook(path, sheet=sheet + rows + b"</sheetData>" + merged + b"</worksheet>")


HOSTILE = [
    far_cell, rather_far_cell, entity_bomb, endless_attributes, repeated_rows, gzip_bomb, xz_bomb, zip_bomb,
    overlapping_zip, zip_in_a_zip, merged_everywhere, huge_parquet_cells, gzip_in_gzip, entity_bomb_in_ods,
    endless_attributes_in_ods, lying_rows,
    pytest.param(page_of("<b>"), id="a page of tags"),
    pytest.param(page_of("<tr><td>"), id="a page of cells"),
    pytest.param(page_of("<td colspan=999>"), id="a page of wide cells"),
    pytest.param(page_of("<tr><td>x</td></tr></table><table>"), id="a page of tables"),
    *(
        pytest.param(large_page_of(piece), id=f"a large page of {piece}")
        for piece in ("<b>", "<tr>", "<", '<td "', "<!-- -->", "<table><tr><td>", "<td rowspan=99999>x<tr>", "<script>")
    ),
    pytest.param(lambda path: path.write_text("|a|\n|-|\n" + "|" * (7 << 20)) and None, id="a line of bars"),
    pytest.param(lying_parquet(-8, b"\xff\xff\xff\x7f"), id="parquet footer of 2 GB"),
    pytest.param(lying_parquet(-8, b"\x01\x00\x00\x00"), id="parquet footer of one byte"),
    pytest.param(lying_parquet(-60, b"\xff" * 40), id="parquet footer of noise"),
    pytest.param(lying_parquet(4, b"\xff" * 400), id="parquet pages of noise"),
    pytest.param(repeated(b'"', b"x\n"), id="one quote, then a gigabyte of lines"),
    pytest.param(repeated(b"", b"x"), id="a gigabyte in one line"),
    pytest.param(repeated(b'{"messages": "', b"\\"), id="a gigabyte of backslashes"),
    pytest.param(lambda path: path.write_bytes(bytes(100_000)) and None, id="NULs"),
    *(pytest.param(sparse(start), id=f"sparse {start!r}") for start in (b"", b"a,b\n", b'{"messages": "', b'[{"a": "')),
    *(pytest.param(long_line(start), id=f"long {start!r}") for start in (b"", b"a,b\n1,2\n", b'{"messages": "')),
    pytest.param(deep(b"[", b"]"), id="deep list"),
    pytest.param(deep(b'{"a":', b"}"), id="deep object"),
    pytest.param(deep(b'[{"a":[', b"]}]"), id="deep rows"),
    pytest.param(deep(b'{"messages":[{"a":', b"}]}"), id="deep messages"),
]  # fmt: skip


@pytest.mark.slow
@pytest.mark.parametrize("make", HOSTILE)
def test_a_hostile_file_is_refused_in_a_sentence_soon_and_in_little_memory(
    make: Callable[[Path], None], tmp_path: Path
) -> None:
    path = tmp_path / "hostile"
    make(path)
    _refused(path)
    path.unlink()


def _refused(path: Path, *, seconds: float = SECONDS) -> str:
    """The sentence with which a path is refused, in time and within memory. The quickest of some attempts counts: a
    machine that does other work too takes up to twice the processor time."""
    for _attempt in range(ATTEMPTS):
        done = subprocess.run(
            [sys.executable, "-c", PROBE, str(path)], cwd=ROOT, capture_output=True, text=True, check=False, timeout=60
        )
        assert done.returncode == 0, done.stderr
        took, peak, _rows, *said = done.stdout.split()
        assert said, "no sentence"
        assert int(peak) < MEMORY, (peak, said)
        if float(took) < seconds:
            return " ".join(said)
    pytest.fail(f"{took} s in the last of {ATTEMPTS} attempts: {said}")


def test_what_is_no_file_is_refused_before_it_is_opened(tmp_path: Path) -> None:
    pipe, linked, lost = tmp_path / "pipe", tmp_path / "linked", tmp_path / "lost"
    os.mkfifo(pipe)
    linked.symlink_to("/dev/zero")
    lost.symlink_to(tmp_path / "nowhere")
    for path in (pipe, linked, Path("/dev/zero"), Path("/dev/stdin")):
        with pytest.raises(BadInput, match="is no file"):
            sniff(path)
    for path in (lost, tmp_path / "gone"):
        with pytest.raises(BadInput, match="There is no"):
            sniff(path)


@pytest.mark.parametrize("most", [9 << 20, 8 << 20])
def test_more_shared_texts_than_memory_is_meant_for_are_not_held_here(
    most: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from tests.fuzz.targets import _with_sheet

    monkeypatch.setattr(sharedtexts, "_MOST", most)
    row = b'<row r="1"><c r="A1" t="s"><v>0</v></c></row>'
    sheet = b'<worksheet xmlns="x"><dimension ref="A1:A1"/><sheetData>' + row + b"</sheetData></worksheet>"
    shared = b"".join(b"<si><t>%02x</t></si>" % (n % 256) for n in range(150_000))  # of two bytes, and 56 for each
    path = tmp_path / "x.xlsx"
    path.write_bytes(_with_sheet(sheet, b"<sst>" + shared + b"</sst>"))
    found = plainsheets.look(path, "")
    assert found
    with found[0], pytest.raises(plainmarkup.Odd) if most == 8 << 20 else nullcontext():
        assert [run.rows for run in found[1].answers() if isinstance(run, Even)] == [[["00"]]]


def test_a_link_in_a_zip_leads_nowhere(tmp_path: Path) -> None:
    path, entry = tmp_path / "a.zip", zipfile.ZipInfo("a.csv")
    entry.create_system, entry.external_attr = 3, 0o120777 << 16
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr(entry, "/etc/passwd")
        archive.writestr("../../b.csv", "text,label\na,b\n")
    found = unpack(path, "a.zip", tmp_path / "out")
    assert [member.path.parent for member in found] == [tmp_path / "out"]
    assert found[0].path.read_text() == "/etc/passwd" and not found[0].path.is_symlink()

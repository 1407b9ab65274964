"""Hostile files: refused within two CPU seconds and 200 MB, in a sentence."""

from __future__ import annotations

import gzip
import lzma
import os
import subprocess
import sys
import zipfile
from collections.abc import Callable
from pathlib import Path

import openpyxl
import pytest

ROOT = Path(__file__).resolve().parents[3]
SECONDS, MEMORY = 2.0, 200 << 20
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


def repeated_rows(path: Path) -> None:
    uri = "urn:oasis:names:tc:opendocument:xmlns"
    cell = '<table:table-cell table:number-columns-repeated="16384" office:value-type="string"><text:p>x</text:p>'
    content = (
        f'<?xml version="1.0"?><office:document-content xmlns:office="{uri}:office:1.0" xmlns:table="{uri}:table:1.0" '
        f'xmlns:text="{uri}:text:1.0"><office:body><office:spreadsheet><table:table table:name="S">'
        f'<table:table-row table:number-rows-repeated="1048576">{cell}</table:table-cell></table:table-row>'
        "</table:table></office:spreadsheet></office:body></office:document-content>"
    )
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("mimetype", "application/vnd.oasis.opendocument.spreadsheet")
        archive.writestr("META-INF/manifest.xml", f'<m:manifest xmlns:m="{uri}:manifest:1.0"></m:manifest>')
        archive.writestr("content.xml", content)


def gzip_bomb(path: Path) -> None:
    block = gzip.compress(bytes(64 << 20), 9)
    path.write_bytes(block * 16)  # 1 GiB in 1 MB


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


HOSTILE = [
    far_cell, rather_far_cell, entity_bomb, endless_attributes, repeated_rows, gzip_bomb, xz_bomb, zip_bomb,
    overlapping_zip, zip_in_a_zip, huge_parquet_cells,
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
    done = subprocess.run(
        [sys.executable, "-c", PROBE, str(path)], cwd=ROOT, capture_output=True, text=True, check=False, timeout=60
    )
    assert done.returncode == 0, done.stderr
    took, peak, _rows, *said = done.stdout.split()
    assert said, "no sentence"
    assert float(took) < SECONDS and int(peak) < MEMORY

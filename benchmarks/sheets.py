"""Workbooks read and written by Luopan and by openpyxl, side by side, each in a process of its own.

    python benchmarks/sheets.py [--rows 100000] [--rounds 3]

Rows of three texts, Chinese and English, the size of a question, an answer and a label. Reading goes through the
product's reader: the file is recognised and every row is read. CPU seconds are those of the process and its children,
start and imports included; ratios are medians of rounds in which the two take turns. The last line is one JSON object.

On two busy cores, 100,000 rows: read in 0.9 s of CPU against openpyxl's 5.7 (0.16; its read-only mode takes 3.3),
written in 1.4 s against 5.3 (0.26; making the rows is taken off). A sheet with other cells than texts and whole
numbers, or with empty ones, is read by the child process in some 1.2 s (0.23).
"""

from __future__ import annotations

import argparse
import json
import random
import resource
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
WORDS = """
新建 文件夹 今天 天气 比赛 股票 学校 the order arrived late card refund parcel device help me please with my account
""".split()  # noqa: SIM905
CLASSES = ["refund", "delivery", "account", "other"]
LIMITS = {"read": 1 / 5, "write": 1 / 3}


def texts(rows: int) -> Iterator[tuple[str, str, str]]:
    """The same rows for everybody."""
    chance = random.Random(5)
    for _ in range(rows):
        yield " ".join(chance.choices(WORDS, k=30)), " ".join(chance.choices(WORDS, k=60)), chance.choice(CLASSES)


def read_ours(path: Path, rows: int) -> None:
    from core.dataset.readers import opened_once, read, sniff

    with opened_once():
        assert sum(1 for _ in read(sniff(path))) == rows


def read_openpyxl(path: Path, rows: int) -> None:
    import openpyxl

    assert sum(1 for _ in openpyxl.load_workbook(path).active.iter_rows(values_only=True)) == rows + 1


def read_openpyxl_streaming(path: Path, rows: int) -> None:
    import openpyxl

    sheet = openpyxl.load_workbook(path, read_only=True).active
    assert sum(1 for _ in sheet.iter_rows(values_only=True)) == rows + 1


def write_ours(path: Path, rows: int) -> None:
    from core.dataset import sheetwriting

    def design(book, sheets):  # type: ignore[no-untyped-def]
        sheets["rows"].write_row(0, 0, ["question", "answer", "label"])
        text = book.add_format({"num_format": "@"})
        return text, text

    assert sheetwriting.write(path, design, rows=((row, ()) for row in texts(rows))) == rows


def write_openpyxl(path: Path, rows: int) -> None:
    import openpyxl

    book = openpyxl.Workbook(write_only=True)
    sheet = book.create_sheet("rows")
    sheet.append(["question", "answer", "label"])
    for row in texts(rows):
        sheet.append(row)
    book.save(path)


def write_as_excel(path: Path, rows: int) -> None:
    """A workbook as Excel itself writes one: texts in UTF-8, in the table of shared strings."""
    import xlsxwriter

    book = xlsxwriter.Workbook(str(path))
    sheet = book.add_worksheet("rows")
    sheet.write_row(0, 0, ["question", "answer", "label"])
    for number, row in enumerate(texts(rows), start=1):
        sheet.write_row(number, 0, row)
    book.close()


def only_texts(_path: Path, rows: int) -> None:
    """What making the rows costs, to be taken off the time of writing."""
    for _ in texts(rows):
        pass


ACTS = {
    act.__name__: act
    for act in (read_ours, read_openpyxl, read_openpyxl_streaming, write_ours, write_openpyxl, only_texts)
}


def timed(act: str, path: Path, rows: int) -> dict[str, float]:
    """One act in a fresh process: CPU seconds and seconds on the clock, its children's included."""
    before, began = resource.getrusage(resource.RUSAGE_CHILDREN), time.perf_counter()
    command = [sys.executable, __file__, "--act", act, "--file", str(path), "--rows", str(rows)]
    subprocess.run(command, check=True, cwd=ROOT)
    wall, after = time.perf_counter() - began, resource.getrusage(resource.RUSAGE_CHILDREN)
    cpu = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    return {"cpu": cpu, "wall": wall}


def main() -> int:
    """Run the rounds; exit code 1 where a ratio is above its limit."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rows", type=int, default=100_000)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--act", choices=ACTS)
    parser.add_argument("--file", type=Path)
    asked = parser.parse_args()
    if asked.act:
        sys.path.insert(0, str(ROOT))
        ACTS[asked.act](asked.file, asked.rows)
        return 0
    found: dict[str, list[dict[str, float]]] = {act: [] for act in ACTS}
    with tempfile.TemporaryDirectory() as folder:
        made = Path(folder) / "made.xlsx"
        write_as_excel(made, asked.rows)
        for _ in range(asked.rounds):
            for act in ACTS:
                path = made if act.startswith("read") else Path(folder) / f"{act}.xlsx"
                found[act].append(timed(act, path, asked.rows))
    middle = {act: {k: statistics.median(run[k] for run in runs) for k in runs[0]} for act, runs in found.items()}
    made_rows = middle["only_texts"]["cpu"]
    ratios = {
        "read": middle["read_ours"]["cpu"] / middle["read_openpyxl"]["cpu"],
        "read_streaming": middle["read_ours"]["cpu"] / middle["read_openpyxl_streaming"]["cpu"],
        "write": (middle["write_ours"]["cpu"] - made_rows) / (middle["write_openpyxl"]["cpu"] - made_rows),
    }
    for act, run in middle.items():
        print(f"{act:24} {run['cpu']:6.2f} s CPU {run['wall']:6.2f} s")
    print(json.dumps({"rows": asked.rows, "ratios": {name: round(value, 3) for name, value in ratios.items()}}))
    return int(any(ratios[name] > limit for name, limit in LIMITS.items()))


if __name__ == "__main__":
    sys.exit(main())

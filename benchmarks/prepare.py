"""`core prepare -q` beside `openai tools fine_tunes.prepare_data -q` of openai 0.28, on the same CSV and XLSX.

    python benchmarks/prepare.py [--rows 1000 10000 100000] [--rounds 3] [--peer PYTHON]

The peer lives in an environment of its own, made for the run (or PYTHON, the interpreter of one with openai 0.28,
pandas and openpyxl); where no package index is reachable that is said, and only ours is timed. Each is a process of
its own from start to end, the two in turns, on a prompt of some 220 characters and one of four classes, in Chinese
and English. Time is the median of the rounds; memory is the peak of the process, of ours on Linux that of all its
processes together, looked at in a run of its own. The outputs of the two are compared byte by byte. The last line is
one JSON object.

Measured on two cores (median of five rounds; where others use the machine, two processes lose more than one):

    rows                 ours: wall, cpu, peak         openai 0.28: wall, cpu, peak    wall     cpu
    1,000    text.csv    0.13 s   0.12 s   21 MB       0.72 s   0.81 s    93 MB        5.7x    6.6x
             cells.xlsx  0.10 s   0.10 s   22 MB       0.78 s   0.88 s    99 MB        7.7x    8.7x
             shared.xlsx 0.10 s   0.10 s   23 MB       0.74 s   0.84 s   100 MB        7.2x    8.2x
    10,000   text.csv    0.14 s   0.14 s   29 MB       0.97 s   1.07 s   124 MB        6.7x    7.5x
             cells.xlsx  0.19 s   0.19 s   30 MB       1.45 s   1.55 s   134 MB        7.8x    8.4x
             shared.xlsx 0.18 s   0.18 s   32 MB       1.49 s   1.58 s   139 MB        8.3x    8.9x
    100,000  text.csv    0.43 s   0.64 s   88 MB       4.93 s   5.03 s   467 MB       11.5x    7.9x
             cells.xlsx  0.55 s   0.85 s   96 MB       7.67 s   7.73 s   515 MB       13.9x    9.1x
             shared.xlsx 0.66 s   0.93 s  105 MB       8.21 s   8.28 s   567 MB       12.5x    8.9x
"""

from __future__ import annotations

import argparse
import csv
import hashlib
import json
import os
import random
import statistics
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from benchmarks.memory import watch

ROOT = Path(__file__).resolve().parent.parent

WORDS = """
新建 文件夹 今天 天气 比赛 股票 学校 the order arrived late card refund parcel device help me please with my account
""".split()  # noqa: SIM905
CLASSES = ["refund", "delivery", "account", "other"]
PEER = "import sys; from openai._openai_scripts import main; sys.exit(main())"

# A small process that runs another and tells what that took: to start from this large one would count its memory.
WATCHER = """
import resource, subprocess, sys, time
began = time.perf_counter()
code = subprocess.call(sys.argv[1:], stdout=subprocess.DEVNULL)
wall, used = time.perf_counter() - began, resource.getrusage(resource.RUSAGE_CHILDREN)
print(wall, used.ru_utime + used.ru_stime, used.ru_maxrss)
sys.exit(code)
"""


class Run(NamedTuple):
    """Seconds on the clock, seconds of processor time, peak memory in MB, a digest of what was written."""

    wall: float
    cpu: float
    peak: float
    digest: str


def write(folder: Path, rows: int) -> list[Path]:
    """The same table as CSV, and as XLSX with the texts in its cells (as programs write them) or shared (as Excel)."""
    import xlsxwriter

    rng = random.Random(0)
    table = [("prompt", "completion")]
    table += [(" ".join(rng.choices(WORDS, k=44)) + f" {n}", rng.choice(CLASSES)) for n in range(rows)]
    with (folder / "text.csv").open("w", newline="", encoding="utf-8") as file:
        csv.writer(file).writerows(table)
    for name, in_cells in (("cells.xlsx", True), ("shared.xlsx", False)):
        with xlsxwriter.Workbook(str(folder / name), {"constant_memory": in_cells}) as book:
            sheet = book.add_worksheet()
            for number, row in enumerate(table):
                sheet.write_row(number, 0, row)
    return [folder / name for name in ("text.csv", "cells.xlsx", "shared.xlsx")]


def outputs(folder: Path) -> list[Path]:
    """The files that a run wrote."""
    return sorted(folder.glob("*_prepared*"))


def run(command: list[str], folder: Path) -> Run:
    """One run in a fresh process; its files are looked at and removed."""
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    environment.pop("PYTHONDONTWRITEBYTECODE", None)  # both as they are where they are installed: compiled
    watched = [sys.executable, "-I", "-S", "-c", WATCHER, *command]
    done = subprocess.run(watched, cwd=folder, env=environment, check=True, capture_output=True, text=True)
    wall, cpu, peak = map(float, done.stdout.split()[-3:])
    digest = hashlib.sha256()
    for path in outputs(folder):
        digest.update(path.name.encode() + path.read_bytes())
        path.unlink()
    return Run(wall, cpu, peak / 1024, digest.hexdigest()[:16])


def together(command: list[str], folder: Path) -> float:
    """The most memory that all processes of a run hold at a time, in MB; looking takes time, so it is not timed."""
    seen = [0.0]
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    with subprocess.Popen(command, cwd=folder, env=environment, stdout=subprocess.DEVNULL, text=True) as process:
        watch(process, seen)
    for path in outputs(folder):
        path.unlink()
    return max(seen)


def middle(runs: Sequence[Run]) -> Run:
    """The median of each figure."""
    wall, cpu, peak = (statistics.median(run[place] for run in runs) for place in range(3))
    return Run(wall, cpu, peak, runs[0].digest)


def peer_in(folder: Path) -> str:
    """The interpreter of a fresh environment with the old tool; nothing where it cannot be fetched."""
    python = folder / ("Scripts/python.exe" if os.name == "nt" else "bin/python")
    try:
        subprocess.run([sys.executable, "-m", "venv", str(folder)], check=True, capture_output=True)
        wanted = ["openai==0.28.0", "pandas", "openpyxl"]
        subprocess.run([str(python), "-m", "pip", "install", "-q", *wanted], check=True, capture_output=True)
    except (subprocess.CalledProcessError, OSError):
        print("openai 0.28 cannot be fetched (is a package index reachable?): only ours is timed")
        return ""
    return str(python)


def compared(path: Path, peer: str, rounds: int) -> dict[str, object]:
    """The figures of one file, printed and as values."""
    sides = {"ours": [sys.executable, "-m", "core", "prepare", path.name, "-q"]}
    if peer:
        sides["peer"] = [peer, "-c", PEER, "tools", "fine_tunes.prepare_data", "-f", path.name, "-q"]
    runs: dict[str, list[Run]] = {side: [] for side in sides}
    for _round in range(rounds):
        for side, command in sides.items():
            runs[side].append(run(command, path.parent))
    found = {side: middle(timed) for side, timed in runs.items()}
    if sys.platform == "linux":
        most = max(found["ours"].peak, together(sides["ours"], path.parent))
        found["ours"] = found["ours"]._replace(peak=most)
    entry: dict[str, object] = {side: figure._asdict() for side, figure in found.items()}
    for side, figure in found.items():
        print(f"  {path.name:11} {side}: {figure.wall:6.2f} s, {figure.cpu:6.2f} s cpu, {figure.peak:4.0f} MB")
    if "peer" in found:
        ours, other = found["ours"], found["peer"]
        entry |= {"wall_ratio": round(other.wall / ours.wall, 1), "cpu_ratio": round(other.cpu / ours.cpu, 1)}
        entry["same_output"] = ours.digest == other.digest
        ratios = f"{entry['wall_ratio']} times less time, {entry['cpu_ratio']} times less cpu"
        print(f"  {path.name:11} {ratios}, same output: {entry['same_output']}")
    return entry


def main(arguments: Sequence[str] | None = None) -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rows", type=int, nargs="+", default=[1_000, 10_000, 100_000])
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--peer", default="", help="python of an environment with openai 0.28, pandas and openpyxl")
    options = parser.parse_args(arguments)
    figures: dict[str, object] = {}
    with tempfile.TemporaryDirectory() as name:
        peer = options.peer or peer_in(Path(name) / "peer")
        for rows in options.rows:
            print(f"{rows:,} rows")
            folder = Path(name) / str(rows)
            folder.mkdir()
            figures[str(rows)] = {p.name: compared(p, peer, options.rounds) for p in write(folder, rows)}
    print(json.dumps(figures))


if __name__ == "__main__":
    main()

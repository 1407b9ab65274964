"""`core prepare -q` beside `openai tools fine_tunes.prepare_data -q` of openai 0.28, on the same CSV and XLSX.

    python benchmarks/prepare.py [--rows 1000 10000 100000] [--rounds 3] [--peer PYTHON]

The peer lives in an environment of its own, made for the run (or PYTHON, the interpreter of one with openai 0.28,
pandas and openpyxl); where no package index is reachable that is said, and only ours is timed. Each is a process of
its own from start to end, the two in turns, on a prompt of some 220 characters and one of four classes, in Chinese
and English. Time is the median of the rounds; memory is the peak of the process, of ours on Linux that of all its
processes together, looked at in a run of its own. The outputs of the two are compared byte by byte. The last line is
one JSON object.

Measured on two quiet cores (median of five rounds):

    rows          ours: wall, cpu, peak         openai 0.28: wall, cpu, peak    wall     cpu
    1,000   csv    0.10 s   0.10 s   22 MB       0.59 s   0.70 s    93 MB        6.1x    7.1x
            xlsx   0.10 s   0.10 s   23 MB       0.73 s   0.82 s    99 MB        7.1x    8.0x
    10,000  csv    0.15 s   0.15 s   30 MB       0.93 s   1.03 s   124 MB        6.2x    6.9x
            xlsx   0.16 s   0.16 s   33 MB       1.32 s   1.42 s   134 MB        8.2x    8.9x
    100,000 csv    0.44 s   0.64 s   95 MB       4.59 s   4.67 s   466 MB       10.5x    7.3x
            xlsx   0.71 s   0.72 s  110 MB       7.18 s   7.22 s   515 MB       10.1x   10.0x
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
    """The same table as CSV and as XLSX."""
    import xlsxwriter

    rng = random.Random(0)
    table = [("prompt", "completion")]
    table += [(" ".join(rng.choices(WORDS, k=44)) + f" {n}", rng.choice(CLASSES)) for n in range(rows)]
    with (folder / "x.csv").open("w", newline="", encoding="utf-8") as file:
        csv.writer(file).writerows(table)
    book = xlsxwriter.Workbook(str(folder / "x.xlsx"), {"constant_memory": True})
    sheet = book.add_worksheet()
    for number, row in enumerate(table):
        sheet.write_row(number, 0, row)
    book.close()
    return [folder / "x.csv", folder / "x.xlsx"]


def run(command: list[str], folder: Path) -> Run:
    """One run in a fresh process; its files are looked at and removed."""
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    environment.pop("PYTHONDONTWRITEBYTECODE", None)  # both as they are where they are installed: compiled
    watched = [sys.executable, "-I", "-S", "-c", WATCHER, *command]
    done = subprocess.run(watched, cwd=folder, env=environment, check=True, capture_output=True, text=True)
    wall, cpu, peak = map(float, done.stdout.split()[-3:])
    digest = hashlib.sha256()
    for path in sorted(folder.glob("x_prepared*")):
        digest.update(path.name.encode() + path.read_bytes())
        path.unlink()
    return Run(wall, cpu, peak / 1024, digest.hexdigest()[:16])


def together(command: list[str], folder: Path) -> float:
    """The most memory that all processes of a run hold at a time, in MB; looking takes time, so it is not timed."""
    seen = [0.0]
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    with subprocess.Popen(command, cwd=folder, env=environment, stdout=subprocess.DEVNULL, text=True) as process:
        watch(process, seen)
    for path in folder.glob("x_prepared*"):
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
        print(f"  {path.suffix[1:]:5} {side}: {figure.wall:6.2f} s, {figure.cpu:6.2f} s cpu, {figure.peak:4.0f} MB")
    if "peer" in found:
        ours, other = found["ours"], found["peer"]
        entry |= {"wall_ratio": round(other.wall / ours.wall, 1), "cpu_ratio": round(other.cpu / ours.cpu, 1)}
        entry["same_output"] = ours.digest == other.digest
        ratios = f"{entry['wall_ratio']} times less time, {entry['cpu_ratio']} times less cpu"
        print(f"  {path.suffix[1:]:5} {ratios}, same output: {entry['same_output']}")
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
            figures[str(rows)] = {p.suffix[1:]: compared(p, peer, options.rounds) for p in write(folder, rows)}
    print(json.dumps(figures))


if __name__ == "__main__":
    main()

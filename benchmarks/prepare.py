"""`core prepare -q` beside `openai tools fine_tunes.prepare_data -q` of openai 0.28, on the same CSV and XLSX.

    python benchmarks/prepare.py [--rows 100000] [--rounds 3] [--peer PYTHON]

PYTHON is the interpreter of an environment with openai 0.28 and pandas; without it only ours is timed. Each is a
process of its own, the two in turns, on a prompt of some 220 characters and one of four classes, in Chinese and
English. Time is the median of the rounds, memory the peak of the process and its children. The outputs of the two
are compared byte by byte. The last line is one JSON object.
"""

from __future__ import annotations

import argparse
import csv
import hashlib
import json
import os
import random
import resource
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

ROOT = Path(__file__).resolve().parent.parent
WORDS = """
新建 文件夹 今天 天气 比赛 股票 学校 the order arrived late card refund parcel device help me please with my account
""".split()  # noqa: SIM905
CLASSES = ["refund", "delivery", "account", "other"]
PEER = "import sys; from openai._openai_scripts import main; sys.exit(main())"


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
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    watcher = "import resource,subprocess,sys; code = subprocess.call(sys.argv[1:], stdout=subprocess.DEVNULL); "
    watcher += "print(resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss); sys.exit(code)"
    began = time.perf_counter()
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    watched = [sys.executable, "-I", "-S", "-c", watcher, *command]
    done = subprocess.run(watched, cwd=folder, env=environment, check=True, capture_output=True, text=True)
    wall = time.perf_counter() - began
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    digest = hashlib.sha256()
    for path in sorted(folder.glob("x_prepared*")):
        digest.update(path.name.encode() + path.read_bytes())
        path.unlink()
    cpu = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    return Run(wall, cpu, int(done.stdout.split()[-1]) / 1024, digest.hexdigest()[:16])


def middle(runs: Sequence[Run]) -> Run:
    """The median of each figure."""
    wall, cpu, peak = (statistics.median(run[place] for run in runs) for place in range(3))
    return Run(wall, cpu, peak, runs[0].digest)


def main(arguments: Sequence[str] | None = None) -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rows", type=int, default=100_000)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--peer", default="", help="python of an environment with openai 0.28 and pandas")
    options = parser.parse_args(arguments)
    figures: dict[str, object] = {"rows": options.rows}
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        for path in write(folder, options.rows):
            sides = {"ours": [sys.executable, "-m", "core", "prepare", path.name, "-q"]}
            if options.peer:
                tool = ["tools", "fine_tunes.prepare_data", "-f", path.name, "-q"]
                sides["peer"] = [options.peer, "-c", PEER, *tool]
            runs: dict[str, list[Run]] = {side: [] for side in sides}
            for _round in range(options.rounds):
                for side, command in sides.items():
                    runs[side].append(run(command, folder))
            found = {side: middle(timed) for side, timed in runs.items()}
            for side, figure in found.items():
                print(
                    f"{path.suffix[1:]:5} {side}: {figure.wall:6.2f} s, {figure.cpu:6.2f} s cpu, {figure.peak:4.0f} MB"
                )
            entry: dict[str, object] = {side: figure._asdict() for side, figure in found.items()}
            if "peer" in found:
                ours, peer = found["ours"], found["peer"]
                entry |= {"wall_ratio": round(peer.wall / ours.wall, 1), "cpu_ratio": round(peer.cpu / ours.cpu, 1)}
                entry["same_output"] = ours.digest == peer.digest
                print(f"{path.suffix[1:]:5} {entry['wall_ratio']} times faster, same output: {entry['same_output']}")
            figures[path.suffix[1:]] = entry
    print(json.dumps(figures))


if __name__ == "__main__":
    main()

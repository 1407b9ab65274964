"""How good and how fast the engines are, on public data sets in a folder:

    python -m benchmarks.engines --data DIR [--only tnews_small tnews banking77 medical]

The folder holds tnews.json and tnews_train.tsv (CLUE's TNEWS), banking77_train.csv and banking77_test.csv (PolyAI),
medical_qa_alpaca.jsonl; a set whose files are absent is left out. Each set is trained as the local provider trains it,
in a worker process, and asked one question at a time at temperature 0.
"""

from __future__ import annotations

import argparse
import csv
import json
import os
import random
import subprocess
import tempfile
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from core.server.engines.base import JobDir, JobSpec, SampleParams
from core.server.engines.classic import BASE
from core.server.engines.classic.engine import ClassicEngine

ROOT = Path(__file__).parent.parent
Pairs = list[tuple[str, str]]


@dataclass(frozen=True)
class Result:
    """Shares from 0 to 1, times in seconds (an answer in milliseconds)."""

    rows: int
    asked: int
    accuracy: float
    calibration_error: float
    check: float
    train: float
    open: float
    answer_ms: float
    mode: str


def tnews(data: Path) -> tuple[Pairs, Pairs]:
    """All of the training part, all of the development part."""
    lines = (data / "tnews_train.tsv").read_text("utf-8").splitlines()
    return [(line.split("\t")[0], line.split("\t")[1]) for line in lines], _tnews_dev(data)


def tnews_small(data: Path, seed: int = 0) -> tuple[Pairs, Pairs]:
    """The development part without news_stock, shuffled: 8,955 to learn from, 1,000 held out."""
    pairs = [pair for pair in _tnews_dev(data) if pair[1] != "news_stock"]
    random.Random(seed).shuffle(pairs)
    return pairs[:8955], pairs[8955:]


def banking77(data: Path) -> tuple[Pairs, Pairs]:
    """The training and the test part as published."""
    train, test = (_csv(data / name) for name in ("banking77_train.csv", "banking77_test.csv"))
    return train, test


def medical(data: Path) -> tuple[Pairs, Pairs]:
    """Questions with free answers: every tenth is held out."""
    lines = (data / "medical_qa_alpaca.jsonl").read_text("utf-8").splitlines()
    rows = [json.loads(line) for line in lines if line]
    pairs = [(f"{row['instruction']}\n{row.get('input', '')}".strip(), row["output"]) for row in rows]
    return [p for i, p in enumerate(pairs) if i % 10], pairs[::10]


SETS: dict[str, Callable[[Path], tuple[Pairs, Pairs]]] = {
    "tnews_small": tnews_small,
    "tnews": tnews,
    "banking77": banking77,
    "medical": medical,
}


def _tnews_dev(data: Path) -> Pairs:
    rows = [json.loads(line) for line in (data / "tnews.json").read_text("utf-8").splitlines()]
    return [(row["sentence"], row["label_desc"]) for row in rows]


def _csv(path: Path) -> Pairs:
    with path.open(encoding="utf-8", newline="") as file:
        return [(row["text"], row["category"]) for row in csv.DictReader(file)]


def write_chat(path: Path, pairs: Sequence[tuple[str, str]], template: str = "{}") -> Path:
    """A training file in the chat format; the template stands around each question."""
    with path.open("w", encoding="utf-8") as file:
        for ask, answer in pairs:
            asked = {"role": "user", "content": template.replace("{}", ask)}
            line = {"messages": [asked, {"role": "assistant", "content": answer}]}
            file.write(json.dumps(line, ensure_ascii=False) + "\n")
    return path


def measure(train: Pairs, test: Pairs, folder: Path, template: str = "{}") -> Result:
    """Trains on one part and asks the other."""
    engine = ClassicEngine()
    spec = JobSpec("benchmark", BASE, write_chat(folder / "train.jsonl", train, template))
    began = time.perf_counter()
    plan = engine.check(spec)
    checked = time.perf_counter()
    job = JobDir.create(folder / "job", spec)
    launch = engine.command(spec, job.path)
    subprocess.run(launch.argv, env={**os.environ, **launch.env}, cwd=ROOT, check=True)
    trained = time.perf_counter()
    model = engine.open(job.final_path, BASE)
    opened = time.perf_counter()
    pieces = []
    for ask, _answer in test:
        asked = [{"role": "user", "content": template.replace("{}", ask)}]
        pieces.append(next(iter(model.generate(asked, SampleParams(temperature=0, top_logprobs=3)))))
    answered = time.perf_counter()
    right = [piece.text == answer for piece, (_ask, answer) in zip(pieces, test, strict=True)]
    return Result(
        rows=len(train),
        asked=len(test),
        accuracy=sum(right) / len(test),
        calibration_error=_calibration_error([piece.logprob for piece in pieces], right),
        check=checked - began,
        train=trained - checked,
        open=opened - trained,
        answer_ms=1000 * (answered - opened) / len(test),
        mode=plan.mode,
    )


def _calibration_error(logs: Sequence[float | None], right: Sequence[bool], bins: int = 15) -> float:
    import numpy as np

    sure = np.exp([0.0 if log is None else log for log in logs])
    place = np.minimum((sure * bins).astype(int), bins - 1)
    gaps = np.bincount(place, sure, minlength=bins) - np.bincount(place, np.array(right), minlength=bins)
    return float(np.abs(gaps).sum() / len(sure))


def main() -> None:
    """Measures the sets that are there and prints one line each."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, required=True, help="the folder with the data sets")
    parser.add_argument("--only", nargs="*", choices=sorted(SETS), help="measure these sets only")
    chosen = parser.parse_args()
    print("set          mode      rows  asked   right    ECE   check   train   answer")
    for name in chosen.only or SETS:
        try:
            train, test = SETS[name](chosen.data)
        except FileNotFoundError as error:
            print(f"{name:12} left out: {error.filename} is not there")
            continue
        with tempfile.TemporaryDirectory() as folder:
            r = measure(train, test, Path(folder))
        missed = f"{r.calibration_error:6.3f}" if r.mode == "closed" else "     –"
        times = f"{r.check:6.1f}s {r.train:6.1f}s {r.answer_ms:6.2f}ms"
        print(f"{name:12} {r.mode:7} {r.rows:6} {r.asked:6} {r.accuracy:7.2%} {missed} {times}", flush=True)


if __name__ == "__main__":
    main()

"""How good and how fast the classic engine is, on public data sets in a folder, beside scikit-learn:

    python -m benchmarks.engines --data DIR [--only tnews banking77 methods http …] [--alone]

The folder holds tnews.json and tnews_train.tsv (CLUE's TNEWS), banking77_train.csv and banking77_test.csv (PolyAI),
medical_qa_alpaca.jsonl; a set whose files are absent is left out. Each set is trained as the local provider trains it,
in a worker process, and asked one question at a time at temperature 0. Measured on two shared cores; CPU seconds of
the engine hold everything from the start of the process, and the further models that calibration learns (one from
5,000 rows on, up to five below), those of the peers vectorising and fitting alone.

    set            rows    right   ECE    CPU   planned   SGD log loss   LinearSVC     ComplementNB
    tnews        53,360   57.42 %  .047  10.3 s   7.4 s   55.97 %, 17 s  57.05 %, 15 s  56.87 %,  7 s
    tnews_small   8,955   52.10 %  .062   2.7 s   2.9 s   50.80 %        51.50 %        49.20 %
    tnews_1000    1,000   40.45 %  .027   1.1 s   1.7 s   39.90 %        39.30 %        38.39 %
    tnews_300       300   30.45 %  .011    .6 s   1.0 s   29.97 %        27.75 %        30.11 %
    banking77    10,003   91.69 %  .015   5.9 s   6.4 s   91.23 %, 12 s  91.17 %,  5 s  80.36 %,  1 s
    banking_1000  1,000   73.18 %  .025   2.3 s   2.5 s   69.35 %        72.76 %        62.50 %
    banking_300     300   51.85 %  .090   1.1 s   1.4 s   45.36 %        49.55 %        46.04 %

    TNEWS, 1,000 rows learnt (40.0 %, ECE .016), then 8,000 more:   from there          from the base
    as usual                                                        51.2 %, ECE .019    51.6 %, ECE .024
    dpo, the true class to the likeliest wrong one                  48.5 %, ECE .028    36.3 %, ECE .116
    reinforcement, reward 1 for the true class                      51.8 %, ECE .030    51.4 %, ECE .031

    over HTTP, on idle cores: an answer 2.2 ms, a cancel .01 s; create to succeeded 9.7 s for 53,360 rows and 1.4 s for
    1,000 (25 s and 5.5 s while ten other processes shared the two cores)
"""

from __future__ import annotations

import argparse
import csv
import json
import os
import random
import resource
import subprocess
import tempfile
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

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
    cpu: float
    estimated: float
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


def few(load: Callable[[Path], tuple[Pairs, Pairs]], rows: int) -> Callable[[Path], tuple[Pairs, Pairs]]:
    """Some rows of a set, the same each time."""

    def part(data: Path) -> tuple[Pairs, Pairs]:
        train, test = load(data)
        return random.Random(0).sample(train, rows), test

    return part


SETS: dict[str, Callable[[Path], tuple[Pairs, Pairs]]] = {
    "tnews_small": tnews_small,
    "tnews": tnews,
    "banking77": banking77,
    "medical": medical,
    "tnews_300": few(tnews, 300),
    "tnews_1000": few(tnews, 1_000),
    "banking_300": few(banking77, 300),
    "banking_1000": few(banking77, 1_000),
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
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    subprocess.run(launch.argv, env={**os.environ, **launch.env}, cwd=ROOT, check=True)
    trained = time.perf_counter()
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
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
        calibration_error=calibration_error([piece.logprob for piece in pieces], right),
        check=checked - began,
        train=trained - checked,
        cpu=after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime,
        estimated=plan.estimated_seconds,
        open=opened - trained,
        answer_ms=1000 * (answered - opened) / len(test),
        mode=plan.mode,
    )


def calibration_error(logs: Sequence[float | None], right: Sequence[bool], bins: int = 15) -> float:
    """How far probabilities are from the truth, in bins of equal width."""
    import numpy as np

    sure = np.exp([0.0 if log is None else log for log in logs])
    place = np.minimum((sure * bins).astype(int), bins - 1)
    gaps = np.bincount(place, sure, minlength=bins) - np.bincount(place, np.array(right), minlength=bins)
    return float(np.abs(gaps).sum() / len(sure))


def peers(train: Pairs, test: Pairs) -> dict[str, tuple[float, float]]:
    """What scikit-learn's usual text classifiers reach: the share of right answers, and CPU seconds to learn."""
    from scipy.sparse import hstack
    from sklearn.feature_extraction.text import TfidfVectorizer
    from sklearn.linear_model import SGDClassifier
    from sklearn.naive_bayes import ComplementNB
    from sklearn.svm import LinearSVC

    asked, answers = [list(part) for part in zip(*train, strict=True)]
    chinese = sum("一" <= char <= "鿿" for char in "".join(asked[:200])) > 500
    kinds: list[dict[str, Any]] = [{"analyzer": "char", "ngram_range": (1, 3)}]
    if not chinese:
        kinds = [{"ngram_range": (1, 2)}, {"analyzer": "char_wb", "ngram_range": (2, 5)}]
    began = time.process_time()
    known = [TfidfVectorizer(sublinear_tf=True, **kind) for kind in kinds]
    learnt = hstack([one.fit_transform(asked) for one in known]).tocsr()
    seen = time.process_time() - began
    held = hstack([one.transform([ask for ask, _answer in test]) for one in known]).tocsr()
    found = {}
    for name, model in {
        "SGD log loss": SGDClassifier(loss="log_loss", alpha=1e-5, max_iter=15, tol=None, average=True, random_state=0),
        "LinearSVC": LinearSVC(C=0.25 if chinese else 1.0),
        "ComplementNB": ComplementNB(alpha=0.3),
    }.items():
        began = time.process_time()
        model.fit(learnt, answers)
        took = time.process_time() - began
        right = sum(model.predict(held) == [answer for _ask, answer in test])
        found[name] = right / len(test), seen + took
    return found


def show(name: str, train: Pairs, test: Pairs, alone: bool) -> None:
    """Measures a set and prints a line for the engine, and one for each peer with what it costs beside the engine."""
    with tempfile.TemporaryDirectory() as folder:
        r = measure(train, test, Path(folder))
    missed = f"{r.calibration_error:6.3f}" if r.mode == "closed" else "     –"
    times = f"{r.cpu:6.1f}s {r.train:6.1f}s {r.estimated:6.1f}s {r.answer_ms:6.2f}ms"
    print(f"{name:14} {r.mode:13} {r.rows:6} {r.asked:6} {r.accuracy:7.2%} {missed} {times}", flush=True)
    if r.mode != "closed" or alone:
        return
    for peer, (accuracy, cpu) in peers(train, test).items():
        beside = f"{accuracy:7.2%} {'':6} {cpu:6.1f}s   engine: {100 * (r.accuracy - accuracy):+.1f} points"
        print(f"{'':14} {peer:13} {r.rows:6} {r.asked:6} {beside}, {r.cpu / cpu:.2f} of the time", flush=True)


def main() -> None:
    """Measures the sets that are there, then the methods, then the server, and prints a line each."""
    from benchmarks import engines_http, engines_methods

    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, required=True, help="the folder with the data sets")
    more = {"methods": engines_methods.show, "http": engines_http.show}
    parser.add_argument("--only", nargs="*", choices=[*SETS, *more], help="measure these only")
    parser.add_argument("--alone", action="store_true", help="without the peers")
    chosen = parser.parse_args()
    print("set            what            rows  asked   right    ECE     CPU    wall  planned   answer")
    for name in chosen.only or [*SETS, *more]:
        try:
            if name in more:
                more[name](chosen.data)
            else:
                show(name, *SETS[name](chosen.data), chosen.alone)
        except FileNotFoundError as error:
            print(f"{name:14} left out: {error.filename} is not there")


if __name__ == "__main__":
    main()

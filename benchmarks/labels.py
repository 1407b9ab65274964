"""Likely wrong labels: how many of planted ones are found, how far up, in how many CPU seconds.

    python benchmarks/labels.py [--data FOLDER] [--rows 53360] [--share 0.02]

FOLDER holds tnews_train.tsv (CLUE TNEWS: title, TAB, class) and banking77_train.csv (text, category); what is missing
is left out, and the product's own samples are always measured. In each set a share of the rows gets a random other
label. The peer is the plain rule: the lowest out-of-fold probability of the given label first, by the same classifier.
Precision at k counts planted rows among the first k, k being the number that was planted; the real slips that a set
holds count as wrong. Each set's last line is one JSON object.

Measured on two busy cores (planted 2 %, seed 0). The peer's list is as good at its head; ours ends where doubt ends,
and names the label that is meant:

    set          rows  classes  planted  CPU s  doubted  recall  p@k/2   p@k   peer p@k/2  peer p@k   right suggestion
    TNEWS      53,360       15    1,067   16.3   10,740    0.60   0.52  0.37         0.54      0.40               0.67
    Banking77  10,003       77      200   12.8      377    0.78   0.98  0.78         0.99      0.88               0.98
    helpdesk      410       10        8    0.4      167    0.75   0.00  0.13         0.00      0.13               0.50
    hotline       410       10        8    1.2       94    0.75   0.25  0.13         0.25      0.13               0.50
"""

from __future__ import annotations

import argparse
import csv
import json
import random
import sys
import time
from collections.abc import Sequence
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

import numpy as np

from core.checks import doubts as room
from core.dataset.samples import SAMPLES

Rows = list[tuple[str, str]]
KEPT = 2_000  # as many as the product keeps


def sets(folder: Path | None, most: int) -> dict[str, Rows]:
    """The texts and labels of each set that is at hand."""
    found: dict[str, Rows] = {}
    for sample in SAMPLES[:2]:
        columns = ("sentence", "label_desc") if sample.key == "hotline_zh" else ("text", "category")
        found[sample.key] = _table(sample.path, columns)
    if folder and (folder / "banking77_train.csv").exists():
        found["Banking77"] = _table(folder / "banking77_train.csv", ("text", "category"))
    if folder and (folder / "tnews_train.tsv").exists():
        with (folder / "tnews_train.tsv").open(encoding="utf-8", newline="") as file:
            lines = [line.rstrip("\r\n").split("\t") for line in file]
        found["TNEWS"] = [(line[0], line[1]) for line in lines if len(line) > 1]
    return {name: rows[:most] for name, rows in found.items()}


def _table(path: Path, columns: tuple[str, str]) -> Rows:
    with path.open(encoding="utf-8-sig", newline="") as file:
        return [(row[columns[0]], row[columns[1]]) for row in csv.DictReader(file)]


def planted(labels: Sequence[str], share: float, seed: int = 0) -> tuple[list[str], set[int]]:
    """The labels with some of them replaced by a random other one, and where."""
    chance, names, made = random.Random(seed), sorted(set(labels)), list(labels)
    places = set(chance.sample(range(len(labels)), round(len(labels) * share)))
    for place in sorted(places):
        made[place] = chance.choice([name for name in names if name != labels[place]])
    return made, places


def measured(rows: Rows, share: float) -> dict[str, float]:
    """The figures of one set."""
    texts, right = [text for text, _label in rows], [label for _text, label in rows]
    labels, places = planted(right, share)
    began = time.process_time()
    room.doubts(texts, labels, most=KEPT)
    spent = time.process_time() - began
    names = sorted(set(labels))
    given = np.array([names.index(label) for label in labels])
    shares = room._out_of_fold(room._vectors(texts), given, room._keys(texts), len(names), lambda _done, _total: None)
    ours, suggested = room._rule(shares, given)
    peer = np.argsort(shares[np.arange(len(given)), given], kind="stable")
    hit = np.zeros(len(given), bool)
    hit[sorted(places)] = True
    k, found = len(places), [place for place in ours.tolist() if hit[place]]
    figures = {
        "rows": len(rows), "classes": len(names), "planted": k, "cpu_s": spent, "doubted": len(ours),
        "recall": len(found) / k, "precision": len(found) / max(1, len(ours)),
        "right_suggestion": sum(names[suggested[place]] == right[place] for place in found) / max(1, len(found)),
    }  # fmt: skip
    for name, order in (("", ours), ("peer_", peer)):
        figures |= {f"{name}p@{part}": float(hit[order[:size]].mean()) for part, size in (("k/2", k // 2), ("k", k))}
    return {name: round(value, 3) for name, value in figures.items()}


def main(arguments: Sequence[str] | None = None) -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, help="the folder of the public data sets")
    parser.add_argument("--rows", type=int, default=53_360, help="rows of a set at most")
    parser.add_argument("--share", type=float, default=0.02, help="of the labels that are replaced")
    options = parser.parse_args(arguments)
    for name, rows in sets(options.data, options.rows).items():
        print(name)
        print(json.dumps(measured(rows, options.share)), flush=True)


if __name__ == "__main__":
    main()

"""Pages and edits of a large dataset beside the same of a small one, as ratios, and rows imported in a second.

    python benchmarks/store.py [--small 1000] [--large 100000] [--rounds 15] [--url postgresql+psycopg://...]

Rows are short chats in Chinese and English; nothing is judged, so that only the store is timed. Each figure is the
median of the rounds, small and large in turns. An edit is durable when it returns; beside it stands the same machine's
time to write 8 KiB and flush it. The last line is one JSON object.
"""

from __future__ import annotations

import argparse
import json
import os
import random
import statistics
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from core.dataset.edits import Change, Edits
from core.dataset.examples import Draft, Kind, Origin, dump
from core.settings import Settings
from core.store import Dataset, Filter, Store

LABELS = ["文化", "体育", "财经", "科技", "教育", "旅游", "军事", "农业"]
WORDS = """
新建 文件夹 今天 天气 比赛 股票 学校 the order arrived late card refund parcel device
""".split()  # noqa: SIM905


@dataclass(frozen=True)
class Unjudged:
    """What is known of a row when nothing was counted."""

    tokens: int
    answer_tokens: int = 1
    details: tuple[()] = ()


def drafts(rows: int) -> list[Draft]:
    """Chats with a label for an answer, the same for each run."""
    rng = random.Random(0)
    made = []
    for number in range(rows):
        question, label = " ".join(rng.choices(WORDS, k=20)), rng.choice(LABELS)
        roles = {"system": "Name the topic.", "user": f"{question} {number}", "assistant": label}
        messages = [{"role": role, "content": content} for role, content in roles.items()]
        origin = Origin("news.csv", number + 2, "", {"title": question, "topic": label})
        made.append(Draft(dump({"messages": messages}), Kind.CHAT, origin=origin))
    return made


def imported(store: Store, rows: int) -> tuple[Dataset, float]:
    """A dataset of this size, and how many rows were stored in a second."""
    waiting = drafts(rows)
    dataset = store.create_dataset(f"{rows} rows", Kind.CHAT)
    began = time.perf_counter()
    for start in range(0, rows, 5000):
        store.add_drafts(dataset.id, waiting[start : start + 5000])
    return store.finish_import(dataset.id), rows / (time.perf_counter() - began)


def milliseconds(work: Callable[[], object]) -> float:
    began = time.perf_counter()
    work()
    return (time.perf_counter() - began) * 1000


def flush(folder: Path) -> None:
    """Overwrite 8 KiB of a file and wait until they are on the disk."""
    with (folder / "flush").open("wb") as file:
        file.write(b"x" * 8192)
        file.flush()
        os.fsync(file.fileno())


def actions(store: Store, dataset: Dataset) -> dict[str, Callable[[], object]]:
    """What is timed: pages as the grid asks for them, and one edit."""
    pages = store.page(dataset.id).pages
    row = store.page(dataset.id, page=pages // 2).examples[0].id

    def edit() -> None:
        seen = store.example(row)
        store.apply(dataset.id, Edits([Change(row, seen.revision, {"user": f"{time.time_ns()}"})]), "me")

    def search() -> None:
        store._counts.clear()
        store.page(dataset.id, Filter(text="文件夹"))

    return {
        "first page": lambda: store.page(dataset.id),
        "page in the middle": lambda: store.page(dataset.id, page=pages // 2),
        "last page": lambda: store.page(dataset.id, page=pages),
        "page of a label": lambda: store.page(dataset.id, Filter(label="文化"), page=pages // 16),
        "page by tokens": lambda: store.page(dataset.id, sort="tokens", descending=True, page=pages // 3),
        "page by question": lambda: store.page(dataset.id, sort="user"),
        "page of a search, counted anew": search,
        "labels counted": lambda: store.label_counts(dataset.id),
        "one edit": edit,
    }


def main(arguments: Sequence[str] | None = None) -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--small", type=int, default=1_000)
    parser.add_argument("--large", type=int, default=100_000)
    parser.add_argument("--rounds", type=int, default=15)
    parser.add_argument("--url", default="", help="an empty database; SQLite in a temporary folder when left out")
    options = parser.parse_args(arguments)
    with tempfile.TemporaryDirectory() as folder:
        home = Settings.from_env({"LUOPAN_HOME": folder, "LUOPAN_DATABASE_URL": options.url})
        store = Store.open(home, judge=lambda raws, encoding, kind: [Unjudged(len(raw)) for raw in raws])
        (small, _), (large, rate) = imported(store, options.small), imported(store, options.large)
        print(f"{rate:,.0f} rows a second stored")
        sides = [actions(store, dataset) for dataset in (small, large)]
        figures: dict[str, object] = {"rows_per_second": round(rate)}
        for name in sides[0]:
            timed = [[milliseconds(side[name]) for side in sides] for _ in range(options.rounds)]
            low, high = (statistics.median(column) for column in zip(*timed, strict=True))
            print(f"{name:32} {low:8.2f} ms {high:8.2f} ms   x {high / low:.2f}")
            figures[name] = {"small_ms": round(low, 2), "large_ms": round(high, 2), "ratio": round(high / low, 2)}
        figures["flush_ms"] = round(statistics.median(milliseconds(lambda: flush(home.home)) for _ in range(50)), 2)
        print(f"{'8 KiB written and flushed':32} {figures['flush_ms']:8} ms")
        print(json.dumps(figures, ensure_ascii=False))
        store.close()


if __name__ == "__main__":
    main()

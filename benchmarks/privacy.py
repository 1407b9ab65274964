"""Looking for personal data, odd characters, mistaken encodings and scripts: rows a second, kind by kind of text.

    python benchmarks/privacy.py [--rows 20000] [--rounds 3]

The rows are those of benchmarks/check.py, with a phone number, an e-mail address or an order number in every tenth,
and one odd character in every hundredth. CPU seconds of one core, the median of the rounds. The last line is one JSON
object; it ends with 1 where short rows are looked through slower than 50,000 a second.
"""

from __future__ import annotations

import argparse
import json
import random
import statistics
import sys
import time
from collections.abc import Callable
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from benchmarks.check import CLASSES, chinese, english, example
from core.checks.privacy import masked, rewritten, scan, scan_row

FLOOR = 50_000


def said(rng: random.Random, text: str) -> str:
    """The text with something in it that has to be looked at closely."""
    chance = rng.random()
    if chance < 0.03:
        return f"{text} 1{rng.choice('3589')}{rng.randrange(10**9):09d}"
    if chance < 0.06:
        return f"{text} user{rng.randrange(10**6)}@mail.cn"
    if chance < 0.10:
        return f"{text} 订单号{rng.randrange(10**15):015d}"
    return f"{text[:4]}\u200b{text[4:]}" if chance < 0.11 else text


def short_chinese(rng: random.Random) -> str:
    task = f"对给定文本进行分类，类别包括：{'、'.join(CLASSES)}。"
    return row(task, said(rng, chinese(rng, rng.randint(8, 40))), rng.choice(CLASSES))


def short_english(rng: random.Random) -> str:
    return row("Name the topic of the ticket.", said(rng, english(rng, rng.randint(8, 30))), "billing")


def row(system: str, user: str, assistant: str) -> str:
    parts = (("system", system), ("user", user), ("assistant", assistant))
    return json.dumps({"messages": [{"role": r, "content": text} for r, text in parts]}, ensure_ascii=False)


def timed(work: Callable[[list[str]], int], rows: list[str], rounds: int) -> tuple[float, int]:
    seconds, found = [], 0
    for _round in range(rounds):
        begun = time.process_time()
        found = work(rows)
        seconds.append(time.process_time() - begun)
    return statistics.median(seconds), found


def looked(rows: list[str]) -> int:
    return sum(bool(scan_row(raw).kinds) for raw in rows)


def written(rows: list[str]) -> int:
    return sum(rewritten(raw, masked) != raw for raw in rows)


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rows", type=int, default=20_000)
    parser.add_argument("--rounds", type=int, default=3)
    options = parser.parse_args()
    scan("both ways find the patterns built: 13812345678")
    rng = random.Random(0)
    makers = {"short Chinese": short_chinese, "short English": short_english, "mixed lengths": example}
    figures = {}
    for name, make in makers.items():
        rows = [make(rng) for _i in range(options.rows)]
        seconds, found = timed(looked, rows, options.rounds)
        figures[name] = round(options.rows / seconds)
        length = sum(map(len, rows)) / options.rows
        print(f"{name:14} {figures[name]:>9,} rows/s  {length:6.0f} characters, {found:,} found")
    hits = [raw for raw in (short_chinese(rng) for _i in range(options.rows)) if scan_row(raw).kinds]
    seconds, _changed = timed(written, hits, options.rounds)
    figures["masked"] = round(len(hits) / seconds)
    print(f"{'masked':14} {figures['masked']:>9,} rows/s")
    ok = min(figures["short Chinese"], figures["short English"]) >= FLOOR
    print(json.dumps({"rows": options.rows, "rows_per_s": figures, "floor": FLOOR, "ok": ok}))
    return 0 if ok else 1


if __name__ == "__main__":
    sys.exit(main())

"""Looking for personal data, odd characters, mistaken encodings and scripts: how much is found, and rows a second.

    python benchmarks/privacy.py [--rows 20000] [--rounds 3]

First the messages of privatetexts.py: which share of what they give away is found whole, and how often a find is none.
Then speed: rows of word-bigram Chinese and English (see chats.py) with a phone number, an e-mail address or an order
number in every tenth, and one odd character in every hundredth; and the chats of chats.py as they are. CPU seconds of
one core, the best of the rounds. The last line is one JSON object; it ends with 1 where short rows are looked through
slower than 20,000 a second, or less than nine tenths are found.

Measured on cores that others used too:

    what is given away in English / Chinese / the part held out     69 of 69, 48 of 50, 54 of 56 found whole
    finds that are none, in these and 95 messages that look as if   none
    short Chinese / short English / chats of mixed lengths          62,000 / 31,000 / 12,000 rows a second

Both parts were written by the one who mended the rules, so expect less of your own data. Before that, the rules found
97 of these 175, with seven finds that were none; on the public sets of bank questions and news titles (76,000 texts)
they have no false find. Nineteen messages written afterwards to trip the new rules raised six more, which are mended
and stand among the tests. A name, a street or a date of birth is not looked for.
"""

from __future__ import annotations

import argparse
import json
import random
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

import numpy as np

from benchmarks import chats, privatetexts
from core.checks.privacy import masked, rewritten, scan, scan_row

FLOOR, FOUND = 20_000, 0.9


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


def short(rng: random.Random, rows: int, chain: chats.Chain, words: tuple[int, int], task: str) -> list[str]:
    """Rows of one instruction, a text of so many words and a class."""
    numbers = np.random.default_rng(0)
    texts = chain.texts(numbers, numbers.integers(*words, rows))
    return [row(task, said(rng, text), rng.choice(chats.CLASSES)) for text in texts]


def made(rows: int) -> dict[str, list[str]]:
    """The rows of each kind of text."""
    rng = random.Random(0)
    chinese = chats.Chain(list("。".join(chats.cells("hotline_zh.csv", "library_qa_zh.csv"))), "")
    english = chats.Chain(" ".join(chats.cells("helpdesk_en.csv", "library_qa_en.csv")).split(), " ")
    task = f"对给定文本进行分类，类别包括：{'、'.join(chats.CLASSES)}。"
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "chats.jsonl"
        chats.write(path, rows)
        mixed = path.read_text(encoding="utf-8").splitlines()
    return {
        "short Chinese": short(rng, rows, chinese, (8, 40), task),
        "short English": short(rng, rows, english, (8, 30), "Name the topic of the ticket."),
        "mixed lengths": mixed,
    }


def row(system: str, user: str, assistant: str) -> str:
    parts = (("system", system), ("user", user), ("assistant", assistant))
    return json.dumps({"messages": [{"role": r, "content": text} for r, text in parts]}, ensure_ascii=False)


def told(text: str) -> dict[str, int]:
    """Of messages with marks: what they give away, what of it is found whole, and finds that are none."""
    counts = {"messages": 0, "there": 0, "found": 0, "false": 0}
    for message, spans in privatetexts.messages(text):
        finds = scan(message)
        covered = {at for find in finds for at in range(find.start, find.end)}
        whole = [all(at in covered or not message[at].isalnum() for at in range(*span)) for span in spans]
        false = sum(not any(find.start < end and start < find.end for start, end in spans) for find in finds)
        for name, more in (("messages", 1), ("there", len(spans)), ("found", sum(whole)), ("false", false)):
            counts[name] += more
    return counts


def timed(work: Callable[[list[str]], int], rows: list[str], rounds: int) -> tuple[float, int]:
    seconds, found = [], 0
    for _round in range(rounds):
        begun = time.process_time()
        found = work(rows)
        seconds.append(time.process_time() - begun)
    return min(seconds), found


def looked(rows: list[str]) -> int:
    return sum(bool(scan_row(raw).kinds) for raw in rows)


def written(rows: list[str]) -> int:
    return sum(rewritten(raw, masked) != raw for raw in rows)


def main(arguments: Sequence[str] | None = None) -> int:
    """Measure and print; 1 below the floor."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rows", type=int, default=20_000)
    parser.add_argument("--rounds", type=int, default=3)
    options = parser.parse_args(arguments)
    quality = {part.lower(): told(getattr(privatetexts, part)) for part in privatetexts.PARTS}
    for part, counts in quality.items():
        print(f"{part:14} {counts['found']} of {counts['there']} found, {counts['false']} false", end=", ")
        print(f"{counts['messages']} messages")
    figures = {}
    samples = made(options.rows)
    for name, rows in samples.items():
        seconds, found = timed(looked, rows, options.rounds)
        figures[name] = round(options.rows / seconds)
        length = sum(map(len, rows)) / options.rows
        print(f"{name:14} {figures[name]:>9,} rows/s  {length:6.0f} characters, {found:,} found")
    hits = [raw for raw in samples["short Chinese"] if scan_row(raw).kinds]
    seconds, _changed = timed(written, hits, options.rounds)
    figures["masked"] = round(len(hits) / seconds)
    print(f"{'masked':14} {figures['masked']:>9,} rows/s")
    held = quality["held_out"]
    ok = min(figures["short Chinese"], figures["short English"]) >= FLOOR and held["found"] >= FOUND * held["there"]
    print(json.dumps({"rows": options.rows, "quality": quality, "rows_per_s": figures, "floor": FLOOR, "ok": ok}))
    return 0 if ok else 1


if __name__ == "__main__":
    sys.exit(main())

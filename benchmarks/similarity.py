"""Alike texts found among many, beside comparing all pairs: CPU seconds, memory, and the share of planted edits found.

    python benchmarks/similarity.py [--rows 100000] [--queries 300]

The texts are made here: 68 % Chinese titles of 12 to 40 characters, 20 % English tickets, 12 % longer questions, words
drawn as seldom or as often as in a language. One text in twenty is an edited copy of another: another case and other
punctuation, one character, two characters, a word replaced, two neighbours swapped. The peer compares every copy of a
sample with all texts by rapidfuzz, which finds what there is to find; its time for all pairs is worked out from the
pairs that it compared. Each figure is of one pass in a process of its own. The last line is one JSON object.
"""

from __future__ import annotations

import argparse
import json
import random
import resource
import statistics
import sys
import time
from collections import Counter
from collections.abc import Callable, Sequence
from itertools import accumulate
from pathlib import Path

import numpy as np

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from core.checks.similarity import NEAR, Index, normal, unwrapped

EDITS = ("punctuation and case", "one character", "two characters", "a word", "a swap")
ONSETS = "b c d f g h l m n p r s t v w st tr pl ch sh".split()  # noqa: SIM905
CODAS = ["", "", "n", "r", "s", "t", "l", "ng"]
Planted = Sequence[tuple[int, int, str]]


class Language:
    """Words with the frequencies of a language (Zipf), and what joins them."""

    def __init__(self, rng: random.Random, words: Sequence[str], between: str) -> None:
        self.words, self.between = list(words), between
        rng.shuffle(self.words)
        self.weights = list(accumulate(1 / (rank + 10) for rank in range(len(self.words))))

    def text(self, rng: random.Random, words: int) -> list[str]:
        return rng.choices(self.words, cum_weights=self.weights, k=words)


def languages(rng: random.Random) -> tuple[Language, Language]:
    syllables = [onset + vowel + coda for onset in ONSETS for vowel in "aeiou" for coda in CODAS]
    english = {"".join(rng.choices(syllables, k=rng.randint(1, 3))) for _ in range(8_000)}
    return Language(rng, [chr(0x4E00 + n) for n in range(3_500)], ""), Language(rng, sorted(english), " ")


def written(language: Language, words: Sequence[str]) -> str:
    return language.between.join(words) + ("。" if language.between == "" else ".")


def edited(rng: random.Random, language: Language, words: list[str], edit: str) -> str:
    """The text with one of the EDITS made to it."""
    words = list(words)
    at = rng.randrange(len(words) - 1)
    if edit == "punctuation and case":
        return written(language, words).upper().replace(".", " !").replace("。", "！")
    if edit == "a word":
        words[at] = rng.choice(language.words)
    elif edit == "a swap":
        words[at], words[at + 1] = words[at + 1], words[at]
    text = written(language, words)
    for _ in range({"one character": 1, "two characters": 2}.get(edit, 0)):
        place = rng.randrange(len(text) - 1)
        new = rng.choice("abcdefghijklmnopqrstuvwxyz") if language.between else rng.choice(language.words)
        text = text[:place] + rng.choice((new, new + text[place], "")) + text[place + 1 :]
    return text


def texts_with_copies(rows: int) -> tuple[list[str], list[tuple[int, int, str]]]:
    """The texts, and (place of the original, place of its copy, the edit)."""
    rng = random.Random(0)
    chinese, english = languages(rng)
    texts: list[str] = []
    planted: list[tuple[int, int, str]] = []
    waiting: list[tuple[int, Language, list[str]]] = []
    while len(texts) < rows:
        kind = rng.random()
        language = chinese if kind < 0.68 else english
        size = rng.randint(12, 40) if kind < 0.68 else rng.randint(10, 60) if kind < 0.88 else rng.randint(60, 300)
        words = language.text(rng, size)
        texts.append(written(language, words))
        if rng.random() < 0.0526:
            waiting.append((len(texts) - 1, language, words))
        if len(waiting) > min(200, rows // 100) and len(texts) < rows:
            place, of, said = waiting.pop(rng.randrange(len(waiting)))
            edit = rng.choice(EDITS)
            planted.append((place, len(texts), edit))
            texts.append(edited(rng, of, said, edit))
    return texts, planted


def cpu(work: Callable[[], object]) -> float:
    began = time.process_time()
    work()
    return time.process_time() - began


def peak() -> float:
    """The most memory that this process has held so far, in MiB."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


def recall(planted: Planted, number: Sequence[int], found: set[tuple[int, int]]) -> dict[str, float]:
    """Of each edit, the share whose original and copy are the same text or a pair that was found."""
    all_, right = Counter[str](), Counter[str]()
    for original, copy, edit in planted:
        one, two = sorted((number[original], number[copy]))
        all_[edit] += 1
        right[edit] += one == two or (one, two) in found
    shares = {edit: round(right[edit] / all_[edit], 4) for edit in EDITS if all_[edit]}
    return {**shares, "all": round(right.total() / max(1, all_.total()), 4)}


def peer(unique: Sequence[str], queries: Sequence[int]) -> tuple[set[tuple[int, int]], float]:
    """Some texts against all by rapidfuzz: the pairs, and the CPU seconds that all pairs would take."""
    from rapidfuzz import fuzz, process

    found: set[tuple[int, int]] = set()
    spent = 0.0
    for query in queries:
        began = time.process_time()
        scores = process.cdist(
            [unique[query]], unique, scorer=fuzz.ratio, score_cutoff=NEAR * 100, dtype=np.float32, workers=1
        ).ravel()
        spent += time.process_time() - began
        found |= {(min(query, n), max(query, n)) for n in np.flatnonzero(scores >= NEAR * 100).tolist() if n != query}
    return found, spent / max(1, len(queries)) * len(unique) / 2


def main(arguments: Sequence[str] | None = None) -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rows", type=int, default=100_000)
    parser.add_argument("--queries", type=int, default=300, help="copies that the peer compares with all texts")
    options = parser.parse_args(arguments)
    texts, planted = texts_with_copies(options.rows)
    before = peak()
    began = time.process_time()
    places: dict[str, int] = {}
    number = [places.setdefault(normal(text), len(places)) for text in texts]
    unique = unwrapped(list(places))
    normalised = time.process_time() - began
    index = Index(unique)
    indexed = time.process_time() - began
    pairs = index.pairs()
    seconds = time.process_time() - began
    held = peak()
    found = {(pair.first, pair.second) for pair in pairs}
    shares = recall(planted, number, found)
    new = [texts[copy] + "吗" for _original, copy, _edit in planted[:300]]
    one = statistics.median(cpu(lambda text=text: index.like(normal(text))) for text in new) * 1000
    rng = random.Random(1)
    queries = [number[copy] for _original, copy, _edit in rng.sample(planted, min(options.queries, len(planted)))]
    truth, all_pairs = peer(unique, queries)
    agreed = len(truth & found) / max(1, len(truth))
    print(f"luopan   {seconds:9.2f} s CPU   {held:6.0f} MiB (the texts alone {before:.0f})")
    print(f"         {normalised:.2f} normal form, {indexed - normalised:.2f} index, {seconds - indexed:.2f} pairs")
    print(f"         {len(pairs):,} pairs; planted edits found: {shares}")
    print(f"         one new text {one:.2f} ms CPU")
    print(f"rapidfuzz{all_pairs:9.0f} s CPU for all pairs (from {len(queries)} texts against all)")
    print(f"         of its {len(truth):,} pairs we found {agreed:.4f}; ratio {all_pairs / seconds:.0f}")
    figures = {"rows": options.rows, "cpu_s": round(seconds, 2), "mib": round(held), "one_ms": round(one, 2)}
    figures |= {"all_pairs_s": round(all_pairs), "ratio": round(all_pairs / seconds), "truth_found": round(agreed, 4)}
    print(json.dumps({**figures, "recall": shares}, ensure_ascii=False))


if __name__ == "__main__":
    main()

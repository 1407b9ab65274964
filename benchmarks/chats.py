"""Training files for the benchmarks: word-bigram chats in Chinese and English, made of the texts in examples/.

    python benchmarks/chats.py FILE ROWS

68 % short Chinese texts to classify (about 90 tokens), 20 % English tickets, 12 % questions and answers of 300 to 900
tokens in either language; 2 % of the rows repeat an earlier one, 1 % break a rule. 100,000 rows are about 62 MB and
written in some 2 s. The same number of rows gives the same file.
"""

from __future__ import annotations

import csv
import sys
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import orjson

EXAMPLES = Path(__file__).resolve().parent.parent / "examples"
CLASSES = "科技 金融 娱乐 世界 汽车 运动 文化 军事 旅游 游戏 教育 农业 房产 社会".split()  # noqa: SIM905
TASK = f"对给定文本进行分类，类别包括：{'、'.join(CLASSES)}。\n\n给定文本：\n%s\n类别：\n"
TOPICS = ["delivery", "billing", "returns", "sizing", "account", "damaged item", "product question"]
CHUNK = 10_000
_WALKERS = 512


class Chain:
    """Text in which every word follows the word before it as it does somewhere in the source."""

    def __init__(self, words: list[str], joint: str) -> None:
        self.joint = joint
        names, self._ids = np.unique(np.array(words, dtype=object), return_inverse=True)
        self._words = names
        self._places = np.argsort(self._ids, kind="stable")
        self._counts = np.bincount(self._ids)
        self._starts = np.cumsum(self._counts) - self._counts

    def texts(self, rng: np.random.Generator, lengths: np.ndarray) -> Iterator[str]:
        """Texts of so many words."""
        ends = np.cumsum(lengths)
        words = self._words[self._walk(rng, int(ends[-1]))].tolist()
        for end, length in zip(ends.tolist(), lengths.tolist(), strict=True):
            yield self.joint.join(words[end - length : end])

    def _walk(self, rng: np.random.Generator, steps: int) -> np.ndarray:
        rounds = -(-steps // _WALKERS)
        at = rng.integers(len(self._ids), size=_WALKERS)
        walked = np.empty((rounds, _WALKERS), dtype=np.int64)
        for n in range(rounds):
            word = walked[n] = self._ids[at]
            chosen = self._starts[word] + (rng.random(_WALKERS) * self._counts[word]).astype(np.int64)
            at = (self._places[chosen] + 1) % len(self._ids)
        return walked.T.ravel()[:steps]


def write(path: Path, rows: int) -> None:
    """Write a file of so many rows."""
    chinese = Chain(list("。".join(cells("hotline_zh.csv", "library_qa_zh.csv"))), "")
    english = Chain(" ".join(cells("helpdesk_en.csv", "library_qa_en.csv")).split(), " ")
    with path.open("wb") as file:
        for start in range(0, rows, CHUNK):
            lines = _chunk(np.random.default_rng(start), min(CHUNK, rows - start), chinese, english)
            file.write(b"\n".join(lines) + b"\n")


def cells(*names: str) -> Iterator[str]:
    for name in names:
        with (EXAMPLES / name).open(encoding="utf-8", newline="") as file:
            for row in list(csv.reader(file))[1:]:
                yield from row[: 2 if "qa" in name else 1]


def _chunk(rng: np.random.Generator, rows: int, chinese: Chain, english: Chain) -> list[bytes]:
    kinds = np.searchsorted([0.68, 0.88, 0.94], rng.random(rows), side="right")
    makers = [
        _titles(rng, kinds == 0, chinese),
        _tickets(rng, kinds == 1, english),
        _answers(rng, kinds == 2, chinese, (18, 60), (380, 1050)),
        _answers(rng, kinds == 3, english, (14, 40), (200, 640)),
    ]
    broken, repeated = rng.random((2, rows)) < [[0.01], [0.02]]
    lines: list[bytes] = []
    for row, kind in enumerate(kinds.tolist()):
        messages = next(makers[kind])
        if broken[row]:
            _break(messages, row)
        line = orjson.dumps({"messages": messages})
        lines.append(lines[row // 2] if row and repeated[row] else line)
    return lines


Messages = list[dict[str, str]]


def _titles(rng: np.random.Generator, chosen: np.ndarray, chain: Chain) -> Iterator[Messages]:
    lengths = rng.integers(12, 30, int(chosen.sum()))
    names = rng.choice(CLASSES, len(lengths)).tolist()
    for text, name in zip(chain.texts(rng, lengths), names, strict=True):
        yield [{"role": "user", "content": TASK % text}, {"role": "assistant", "content": name}]


def _tickets(rng: np.random.Generator, chosen: np.ndarray, chain: Chain) -> Iterator[Messages]:
    lengths = rng.integers(20, 90, int(chosen.sum()))
    names = rng.choice(TOPICS, len(lengths)).tolist()
    for text, name in zip(chain.texts(rng, lengths), names, strict=True):
        yield [
            {"role": "system", "content": "Name the topic of the customer's message. Answer with the topic alone."},
            {"role": "user", "content": text},
            {"role": "assistant", "content": name},
        ]


def _answers(
    rng: np.random.Generator, chosen: np.ndarray, chain: Chain, question: tuple[int, int], answer: tuple[int, int]
) -> Iterator[Messages]:
    rows = int(chosen.sum())
    questions = chain.texts(rng, rng.integers(*question, rows))
    for asked, answered in zip(questions, chain.texts(rng, rng.integers(*answer, rows)), strict=True):
        yield [{"role": "user", "content": asked}, {"role": "assistant", "content": answered}]


def _break(messages: Messages, row: int) -> None:
    """Break a rule that the cookbook's loop survives."""
    last = messages[-1]
    last.update([{"role": "bot"}, {"content": ""}, {"role": "user"}][row % 3])


if __name__ == "__main__":
    write(Path(sys.argv[1]), int(sys.argv[2]))

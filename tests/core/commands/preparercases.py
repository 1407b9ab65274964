"""Small files for the preparer, and a recorder of what openai 0.28's tool made of them.

    python tests/core/commands/preparercases.py PYTHON

PYTHON is the interpreter of an environment with openai 0.28 and pandas. The outcome lies in `old_preparer.json`, so
that the tests need neither.
"""

from __future__ import annotations

import csv
import hashlib
import json
import re
import subprocess
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

RECORD = Path(__file__).with_name("old_preparer.json")
Pairs = list[tuple[str, str]]
WORDS = ["alpha", "beta", "gamma", "delta", "epsilon", "zeta", "eta", "theta", "iota", "kappa", "lambda", "mu"]
KINDS = ["good", "bad", "good", "bad", "good", "good", "bad", "good", "bad", "good", "good", "bad"]


def pairs(asked: Callable[[str], str], answered: Callable[[str, str], str]) -> Pairs:
    """Twelve rows."""
    return [(asked(word), answered(word, kind)) for word, kind in zip(WORDS, KINDS, strict=True)]


def delimited(
    delimiter: str = ",", header: tuple[str, ...] = ("prompt", "completion")
) -> Callable[[Path, Pairs], None]:
    def write(path: Path, rows: Pairs) -> None:
        with path.open("w", newline="", encoding="utf-8") as file:
            writer = csv.writer(file, delimiter=delimiter)
            writer.writerow(header)
            writer.writerows([*row, *["more"] * (len(header) - 2)] for row in rows)

    return write


def workbook(path: Path, rows: Pairs) -> None:
    import openpyxl

    book = openpyxl.Workbook()
    for row in [("prompt", "completion"), *rows]:
        book.active.append(row)
    book.save(path)


def objects(rows: Pairs) -> list[dict[str, str]]:
    return [{"prompt": prompt, "completion": completion} for prompt, completion in rows]


def listed(path: Path, rows: Pairs) -> None:
    path.write_text(json.dumps(objects(rows), indent=1, ensure_ascii=False), encoding="utf-8")


def lines(path: Path, rows: Pairs) -> None:
    path.write_text("".join(json.dumps(o, ensure_ascii=False) + "\n" for o in objects(rows)), encoding="utf-8")


CLASSES = pairs(str, lambda _word, kind: kind)
FREE = pairs(lambda word: f"tell of {word}", lambda word, kind: f"{word} is {kind} and {word}")
NUMBERED = list(enumerate(FREE))
DONE = pairs(lambda word: f"{word} ->", lambda word, kind: f" so {word}\n" if word < "i" else f" {word} it is\n")
LONG = [*FREE, ("x" * 9_000, "y" * 1_001)]
MANY = [(f"question {n} 文{n * 7 % 31}", f"class {n % 5}") for n in range(1_300)]

CASES: dict[str, tuple[str, Callable[[Path, Pairs], None], Pairs]] = {
    "classes as csv": ("x.csv", delimited(), CLASSES),
    "classes as tsv": ("x.tsv", delimited("\t"), CLASSES),
    "classes as xlsx": ("x.xlsx", workbook, CLASSES),
    "classes as json": ("x.json", listed, CLASSES),
    "classes as jsonl": ("x.jsonl", lines, CLASSES),
    "free answers": ("x.csv", delimited(), FREE),
    "chinese": ("x.csv", delimited(), [(f"说说{word}吧", f"{word}是{kind}的。但{word}") for word, kind in CLASSES]),
    "capital headers": ("x.csv", delimited(header=("Prompt", "COMPLETION")), FREE),
    "more columns": ("x.csv", delimited(header=("prompt", "completion", "id", "note")), FREE),
    "capitals": ("x.csv", delimited(), [(prompt.upper(), answer.upper()) for prompt, answer in FREE]),
    "a third capitals": ("x.jsonl", lines, [(f"AB{word[:2]}cd", f"Q {word}") for word in WORDS]),
    "long prefix": ("x.csv", delimited(), [(f"Say what this is: {p}", f" It is {c}") for p, c in FREE]),
    "short prefix": ("x.csv", delimited(), [(f"Say: {p}", f"Is {c}") for p, c in FREE]),
    "own ends": ("x.csv", delimited(), [(f"{p}\n---\n", f" {c} STOP") for p, c in FREE]),
    "very long ends": ("x.csv", delimited(), [(f"{p} and now the answer:", f"{c} and that is all") for p, c in FREE]),
    "separators taken": ("x.jsonl", lines, [(f"{p} -> \n\n###\n\n!", f"{c}. END\n!{n}") for n, (p, c) in NUMBERED]),
    "line breaks": ("x.jsonl", lines, [(f"{p}\n{n}", c) for n, (p, c) in NUMBERED]),
    "duplicates": ("x.csv", delimited(), [*FREE, FREE[3], FREE[0], FREE[3]]),
    "empty answers": ("x.csv", delimited(), [*FREE[:4], ("nothing", ""), *FREE[4:], ("nor here", "")]),
    "empty answers in lines": ("x.jsonl", lines, [*FREE[:4], ("nothing", ""), *FREE[4:], ("nor here", "")]),
    "a long row": ("x.jsonl", lines, LONG),
    "nearly long": ("x.jsonl", lines, [*FREE, ("x" * 9_000, "y" * 1_000)]),
    "open-ended": ("x.jsonl", lines, [("", f"{c} and so on") for _p, c in FREE]),
    "open-ended as csv": ("x.csv", delimited(), [("", f"{c} and so on") for _p, c in FREE]),
    "done already": ("x.jsonl", lines, DONE),
    "one question": ("x.jsonl", lines, [("always this", c) for _p, c in FREE]),
    "one answer": ("x.jsonl", lines, [("this", "same"), ("that", "same")]),
    "two rows": ("x.csv", delimited(), [("this", "one"), ("that", "two")]),
    "many classes": ("x.csv", delimited(), MANY),
}  # fmt: skip


def outcome(folder: Path, said: str) -> dict[str, Any]:
    """What a run asked and wrote: the questions, the necessary steps, the files with their lines (or digests)."""
    files: dict[str, Any] = {}
    for path in sorted(folder.glob("x_prepared*.jsonl")):
        raw = path.read_text(encoding="utf-8").replace("\\/", "/")
        short = len(raw) < 4_000
        files[path.name] = raw.splitlines() if short else hashlib.sha256(raw.encode()).hexdigest()
    # The old tool told of a conversion from JSON only where the ending of the file was wrong: not compared.
    asked = re.findall(r"^- \[Recommended\] (.+?) \[Y/n\]: Y$", said, re.MULTILINE)
    done = re.findall(r"^- \[Necessary\] (.+)$", said, re.MULTILINE)
    plain = [re.sub(r"[\[\]']", "", action) for action in done if "`JSON`" not in action]
    return {"asked": asked, "necessary": plain, "files": files}


def record(python: str) -> dict[str, Any]:
    """What the old tool makes of every case; " twice" is the second run on the same file."""
    recorded: dict[str, Any] = {}
    for name, (file, write, rows) in CASES.items():
        with tempfile.TemporaryDirectory() as folder:
            write(Path(folder) / file, rows)
            command = [python, "-c", "from openai._openai_scripts import main; main()"]
            command += ["tools", "fine_tunes.prepare_data", "-f", file, "-q"]
            done = subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False)
            recorded[name] = {"stops": "Aborting" in done.stderr, **outcome(Path(folder), done.stdout)}
            if name in ("free answers", "classes as csv"):
                subprocess.run(command, cwd=folder, capture_output=True, check=False)
                recorded[f"{name} twice"] = {"files": sorted(p.name for p in Path(folder).glob("x_prepared*"))}
    return recorded


if __name__ == "__main__":
    RECORD.write_text(json.dumps(record(sys.argv[1]), indent=1, ensure_ascii=False) + "\n", encoding="utf-8")

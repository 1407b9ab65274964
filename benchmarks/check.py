"""Checking and counting a training file: ours beside the loop of OpenAI's cookbook, in turns, on the same file.

    python benchmarks/check.py [--rows 20000] [--rounds 3]

The chats are made here: Chinese titles to classify, English tickets, longer questions and answers; 2 % repeats,
1 % broken. The cookbook's statements (Chat_finetuning_data_prep) stand below, with its encoding built from our data
so that neither side loads anything from a network. Each figure is CPU seconds of one whole pass; the ratio is of the
medians. The last line is one JSON object.
"""

from __future__ import annotations

import argparse
import json
import random
import statistics
import sys
import tempfile
import time
from collections import defaultdict
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from core.checks import check_file, judge
from core.tokens import counter, encoding

CLASSES = list("科娱世车运文军旅游教农房社")
CHARACTERS = "的一是在不了有和人这中大为上个国我以要他时来用们生到作地于出就分对成会可主发年动同工也能"
WORDS = """
the order arrived late and my account shows a charge that I did not make please cancel refund delivery card app password
invoice support parcel address update cannot login error payment subscription monthly plan device replace warranty
store receipt number email again yesterday tomorrow
""".split()  # noqa: SIM905


def chinese(rng: random.Random, length: int) -> str:
    return "".join(rng.choices(CHARACTERS, k=length))


def english(rng: random.Random, length: int) -> str:
    return " ".join(rng.choices(WORDS, k=length))


def example(rng: random.Random) -> str:
    """One line: 68 % titles, 20 % tickets, 12 % long answers; 1 % of all broken."""
    kind = rng.random()
    if kind < 0.68:
        title = chinese(rng, rng.randint(8, 40))
        task = f"对给定文本进行分类，类别包括：{'、'.join(CLASSES)}。\n\n给定文本：\n{title}\n"
        said = [("user", task), ("assistant", rng.choice(CLASSES))]
    elif kind < 0.88:
        said = [("system", "Name the topic of the ticket."), ("user", english(rng, 30)), ("assistant", "billing")]
    else:
        said = [("user", english(rng, 40)), ("assistant", english(rng, rng.randint(200, 600)))]
    body = {"messages": [{"role": role, "content": content} for role, content in said]}
    if rng.random() < 0.01:
        body["messages"][-1]["role"] = "bot"
    return json.dumps(body, ensure_ascii=False)


def write(path: Path, rows: int) -> None:
    rng = random.Random(0)
    kept: list[str] = []
    with path.open("w", encoding="utf-8") as file:
        for _ in range(rows):
            line = rng.choice(kept) if kept and rng.random() < 0.02 else example(rng)
            if len(kept) < 1000:
                kept.append(line)
            file.write(line + "\n")


def cookbook(path: Path) -> dict[str, Any]:
    """The statements of the cookbook's notebook: load, format errors, token counts, distributions, epochs."""
    with path.open(encoding="utf-8") as file:
        dataset = [json.loads(line) for line in file]
    format_errors: dict[str, int] = defaultdict(int)
    for ex in dataset:
        if not isinstance(ex, dict):
            format_errors["data_type"] += 1
            continue
        messages = ex.get("messages", None)
        if not messages:
            format_errors["missing_messages_list"] += 1
            continue
        for message in messages:
            if "role" not in message or "content" not in message:
                format_errors["message_missing_key"] += 1
            if any(k not in ("role", "content", "name", "function_call", "weight") for k in message):
                format_errors["message_unrecognized_key"] += 1
            if message.get("role", None) not in ("system", "user", "assistant", "function"):
                format_errors["unrecognized_role"] += 1
            content = message.get("content", None)
            function_call = message.get("function_call", None)
            if (not content and not function_call) or not isinstance(content, str):
                format_errors["missing_content"] += 1
        if not any(message.get("role", None) == "assistant" for message in messages):
            format_errors["example_missing_assistant_message"] += 1

    encode = encoding("o200k_base").encode
    n_missing_system = n_missing_user = 0
    n_messages, convo_lens, assistant_message_lens = [], [], []
    for ex in dataset:
        messages = ex["messages"]
        if not any(message["role"] == "system" for message in messages):
            n_missing_system += 1
        if not any(message["role"] == "user" for message in messages):
            n_missing_user += 1
        n_messages.append(len(messages))
        num_tokens = 0
        for message in messages:
            num_tokens += 3
            for key, value in message.items():
                num_tokens += len(encode(value))
                if key == "name":
                    num_tokens += 1
        convo_lens.append(num_tokens + 3)
        assistant_message_lens.append(sum(len(encode(m["content"])) for m in messages if m["role"] == "assistant"))
    for values in (n_messages, convo_lens, assistant_message_lens):
        min(values), max(values), np.mean(values), np.median(values), np.quantile(values, 0.1), np.quantile(values, 0.9)
    return {"tokens": sum(convo_lens), "missing_system": n_missing_system, "roles": format_errors["unrecognized_role"]}


def ours(path: Path) -> dict[str, Any]:
    report = check_file(path)
    return {
        "tokens": report.tokens.total,
        "missing_system": report.missing_system,
        "roles": report.issues.get("unknown_role", 0),
    }


def judging(path: Path) -> dict[str, Any]:
    judge(path.read_text(encoding="utf-8").splitlines(), "")
    return {}


def timed(work: Callable[[Path], dict[str, Any]], path: Path) -> tuple[float, dict[str, Any]]:
    begun = time.process_time()
    result = work(path)
    return time.process_time() - begun, result


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rows", type=int, default=20_000)
    parser.add_argument("--rounds", type=int, default=3)
    options = parser.parse_args()
    encoding("o200k_base").encode_ordinary("both sides find the encoding built")
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "train.jsonl"
        write(path, options.rows)
        megabytes = path.stat().st_size / 1e6
        times: dict[str, list[float]] = defaultdict(list)
        for _ in range(options.rounds):
            seconds, theirs = timed(cookbook, path)
            times["cookbook"].append(seconds)
            # A memory filled by the round before would be no fair start.
            counter.cache_clear()
            seconds, mine = timed(ours, path)
            times["luopan"].append(seconds)
            times["rules alone"].append(timed(judging, path)[0])
            assert mine == theirs, (mine, theirs)
    median = {name: statistics.median(values) for name, values in times.items()}
    for name, value in median.items():
        print(
            f"{name:12} {value:7.2f} s CPU   {options.rows / value:10,.0f} examples/s   {megabytes / value:6.1f} MB/s"
        )
    ratio = median["cookbook"] / median["luopan"]
    print(f"same tokens, missing system messages and unknown roles; ratio {ratio:.2f}")
    rounded = {name: round(value, 3) for name, value in median.items()}
    print(
        json.dumps({"rows": options.rows, "megabytes": round(megabytes, 1), "cpu_s": rounded, "ratio": round(ratio, 2)})
    )


if __name__ == "__main__":
    main()

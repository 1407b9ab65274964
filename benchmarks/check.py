"""Checking and counting a training file: ours beside the loop of OpenAI's cookbook, each in a process of its own.

    python benchmarks/check.py [--rows 100000] [--rounds 3] [--file FILE]

The chats come from chats.py. The cookbook's statements (Chat_finetuning_data_prep) stand below, with its encoding
built from our data so that neither side loads anything from a network. Every run is cold: wall and CPU seconds hold
the start of the interpreter, the peak is that of the process, of ours on Linux that of all its processes together,
looked at in a run of its own. The sides take turns, and the ratio is that of the medians. "limit" is tokenising the
distinct texts alone, one after the other, without reading or start. "again" and "ten changed" are the same file with a
line cache. The last line is one JSON object.

Measured on two quiet cores (seconds on the clock, CPU seconds, the most memory of all processes together):

    rows                cookbook                luopan               limit       again      ten changed
    100,000     6.5 /  6.4, 303 MiB     1.8 /  3.1, 184 MiB      2.7 /  2.7     .4 /  .5      .8 /  .8
    1,000,000    74 /   66, 2,070 MiB    17 /   28, 242 MiB       34 /   27    2.7 / 2.6     3.2 / 3.1

The wall was 3.52 and 4.38 times less, the errors were told after 0.67 and 5.3 s. What saves the time: a second process
has the second half of the file, lines that come again (the instruction around a title) and words are counted once, and
long calls of the tokeniser replace one call a text. "first" is the same with a line cache to be filled.
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from collections import defaultdict
from collections.abc import Callable
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from benchmarks.memory import watch

CHANGED = 10


def cookbook(path: Path) -> dict[str, Any]:
    """The statements of the cookbook's notebook: load, format errors, token counts, distributions, epochs."""
    import numpy as np

    from core.tokens import encoding

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


def ours(path: Path, cache: Path | None = None) -> dict[str, Any]:
    from core.checks import check_file

    heard: list[float] = []
    begun = time.perf_counter()
    report = check_file(path, cache=cache, structure=lambda _report: heard.append(time.perf_counter() - begun))
    return {
        "tokens": report.tokens.total,
        "missing_system": report.missing_system,
        "roles": report.issues.get("unknown_role", 0),
        "structure_s": heard[0],
    }


def limit(path: Path) -> dict[str, Any]:
    """Tokenise the distinct texts of the file, and nothing else; its own clock leaves reading and start out."""
    import orjson

    from core.tokens import encoding

    with path.open("rb") as file:
        texts = dict.fromkeys(message["content"] for line in file for message in orjson.loads(line)["messages"])
    encode = encoding("o200k_base").encode_ordinary
    clocks = time.perf_counter(), time.process_time()
    tokens = sum(len(encode(text)) for text in texts)
    return {"tokens": tokens, "wall": time.perf_counter() - clocks[0], "cpu": time.process_time() - clocks[1]}


def side(name: str, path: Path, cache: Path) -> None:
    """One side in this process: what it found, its CPU seconds and its peak in MiB."""
    sides: dict[str, Callable[[], dict[str, Any]]] = {
        "cookbook": lambda: cookbook(path),
        "luopan": lambda: ours(path),
        "limit": lambda: limit(path),
        "cached": lambda: ours(path, cache),
    }
    result, used = sides[name](), os.times()
    found = {"result": result, "peak": _peak(), "cpu": sum(used[:4])}
    print(json.dumps(found))


def _peak() -> float:
    """The most memory this process has held, in MiB (getrusage would hold its parent's, too)."""
    status = Path("/proc/self/status").read_text()
    return int(status.split("VmHWM:")[1].split()[0]) / 1024


def run(name: str, path: Path, cache: Path, *, watched: bool = False) -> dict[str, Any]:
    """One side in a process of its own; `watched` for the memory of all its processes, which takes time from them."""
    command = [sys.executable, __file__, "--side", name, "--file", str(path), "--cache", str(cache)]
    plain = {name: value for name, value in os.environ.items() if name != "PYTHONDONTWRITEBYTECODE"}  # as users run it
    begun = time.perf_counter()
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True, env=plain) as process:
        together = [0.0]
        watcher = threading.Thread(target=watch, args=(process, together))
        if watched:
            watcher.start()
        said, _nothing = process.communicate()
        wall = time.perf_counter() - begun
        if watched:
            watcher.join()
    found: dict[str, Any] = {"wall": wall, **json.loads(said)}
    found["peak"] = max(found["peak"], *together)
    return {**found, **{key: found["result"][key] for key in ("wall", "cpu") if key in found["result"]}}


def change(path: Path, to: Path) -> None:
    """The same file with ten lines, spread over it, made others."""
    with path.open("rb") as file:
        rows = sum(1 for _ in file)
    every = max(rows // CHANGED, 1)
    with path.open("rb") as file, to.open("wb") as changed:
        for at, line in enumerate(file):
            changed.write(line.replace(b'"}', b' (%d)"}' % at, 1) if at % every == every // 2 else line)


def table(times: dict[str, list[dict[str, Any]]], rows: int) -> dict[str, dict[str, float]]:
    medians = {
        name: {key: round(statistics.median(run[key] for run in runs), 2) for key in ("wall", "cpu", "peak")}
        for name, runs in times.items()
    }
    for name, median in medians.items():
        print(
            f"{name:12} {median['wall']:8.2f} s wall {median['cpu']:8.2f} s CPU {median['peak']:7.0f} MiB"
            f" {rows / median['wall']:10,.0f} examples/s"
        )
    return medians


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rows", type=int, default=100_000)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--file", type=Path, help="check this file instead of one made here")
    parser.add_argument("--side", help=argparse.SUPPRESS)
    parser.add_argument("--cache", type=Path, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.side:
        side(options.side, options.file, options.cache)
        return
    with tempfile.TemporaryDirectory() as folder:
        path = options.file or Path(folder) / "train.jsonl"
        if not options.file:
            subprocess.run([sys.executable, Path(__file__).parent / "chats.py", path, str(options.rows)], check=True)
        measure(path, Path(folder), options.rounds)


def measure(path: Path, folder: Path, rounds: int) -> None:
    edited = folder / "edited.jsonl"
    change(path, edited)
    with path.open("rb") as file:
        rows = sum(1 for _ in file)
    times: dict[str, list[dict[str, Any]]] = defaultdict(list)
    for round_ in range(rounds):
        cache = folder / f"cache{round_}"
        for name, side_, of in (
            ("cookbook", "cookbook", path),
            ("luopan", "luopan", path),
            ("limit", "limit", path),
            ("first", "cached", path),
            ("again", "cached", path),
            ("ten changed", "cached", edited),
        ):
            times[name].append(run(side_, of, cache))
        theirs, mine = (times[name][-1]["result"] for name in ("cookbook", "luopan"))
        assert theirs.items() <= mine.items(), (mine, theirs)
        assert times["again"][-1]["result"]["tokens"] == mine["tokens"]
    if sys.platform == "linux":
        most = run("luopan", path, folder / "watched", watched=True)["peak"]
        times["luopan"] = [{**found, "peak": most} for found in times["luopan"]]
    medians = table(times, rows)
    structure = statistics.median(run["result"]["structure_s"] for run in times["luopan"])
    peer, own = medians["cookbook"], medians["luopan"]
    ratios = {
        "wall": peer["wall"] / own["wall"],
        "cpu": peer["cpu"] / own["cpu"],
        "wall_to_limit": own["wall"] / medians["limit"]["wall"],
        "cpu_to_limit": own["cpu"] / medians["limit"]["cpu"],
        "again_cpu": peer["cpu"] / medians["again"]["cpu"],
        "ten_changed_cpu": peer["cpu"] / medians["ten changed"]["cpu"],
        "structure_s": structure,
    }
    ratios = {name: round(value, 2) for name, value in ratios.items()}
    print(f"same tokens, missing system messages and unknown roles on both sides; {ratios}")
    print(json.dumps({"rows": rows, "bytes": path.stat().st_size, "medians": medians, "ratios": ratios}))


if __name__ == "__main__":
    main()

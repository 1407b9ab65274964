"""Guided fuzzing of every reader: `python -m tests.fuzz [--runs 1000000] [--target NAME] [--seconds S]`.

The inputs are spread over the targets of `targets.py`, each in a process of its own with bounded memory and time.
An input that breaks something stays in the folder `artefacts/fuzz`; `--replay FILE --target NAME` tries it again.
"""

from __future__ import annotations

import argparse
import re
import subprocess
import sys
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
FOUND = ROOT / "artefacts" / "fuzz"
SEED = 20260729
SECONDS_EACH = 10  # for one input
MEMORY = 700  # MiB of one target's process, the libraries and their traces included
LONGEST = 2_048  # bytes of an input


def main(arguments: list[str] | None = None) -> int:
    """Fuzz every target, or the one named; 1 where an input broke something."""
    from tests.fuzz.targets import TARGETS

    parser = argparse.ArgumentParser(prog="python -m tests.fuzz", description=__doc__)
    parser.add_argument("--runs", type=int, default=10_000, help="inputs in all")
    parser.add_argument("--seconds", type=int, default=0, help="stop a target after this long (0: never)")
    parser.add_argument("--target", choices=list(TARGETS))
    parser.add_argument("--replay", type=Path, help="one input that broke the target named")
    parser.add_argument("--seed", type=int, default=SEED)
    options = parser.parse_args(arguments)
    if options.replay:
        TARGETS[options.target][0](options.replay.read_bytes())
        return 0
    names = [options.target] if options.target else list(TARGETS)
    shares = sum(TARGETS[name][1] for name in names)
    failed = [name for name in names if not fuzz(name, options.runs * TARGETS[name][1] // shares + 1, options)]
    if failed:
        print(f"broken: {', '.join(failed)}; the inputs are in {FOUND}")
    return bool(failed)


def fuzz(name: str, runs: int, options: argparse.Namespace) -> bool:
    """Fuzz one target in a process of its own; whether nothing broke."""
    FOUND.mkdir(parents=True, exist_ok=True)
    begun = time.monotonic()
    given = [str(value) for value in (name, runs, options.seed, options.seconds)]
    done = subprocess.run(
        [sys.executable, "-m", "tests.fuzz.guided", *given], cwd=ROOT, capture_output=True, text=True, check=False
    )
    told = re.search(r"Done (\d+) runs", done.stderr)
    broken = done.returncode != 0 or told is None
    tried = int(told[1]) if told else 0  # fewer where the seconds were over
    print(f"{name}: {tried:,} inputs, {'BROKEN' if broken else 'sound'}, {time.monotonic() - begun:.0f} s", flush=True)
    if broken:
        print((done.stdout + done.stderr)[-6_000:])
    return not broken


if __name__ == "__main__":
    sys.exit(main())

"""One target under atheris, which watches what code an input reaches: `python -m tests.fuzz.guided NAME RUNS SEED
SECONDS`. It ends the process itself."""

from __future__ import annotations

import logging
import sys
import tempfile
from pathlib import Path

import atheris

from tests.fuzz.__main__ import FOUND, LONGEST, MEMORY, SECONDS_EACH

logging.disable(logging.WARNING)  # chardet's
with atheris.instrument_imports(include=["core"]):
    from tests.fuzz.targets import TARGETS, seeds


def main(name: str, runs: str, seed: str, seconds: str) -> None:
    """Fuzz until the runs or the seconds are over, or until an input breaks the target."""
    with tempfile.TemporaryDirectory(prefix="luopan-corpus-") as corpus:
        for number, content in enumerate(seeds(name)):
            (Path(corpus) / f"{number:03}").write_bytes(content)
        flags = [
            f"-runs={runs}", f"-seed={seed}", f"-max_total_time={seconds}", f"-timeout={SECONDS_EACH}",
            f"-rss_limit_mb={MEMORY}", f"-max_len={LONGEST}", f"-artifact_prefix={FOUND / name}-", "-verbosity=1",
        ]  # fmt: skip
        atheris.Setup([sys.argv[0], *flags, corpus], TARGETS[name][0])
        atheris.Fuzz()


if __name__ == "__main__":
    main(*sys.argv[1:])

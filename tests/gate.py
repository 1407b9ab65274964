"""The whole gate: format, lint, strict types, tests. `python -m tests.gate [pytest arguments]`."""

from __future__ import annotations

import subprocess
import sys
import time

CHECKS = (
    ("format", ["ruff", "format", "--check", "."]),
    ("lint", ["ruff", "check", "."]),
    ("types", ["mypy"]),
)


def main(arguments: list[str]) -> int:
    """Run every check even after one failed; the exit code is 0 only if all passed."""
    failed = []
    tests = ["pytest", "-n", "2", "--dist", "loadfile", *arguments]
    for name, command in (*CHECKS, ("tests", tests)):
        began = time.monotonic()
        code = subprocess.run([sys.executable, "-m", *command], check=False).returncode
        sys.stdout.write(f"{name}: {'passed' if code == 0 else 'FAILED'} in {time.monotonic() - began:.0f} s\n")
        sys.stdout.flush()
        if code != 0:
            failed.append(name)
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))

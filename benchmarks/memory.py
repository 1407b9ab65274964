"""How much memory a process and those that it starts hold together."""

from __future__ import annotations

import subprocess
import time
from contextlib import suppress
from pathlib import Path


def watch(process: subprocess.Popen[str], together: list[float]) -> None:
    """The most that a process and those beside it have held at a time, what they share counted once, in MiB."""
    main = Path(f"/proc/{process.pid}")
    while process.poll() is None:
        with suppress(OSError):
            others = (main / "task" / str(process.pid) / "children").read_text().split()
            maps = [(Path("/proc") / pid / "smaps_rollup").read_text() for pid in (str(process.pid), *others)]
            together.append(sum(int(text.split("\nPss:")[1].split()[0]) for text in maps) / 1024)
        time.sleep(0.02)

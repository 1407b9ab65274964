"""`python -m core.server.engines.lora JOB_DIR`: the worker of one job."""

from __future__ import annotations

import sys
from pathlib import Path


def main(argv: list[str]) -> int:
    """Trains the job of the folder; 0 where it ended as it should, 1 where it failed, 2 for a wrong command line."""
    if len(argv) != 2:
        sys.stderr.write("usage: python -m core.server.engines.lora JOB_DIR\n")
        return 2
    from core.server.engines.base import JobDir
    from core.server.engines.lora.worker import Worker

    return Worker(JobDir(Path(argv[1]))).run()


if __name__ == "__main__":
    sys.exit(main(sys.argv))

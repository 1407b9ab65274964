"""The child process that opens a Parquet file: `python parquet_child.py FILE` prints how many rows it has and the
names of its columns, then each row as one JSON object, a batch at a time.
"""

from __future__ import annotations

import base64
import datetime
import sys
from pathlib import Path
from typing import Any

import orjson

MEMORY = 1 << 29  # bytes of data, the libraries' own included
SECONDS = 600  # of processor time
BATCH = 16  # rows: a small file can hold large cells many times over
_AT_ONCE = 4  # rows that are Python's at one time
MAX_RATIO = 1000
_SMALL = 64 << 20  # bytes written; below this no ratio is dangerous
BROKEN = 4  # exit code


def plain(value: Any) -> Any:
    """A value as JSON has it: empty fields left out, times in ISO form, other bytes in base64."""
    if isinstance(value, dict):
        return {str(key): plain(item) for key, item in value.items() if item is not None}
    if isinstance(value, list | tuple):
        return [plain(item) for item in value]
    if isinstance(value, bytes):
        try:
            return value.decode()
        except UnicodeDecodeError:
            return base64.b64encode(value).decode()
    if isinstance(value, datetime.datetime):
        return value.isoformat(sep=" ")
    if isinstance(value, float) and (value != value or value in (float("inf"), float("-inf"))):
        return None
    if value is None or isinstance(value, str | bool | float):
        return value
    if isinstance(value, int):
        return value if -(2**63) <= value < 2**64 else str(value)
    return str(value)


def limit_resources() -> None:
    """Bound this process's memory and time, where the system can."""
    try:
        import resource
    except ImportError:
        return
    resource.setrlimit(resource.RLIMIT_DATA, (MEMORY, MEMORY))
    resource.setrlimit(resource.RLIMIT_CPU, (SECONDS, SECONDS))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))


def main(path: Path) -> int:
    """Answer on standard output; the exit code tells a broken file."""
    limit_resources()
    import pyarrow as pa
    import pyarrow.parquet as pq

    pa.set_memory_pool(pa.system_memory_pool())
    pa.set_cpu_count(1)
    pa.set_io_thread_count(1)
    out = sys.stdout.buffer
    allowed = max(_SMALL, MAX_RATIO * path.stat().st_size)
    try:
        with pq.ParquetFile(path, pre_buffer=False, buffer_size=1 << 20) as file:
            out.write(orjson.dumps([file.metadata.num_rows, list(file.schema_arrow.names)]) + b"\n")
            for batch in file.iter_batches(BATCH, use_threads=False):
                for start in range(0, batch.num_rows, _AT_ONCE):
                    for row in batch.slice(start, _AT_ONCE).to_pylist(maps_as_pydicts="lossy"):
                        allowed -= out.write(orjson.dumps(plain(row)) + b"\n")
                    if allowed < 0:
                        return BROKEN
        out.flush()
    except BrokenPipeError:
        return 0
    except (pa.ArrowException, OSError, ValueError, MemoryError, TypeError, RecursionError, UnicodeError):
        return BROKEN
    return 0


if __name__ == "__main__":
    code = main(Path(sys.argv[1]))
    sys.stdout = None  # a closed pipe must not fail a second time at exit
    sys.exit(code)

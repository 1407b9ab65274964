"""What this machine has to train with, asked of the system and never of torch, which the server does not load."""

from __future__ import annotations

import os
import platform
import shutil
import subprocess
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

CORE_FLOPS = (
    70e9  # a second that one core gave LoRA training in 32 bits: 0.6 B parameters 48, 135 M 142 tokens a second
)
USED = 0.3  # of what a GPU's maker promises
# A part of a GPU's name, and its dense bf16 (or fp16) operations a second, in 1e12.
GPUS = {
    "B200": 2250, "GB200": 2250, "H200": 989, "H100": 989, "H800": 989, "H20": 148, "A100": 312, "A800": 312,
    "L40S": 362, "L40": 181, "L4": 121, "A40": 150, "A30": 165, "A10": 125, "RTX 6000 ADA": 364, "A6000": 155,
    "5090": 210, "4090": 165, "4080": 97, "3090": 71, "3080": 60, "V100": 112, "T4": 65,
}  # fmt: skip
UNKNOWN_GPU = 40
CGROUPS = (
    Path("/sys/fs/cgroup/memory.max"),
    Path("/sys/fs/cgroup/memory/memory.limit_in_bytes"),
)
USAGES = (
    Path("/sys/fs/cgroup/memory.current"),
    Path("/sys/fs/cgroup/memory/memory.usage_in_bytes"),
)


@dataclass(frozen=True)
class Device:
    """What trains: its kind, its free memory in bytes, and the operations a second to reckon with. With several alike,
    `count` of them, memory and speed of one."""

    kind: Literal["cpu", "cuda", "mps"]
    free: int
    flops: float
    count: int = 1
    name: str = ""


def detect(environment: Mapping[str, str] | None = None) -> Device:
    """The device that a training here would use; `environment` may hide GPUs (CUDA_VISIBLE_DEVICES)."""
    found = _gpus(environment or {})
    if found:
        return found
    if platform.system() == "Darwin" and platform.machine() == "arm64":
        return Device("mps", int(_mac_memory() * 0.7), 2e12, name="Apple")
    return Device("cpu", free_memory(), CORE_FLOPS * cores(), name=platform.processor() or platform.machine())


def _gpus(environment: Mapping[str, str]) -> Device | None:
    visible = environment.get("CUDA_VISIBLE_DEVICES")
    program = shutil.which("nvidia-smi")
    if program is None or (visible is not None and visible.strip() in ("", "-1")):
        return None
    query = [program, "--query-gpu=index,uuid,name,memory.free", "--format=csv,noheader,nounits"]
    try:
        told = subprocess.run(query, capture_output=True, text=True, timeout=10, check=True).stdout
    except (OSError, subprocess.SubprocessError):
        return None
    return read_gpus(told, visible)


def read_gpus(told: str, visible: str | None = None) -> Device | None:
    """The device that lines of nvidia-smi (index, uuid, name, free MiB) describe; the smallest stands for all."""
    rows = [[part.strip() for part in line.split(",")] for line in told.splitlines() if line.count(",") == 3]
    wanted = [word.strip() for word in visible.split(",")] if visible is not None else None
    if wanted is not None:
        rows = [row for row in rows if row[0] in wanted or any(word and row[1].startswith(word) for word in wanted)]
    rows = [row for row in rows if row[3].isdecimal()]
    if not rows:
        return None
    name = rows[0][2]
    promised = next((flops for part, flops in GPUS.items() if part in name.upper().split("-")[0].split()
                     or part in name.upper()), UNKNOWN_GPU)  # fmt: skip
    return Device("cuda", min(int(row[3]) for row in rows) << 20, promised * 1e12 * USED, len(rows), name)


def free_memory() -> int:
    """Bytes that a process could still take: what the system has, or what its container leaves."""
    free = _available()
    for limit, usage in zip(CGROUPS, USAGES, strict=True):
        try:
            most, used = limit.read_text().strip(), int(usage.read_text())
            reclaimable = _inactive(usage.with_name("memory.stat"))
        except (OSError, ValueError):
            continue
        if most.isdecimal():
            free = min(free, max(0, int(most) - used + reclaimable))
    return free


def _inactive(path: Path) -> int:
    """Bytes of files that the container only remembers."""
    for line in path.read_text().splitlines():
        if line.startswith(("inactive_file ", "total_inactive_file ")):
            return int(line.split()[1])
    return 0


def _available() -> int:
    try:
        for line in Path("/proc/meminfo").read_text().splitlines():
            if line.startswith("MemAvailable:"):
                return int(line.split()[1]) << 10
    except OSError:
        pass
    return _mac_memory() // 2


def _mac_memory() -> int:
    """Bytes of memory that the machine has; 8 GiB where it does not say."""
    try:
        return os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    except (AttributeError, ValueError, OSError):
        return 8 << 30


def cores() -> float:
    """Cores that this process may use, counting a container's share."""
    usable = float(len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1)
    try:
        quota, period = Path("/sys/fs/cgroup/cpu.max").read_text().split()
        return min(usable, int(quota) / int(period))
    except (OSError, ValueError):
        return usable

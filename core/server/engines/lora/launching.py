"""How the worker of a job is started: alone, once for each GPU of this machine, or on a Ray cluster.

`python -m core.server.engines.lora.launching JOB_DIR WORKERS` starts the processes that share one training and waits
for them: through torchrun, or where LUOPAN_RAY_ADDRESS names a cluster through Ray Train, which lets a job wait for
room. `accelerate launch` does the same as torchrun on GPUs and quietly starts a single process on a processor, so it is
not used. The job's folder and the model's must be on storage that every node sees under the same path.
"""

from __future__ import annotations

import json
import os
import shutil
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from importlib import import_module
from itertools import islice
from pathlib import Path
from typing import Any

from core.server.engines.base import JobDir, JobSpec, Launch
from core.server.engines.lora.devices import Device, detect
from core.settings import Settings
from core.words import T

ROOT = Path(__file__).resolve().parents[4]
USUAL_BATCH = 4  # the smallest that "auto" gives to a file of enough rows
WAITING = 0  # in place of a process' number, while none trains yet
LOOK = 0.2  # seconds between two looks at the job while the cluster has it
FAREWELL = 2.0  # seconds that the cluster has to end a job by itself after the job's last word


def launch(spec: JobSpec, job_dir: Path, env: dict[str, str], settings: Settings | None = None) -> Launch:
    """The command line that trains a job."""
    settings = settings or Settings.from_env()
    together = share(spec, settings)
    if together == 1 and not settings.ray_address:
        return Launch((sys.executable, "-m", "core.server.engines.lora", str(job_dir)), env)
    return Launch((sys.executable, "-m", "core.server.engines.lora.launching", str(job_dir), str(together)), env)


def share(spec: JobSpec, settings: Settings) -> int:
    """How many processes share a training: as many as are wished for and divide its batch, which stays as it is. A
    reinforcement stays in one."""
    wanted = settings.lora_workers or (1 if settings.ray_address else _gpus(settings))
    given = spec.hyperparameters.get("batch_size", "auto")
    batch = given if isinstance(given, int) and given > 0 else USUAL_BATCH
    if spec.method == "reinforcement" or wanted == 1:
        return 1
    batch = min(batch, _rows(spec.training_path, batch))
    return max(size for size in range(1, min(wanted, batch) + 1) if batch % size == 0)


def _rows(path: Path, most: int) -> int:
    """How many rows a file has, as far as that many; a batch holds no more of them than there are."""
    try:
        with path.open("rb") as file:
            return max(1, sum(1 for _line in islice(filter(bytes.strip, file), most)))
    except OSError:
        return most


def _gpus(settings: Settings) -> int:
    found = detect(settings.environment)
    return found.count if found.kind == "cuda" else 1


def device(spec: JobSpec, settings: Settings | None = None) -> Device:
    """What would train a job, as far as this machine can tell: of a cluster it knows how many work, not with what."""
    settings = settings or Settings.from_env()
    here = detect(settings.environment)
    together = share(spec, settings)
    if here.kind == "cuda" or settings.ray_address:
        return replace(here, count=together)
    # Processes on one processor share its cores and its memory.
    return replace(here, count=together, free=here.free // together, flops=here.flops / together)


def elsewhere(settings: Settings | None = None) -> bool:
    """Whether a cluster trains, whose memory is not known here."""
    return bool((settings or Settings.from_env()).ray_address)


def main(argv: list[str]) -> int:
    """Trains the job of a folder in several processes; 0 where it ended as it should."""
    if len(argv) != 3 or not argv[2].isdecimal():
        sys.stderr.write("usage: python -m core.server.engines.lora.launching JOB_DIR WORKERS\n")
        return 2
    folder, together, settings = Path(argv[1]), int(argv[2]), Settings.from_env()
    if settings.ray_address:
        return on_ray(folder, together, settings)
    return on_this_machine(folder, together)


def on_this_machine(folder: Path, together: int) -> int:
    """Runs torchrun here; the processes end with this one."""
    from torch.distributed.elastic.multiprocessing.errors import ChildFailedError
    from torch.distributed.run import main as torchrun

    ranks = ["-m", "core.server.engines.lora.ranks", f"--job={folder}", f"--workers={together}"]
    try:
        torchrun(["--standalone", "--nproc-per-node", str(together), "--max-restarts", "0", *ranks])
    except ChildFailedError as error:
        sys.stderr.write(f"{str(error).strip().splitlines()[-1]}\n")
        return 1
    return 0


def on_ray(folder: Path, together: int, settings: Settings) -> int:
    """Hands the training to a Ray cluster and waits for its end, in the cluster's queue too."""
    ray: Any = import_module("ray")
    job = JobDir(folder)
    kept = ("LUOPAN_LORA_MODELS", "OMP_WAIT_POLICY", "TOKENIZERS_PARALLELISM", "HF_HUB_OFFLINE", "OMP_NUM_THREADS")
    env = {name: settings.environment[name] for name in kept if name in settings.environment}
    ray.init(
        address=settings.ray_address,
        runtime_env={"py_modules": [str(ROOT / "core")], "env_vars": {**env, "RAY_TRAIN_V2_ENABLED": "1"}},
        log_to_driver=True,
    )
    try:
        with _watched(job):
            _fit(folder, together, gpu=ray.cluster_resources().get("GPU", 0) >= together)
    except Exception as error:
        if ended(job):
            return 0  # the first process had said how it ends, and left the others behind
        sys.stderr.write(f"{type(error).__name__}: {error}\n")
        return 1
    finally:
        ray.shutdown()
        shutil.rmtree(folder / "ray", ignore_errors=True)
    return 0


def _fit(folder: Path, together: int, *, gpu: bool) -> None:
    train: Any = import_module("ray.train")
    torch: Any = import_module("ray.train.torch")
    from core.server.engines.lora.ranks import on_node

    failures = train.FailureConfig(max_failures=0)  # the server starts a job again, from its last checkpoint
    torch.TorchTrainer(
        on_node,
        train_loop_config={"job": str(folder), "workers": together},
        scaling_config=train.ScalingConfig(num_workers=together, use_gpu=gpu),
        run_config=train.RunConfig(name=folder.name, storage_path=str(folder / "ray"), failure_config=failures),
    ).fit()


@contextmanager
def _watched(job: JobDir) -> Iterator[None]:
    """While the cluster has no room yet: gives signs of life, and ends a job that is called off. When the first of the
    processes has told the end: does not wait for the cluster to tidy up."""
    done = threading.Event()
    told, offset = job.read_state(), job.read_events()[1]

    def leave() -> None:
        shutil.rmtree(job.path / "ray", ignore_errors=True)
        os._exit(0)  # and with it goes what it asked of the cluster

    def watch() -> None:
        job.message(T("Waiting for room on the Ray cluster."), key="ray")
        waits, looks = True, 0
        while not done.wait(LOOK):
            looks += 1
            state = job.read_state()
            waits = waits and (state is None or state.get("pid") == WAITING or state == told)
            wanted = job.wanted() if waits else None
            if wanted:
                status = "cancelled" if wanted == "cancel" else "paused"
                job.emit("end", status=status, error=None, trained_tokens=None)
                leave()
            if any(event["type"] == "end" for event in job.read_events(offset)[0]) and not done.wait(FAREWELL):
                leave()
            if waits and looks % 25 == 1:
                _sign(job)

    thread = threading.Thread(target=watch, name="watch", daemon=True)
    thread.start()
    try:
        yield
    finally:
        done.set()
        thread.join()


def _sign(job: JobDir) -> None:
    state = {"pid": WAITING, "heartbeat": time.time(), "step": 0, "total_steps": 0}
    fresh = job.path / "state.waiting"
    fresh.write_text(json.dumps(state), "utf-8")
    fresh.replace(job.path / "state.json")


def ended(job: JobDir) -> bool:
    """Whether the last event says how the job ended."""
    events: list[dict[str, Any]] = job.read_events()[0]
    return bool(events) and events[-1]["type"] == "end"


if __name__ == "__main__":
    sys.exit(main(sys.argv))

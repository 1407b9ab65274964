"""Kills the local provider and its training processes at random moments, and looks whether anything came of it.

    python -m benchmarks.kills [--kills 200] [--seed 0]

Each kind of job (with and without a validation file, and with open answers) is first trained undisturbed. Then the
same jobs are sent again and again while `kill -9` hits the server (with it the
queue and whatever is being checked), a training process, or both, at moments drawn evenly. Every job must succeed,
with the very bytes of the undisturbed model and result file, each event once, and no process left over.

202 kills (128 of the server, 74 of trainings) over 49 jobs on two busy cores: 314 s, nothing to complain about.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import os
import random
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import openai

ROOT = Path(__file__).resolve().parent.parent
MODEL = "local-classic-1"
WORDS = {"fruit": "ripe apple", "vehicle": "fast car", "animal": "blue whale"}
LIVES = 3  # deaths of a training process without a new checkpoint that a job survives


def chats(count: int, answers: str = "closed") -> bytes:
    """Training examples with three answers, or with one of its own each."""
    rows = []
    for number in range(count):
        label = list(WORDS)[number % len(WORDS)]
        asked = {"role": "user", "content": f"What is the {WORDS[label]} of row {number}?"}
        said = label if answers == "closed" else f"The answer of row {number} tells of the {WORDS[label]} at length."
        rows.append(json.dumps({"messages": [asked, {"role": "assistant", "content": said}]}))
    return "\n".join(rows).encode()


@dataclass(frozen=True)
class Kind:
    """A kind of job: its files and its hyperparameters."""

    training: bytes
    validation: bytes | None = None
    hyperparameters: dict[str, int] = field(default_factory=dict)


KINDS = {
    "closed": Kind(chats(300), None, {"n_epochs": 12, "batch_size": 1}),
    "closed with validation": Kind(chats(250), chats(60), {"n_epochs": 10, "batch_size": 1}),
    "open": Kind(chats(400, "open"), chats(40, "open")),
}


class House:
    """One data folder and the server that works on it now."""

    def __init__(self, data: Path) -> None:
        self.data = data
        self.sent: dict[str, str] = {}  # job -> kind
        self.start()
        self.files = {
            name: [self.upload(part) for part in (kind.training, kind.validation) if part is not None]
            for name, kind in KINDS.items()
        }

    def start(self) -> None:
        """Starts a server, and waits until it answers."""
        command = [sys.executable, "-m", "core", "serve", "--port", "0", "--data", str(self.data), "--json"]
        environment = {**os.environ, "LUOPAN_HOME": str(self.data / "home"), "OPENBLAS_NUM_THREADS": "1"}
        with (self.data / "server.log").open("ab") as log:
            self.process = subprocess.Popen(command, cwd=ROOT, env=environment, stdout=subprocess.PIPE, stderr=log)
        assert self.process.stdout is not None
        said = json.loads(self.process.stdout.readline())
        self.client = openai.OpenAI(base_url=said["base_url"], api_key=said["api_key"], max_retries=2, timeout=60)

    def kill(self) -> None:
        """kill -9 of the server, and another one in its place."""
        self.process.kill()
        self.process.wait()
        assert self.process.stdout is not None
        self.process.stdout.close()

    def upload(self, content: bytes) -> str:
        return str(self.client.files.create(file=("rows.jsonl", content), purpose="fine-tune").id)

    def send(self, name: str) -> str:
        """Creates a job of a kind."""
        files, wishes = self.files[name], dict[str, Any](KINDS[name].hyperparameters)
        job = self.client.fine_tuning.jobs.create(
            model=MODEL,
            training_file=files[0],
            seed=11,
            hyperparameters=wishes,  # type: ignore[arg-type]
            **({"validation_file": files[1]} if len(files) > 1 else {}),  # type: ignore[arg-type]
        )
        self.sent[job.id] = name
        return str(job.id)

    def active(self) -> list[str]:
        """The jobs that have not ended, newest first."""
        over = ("succeeded", "failed", "cancelled")
        return [job.id for job in self.client.fine_tuning.jobs.list(limit=100) if job.status not in over]

    def workers(self) -> dict[str, int]:
        """Job and process number of the training processes that run now."""
        found = {}
        for entry in Path("/proc").iterdir():
            try:
                arguments = (entry / "cmdline").read_bytes().split(b"\0") if entry.name.isdigit() else []
            except OSError:
                continue
            mine = [a for a in arguments if a.startswith(os.fsencode(self.data / "jobs") + b"/")]
            if mine and any(b"engines" in a for a in arguments):
                found[Path(os.fsdecode(mine[0])).name] = int(entry.name)
        return found

    def wait(self, seconds: float = 300) -> None:
        """Until no job is left to do."""
        deadline = time.monotonic() + seconds
        while self.active():
            if time.monotonic() > deadline:
                raise TimeoutError(f"jobs that did not end: {self.active()}")
            time.sleep(0.2)

    def made(self, job_id: str) -> str:
        """A digest of all that a job made: the files of its model, and its result file."""
        digest = hashlib.sha256()
        for path in sorted((self.data / "jobs" / job_id / "final").iterdir()):
            digest.update(path.name.encode() + path.read_bytes())
        [result] = self.client.fine_tuning.jobs.retrieve(job_id).result_files
        digest.update(self.client.files.content(result).read())
        return digest.hexdigest()

    def deaths(self, job_id: str) -> int:
        """How often its training process died without getting further."""
        from core.server.database import Database

        database = Database(self.data / "provider.db")
        with database.read() as connection:
            row = connection.execute("SELECT deaths FROM jobs WHERE id = ?", (job_id,)).fetchone()
        database.close()
        return int(row["deaths"])


def violence(house: House, kills: int, chance: random.Random) -> Counter[str]:
    """So many kills while jobs come and go; how many of what."""
    done, names = Counter[str](), sorted(KINDS)
    while done.total() < kills:
        while len(house.active()) < 2:
            house.send(chance.choice(names))
        time.sleep(chance.random())
        workers = {job: pid for job, pid in house.workers().items() if house.deaths(job) < LIVES}
        victims = [pid for pid in workers.values() if chance.random() < 0.7]
        with_server = chance.random() < 0.5 or not victims
        if with_server:
            house.kill()
        for pid in victims if chance.random() < 0.7 or not with_server else []:
            try:
                os.kill(pid, signal.SIGKILL)
            except ProcessLookupError:
                continue  # it has just ended by itself
            done["training"] += 1
        if with_server:
            done["server"] += 1
            time.sleep(chance.random() * 0.3)
            house.start()
    return done


def complaints(house: House, undisturbed: dict[str, str]) -> Iterator[str]:
    """What is not as it would have been."""
    for job_id, name in house.sent.items():
        job = house.client.fine_tuning.jobs.retrieve(job_id)
        if job.status != "succeeded":
            yield f"{job_id} ({name}) {job.status}: {job.error}"
            continue
        if house.made(job_id) != undisturbed[name]:
            yield f"{job_id} ({name}) made something else"
        events = list(house.client.fine_tuning.jobs.list_events(job_id, limit=100))
        steps = [event.data["step"] for event in events if event.type == "metrics"]  # type: ignore[index]
        said = [event.message for event in events]
        if steps != sorted(set(steps), reverse=True) or len({event.id for event in events}) != len(events):
            yield f"{job_id} has events twice, or out of order"
        if said.count("The job has successfully completed") != 1 or said.count("Fine-tuning job started") != 1:
            yield f"{job_id} began or ended twice"
    time.sleep(1.5)
    if house.workers():
        yield f"still running: {house.workers()}"
    if left := [*house.data.glob("incoming/*"), *house.data.glob("jobs/*/*.tmp"), *house.data.glob("jobs/*/resume")]:
        yield f"left behind: {left}"


def run(kills: int, seed: int, folder: Path) -> tuple[dict[str, object], list[str]]:
    """What was done, and what came of it."""
    house = House(folder)
    try:
        undisturbed = {}
        for name in KINDS:
            job_id = house.send(name)
            house.wait()
            undisturbed[name] = house.made(job_id)
        began = time.monotonic()
        done = violence(house, kills, random.Random(seed))
        house.wait()
        figures = {"jobs": len(house.sent), **done, "seconds": round(time.monotonic() - began)}
        return figures, list(complaints(house, undisturbed))
    finally:
        house.kill()
        for pid in house.workers().values():
            os.kill(pid, signal.SIGKILL)


def main() -> None:
    """Kills and prints."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--kills", type=int, default=200)
    parser.add_argument("--seed", type=int, default=0)
    asked = parser.parse_args()
    folder = Path(tempfile.mkdtemp())
    figures, wrong = run(asked.kills, asked.seed, folder)
    print(*wrong, sep="\n")
    print(json.dumps({**figures, "complaints": len(wrong)}))
    if wrong:
        sys.exit(f"see {folder}")
    shutil.rmtree(folder)


if __name__ == "__main__":
    main()

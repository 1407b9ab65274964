"""The local provider under load, beside the bare application that one would write instead:

    python -m benchmarks.server [--only start requests clients events upload connections jobs] [--gigabytes 8]
                                [--data DIR] [--rounds 5]

The peer (`--bare`) is forty lines of Starlette, uvicorn, sqlite3 and JSONResponse over the same rows: no key, no Host
check, no safe headers, no request ids. Both are asked in turn, in the same run, by a process of plain sockets that
takes one of the cores (`benchmarks/load.py`, 16 connections); CPU seconds are the server's own, from /proc. The other
parts use the unmodified openai client, save the upload, whose parts are sent by http.client as they are read.

Two idle cores: up in 0.39 s; questions a second (and of the bare application): health 8,080 (2.3 times), models 4,784
(2.2), one job 4,726 (2.7), 20 jobs 2,198 (2.4), 20 events 3,196 (2.3), 100 events 2,076 (2.9).

Two cores, beside the work of seven others that kept them busy (load average 8 to 16), so seconds are upper bounds:

                    answers a second   a CPU second of the server   the bare one's   ratio
    health                1,500-3,500                  6,600-7,600      3,200-5,300   1.4-2.1
    models                1,300-2,900                  4,300-5,500      3,100-3,700   1.2-1.7
    one job               1,400-2,300                  4,000-5,400      2,400-3,700   1.4-2.0
    20 jobs                 820-1,200                  2,000-2,200      1,100-1,400   1.5-2.1
    20 events               680-1,800                  2,900-3,700      1,600-2,600   1.2-2.4
    100 events                560-930                  1,800-2,100          810-970   1.9-2.4

    start-up              0.65 to 1.5 s, 0.29 to 0.41 of them CPU
    64 clients            each trains and asks to the end: 10,842 questions, 64 of 64 succeeded, no error, 73 s, 74 MiB
    10,000 events         paged by the client in 1.7 to 2.3 s
    10,000 connections    open at once: 7.5 KiB each, one more answer in 8 to 59 ms
    created to succeeded  1,000 rows 1.7 s; the 53,360 of TNEWS 8.2 s, 0.95 of them until they are checked and planned
    8 GB in parts         sent in 265 s, joined in 125 s, read back in 58 s, 64 s CPU in all, 4.0 MiB above the 45 of an
                          idle server
"""

from __future__ import annotations

import argparse
import hashlib
import http.client
import json
import os
import random
import resource
import shutil
import socket
import sqlite3
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import openai

from benchmarks.kills import MODEL, chats

ROOT = Path(__file__).resolve().parent.parent
JOBS = "/v1/fine_tuning/jobs"
ROUTES = {"health": "/health", "models": "/v1/models", "one job": JOBS + "/{id}", "20 jobs": JOBS}
ROUTES |= {"20 events": JOBS + "/{id}/events", "100 events": JOBS + "/{id}/events?limit=100"}
PART = 64 << 20


class Server:
    """A server process: ours on a data folder, or the bare one on a database."""

    def __init__(self, command: Sequence[str]) -> None:
        began = time.perf_counter()
        environment = {**os.environ, "OPENBLAS_NUM_THREADS": "1"}
        self.process = subprocess.Popen(command, cwd=ROOT, env=environment, stdout=subprocess.PIPE, text=True)
        assert self.process.stdout is not None
        said = json.loads(self.process.stdout.readline())
        self.began = time.perf_counter() - began
        self.base_url, self.key = said["base_url"], said.get("api_key", "none")
        self.port = int(self.base_url.split(":")[2].split("/")[0])
        self.client = openai.OpenAI(base_url=self.base_url, api_key=self.key, max_retries=0, timeout=120)

    def cpu(self) -> float:
        """CPU seconds so far, without those of its children."""
        fields = Path(f"/proc/{self.process.pid}/stat").read_text().rsplit(")", 1)[1].split()
        return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")

    def memory(self, what: str = "VmRSS:") -> float:
        """MiB held now (VmHWM: at most so far)."""
        fields = Path(f"/proc/{self.process.pid}/status").read_text().split()
        return int(fields[fields.index(what) + 1]) / 1024

    def upload(self, content: bytes) -> str:
        return str(self.client.files.create(file=("rows.jsonl", content), purpose="fine-tune").id)

    def train(self, file_id: str, **more: Any) -> Any:
        """A job, once it has ended."""
        job = self.client.fine_tuning.jobs.create(model=MODEL, training_file=file_id, **more)
        return self.ended(job.id)

    def ended(self, job_id: str) -> Any:
        while (job := self.client.fine_tuning.jobs.retrieve(job_id)).status not in ("succeeded", "failed", "cancelled"):
            time.sleep(0.02)
        return job

    def stop(self) -> None:
        self.process.terminate()
        self.process.wait(20)


@contextmanager
def ours() -> Iterator[Server]:
    """The local provider on a folder of its own."""
    folder = tempfile.mkdtemp()
    server = Server([sys.executable, "-m", "core", "serve", "--port", "0", "--data", folder, "--json"])
    server.data = Path(folder)  # type: ignore[attr-defined]
    try:
        yield server
    finally:
        server.stop()
        shutil.rmtree(folder)


def bare(database: str) -> None:
    """The peer: serves the rows of a provider's database as they come."""
    import uvicorn
    from starlette.applications import Starlette
    from starlette.requests import Request
    from starlette.responses import JSONResponse
    from starlette.routing import Route

    connection = sqlite3.connect(database, check_same_thread=False)
    connection.row_factory = sqlite3.Row
    lock = threading.Lock()

    def rows(question: str, *values: object) -> list[dict[str, Any]]:
        with lock:
            return [dict(row) for row in connection.execute(question, values)]

    def decoded(row: dict[str, Any], *names: str) -> dict[str, Any]:
        return {**row, **{name: json.loads(row[name]) for name in names if row[name]}}

    def job(row: dict[str, Any]) -> dict[str, Any]:
        return decoded(row, "hyperparameters", "metadata", "result_files", "error")

    def page(items: list[dict[str, Any]]) -> JSONResponse:
        return JSONResponse({"object": "list", "data": items, "has_more": False})

    def show(request: Request) -> JSONResponse:
        return JSONResponse(job(rows("SELECT * FROM jobs WHERE id = ?", request.path_params["id"])[0]))

    def events(request: Request) -> JSONResponse:
        question = "SELECT * FROM events WHERE job_id = ? ORDER BY seq DESC LIMIT ?"
        limit = int(request.query_params.get("limit", 20))
        return page([decoded(row, "data") for row in rows(question, request.path_params["id"], limit)])

    app = Starlette(
        routes=[
            Route("/health", lambda request: JSONResponse({"status": "ok"})),
            Route("/v1/models", lambda request: page(rows("SELECT * FROM models ORDER BY seq DESC"))),
            Route(JOBS, lambda request: page([job(r) for r in rows("SELECT * FROM jobs ORDER BY seq DESC LIMIT 20")])),
            Route(JOBS + "/{id}", show),
            Route(JOBS + "/{id}/events", events),
        ]
    )
    listener = socket.socket(socket.AF_INET, socket.SOCK_STREAM, socket.IPPROTO_TCP)
    listener.bind(("127.0.0.1", 0))
    listener.listen(1024)
    print(json.dumps({"base_url": f"http://127.0.0.1:{listener.getsockname()[1]}/v1"}), flush=True)
    uvicorn.Server(uvicorn.Config(app, log_level="warning", access_log=False)).run(sockets=[listener])


def start(options: argparse.Namespace) -> dict[str, Any]:
    """From the command to the line that says it answers."""
    wall, used = [], []
    for _ in range(options.rounds):
        with ours() as server:
            wall.append(server.began)
            used.append(server.cpu())
    return {"seconds": round(statistics.median(wall), 2), "cpu_seconds": round(statistics.median(used), 2)}


def requests(options: argparse.Namespace) -> dict[str, Any]:
    """Answers per second and per CPU second of the server for each cheap route: ours, the bare one's, the ratio."""
    figures = {}
    with ours() as server:
        file_id = server.upload(chats(60))
        first = server.train(file_id, hyperparameters={"n_epochs": 20, "batch_size": 4}, seed=1).id
        for _ in range(20):
            server.client.fine_tuning.jobs.cancel(
                server.client.fine_tuning.jobs.create(model=MODEL, training_file=file_id).id
            )
        time.sleep(2)
        database = str(server.data / "provider.db")  # type: ignore[attr-defined]
        peer = Server([sys.executable, "-m", "benchmarks.server", "--bare", database])
        for name, path in ROUTES.items():
            sides = [Side(server, path.format(id=first)), Side(peer, path.format(id=first))]
            for _ in range(options.rounds):
                for side in sides:
                    side.turn()
            mine, other = (side.figures() for side in sides)
            mine["of_the_bare_one"] = round(mine["per_cpu_second"] / other["per_cpu_second"], 2)
            figures[name] = mine
            print(f"  {name:12} {mine}   bare: {other}", flush=True)
        peer.process.kill()
    return figures


class Side:
    """One server and one path, asked for a second at a time."""

    def __init__(self, server: Server, path: str) -> None:
        self._server = server
        self._command = [sys.executable, "-m", "benchmarks.load", str(server.port), "--path", path]
        self._command += ["--key", server.key, "--seconds", "1"]
        self._said: list[dict[str, float]] = []
        self._cpu = 0.0

    def turn(self) -> None:
        before = self._server.cpu()
        said = subprocess.run(self._command, cwd=ROOT, check=True, capture_output=True).stdout
        self._cpu += self._server.cpu() - before
        self._said.append(json.loads(said))
        assert not self._said[-1]["not_2xx"]

    def figures(self) -> dict[str, float]:
        answers = sum(said["answers"] for said in self._said)
        return {
            "per_second": round(statistics.median(said["per_second"] for said in self._said)),
            "per_cpu_second": round(answers / self._cpu),
            "median_ms": statistics.median(said["median_ms"] for said in self._said),
            "p99_ms": statistics.median(said["p99_ms"] for said in self._said),
        }


def clients(options: argparse.Namespace) -> dict[str, Any]:
    """64 clients, each of which uploads, trains, follows its job to the end and asks a trained model meanwhile."""
    answers, errors = Counter[str](), list[str]()
    begin = threading.Barrier(options.clients)

    with ours() as server:
        model = server.train(server.upload(chats(60)), seed=1).fine_tuned_model

        def one(number: int) -> None:
            begin.wait()
            try:
                job = server.client.fine_tuning.jobs.create(
                    model=MODEL, training_file=server.upload(chats(30 + number)), suffix=f"c{number}"
                )
                while job.status not in ("succeeded", "failed", "cancelled"):
                    asked: Any = [{"role": "user", "content": "What is the fast car?"}]
                    reply = server.client.chat.completions.create(model=model, messages=asked, temperature=0)
                    assert reply.choices[0].message.content == "vehicle"
                    server.client.fine_tuning.jobs.list_events(job.id)
                    job = server.client.fine_tuning.jobs.retrieve(job.id)
                    answers["asked"] += 3
                    time.sleep(0.2)
                answers[job.status] += 1
            except Exception as error:
                errors.append(repr(error))

        began = time.perf_counter()
        with ThreadPoolExecutor(options.clients) as pool:
            list(pool.map(one, range(options.clients)))
        took = time.perf_counter() - began
        return {**answers, "errors": errors, "seconds": round(took, 1), "peak_mib": round(server.memory("VmHWM:"))}


def events(_options: argparse.Namespace) -> dict[str, Any]:
    """10,000 events, paged by the client's own iterator; each must come once and in order."""
    from core.server.database import Database
    from core.server.jobs.store import add_event

    with ours() as server:
        job = server.train(server.upload(chats(12)))
        database = Database(server.data / "provider.db")  # type: ignore[attr-defined]
        with database.write() as connection:
            for number in range(10_000):
                add_event(connection, job.id, f"event {number}", key=f"n{number}")
        database.close()
        began = time.perf_counter()
        found = [event.message for event in server.client.fine_tuning.jobs.list_events(job.id, limit=100)]
        took = time.perf_counter() - began
        assert [m for m in found if m.startswith("event ")] == [f"event {n}" for n in range(9_999, -1, -1)]
        return {"seconds": round(took, 2)}


def upload(options: argparse.Namespace) -> dict[str, Any]:
    """So many gigabytes in parts, joined, read back; how much memory the server held at most above its start."""
    size = options.gigabytes << 30
    block = random.Random(0).randbytes(1 << 20)
    digest = hashlib.sha256()
    with ours() as server:
        before, used = server.memory(), server.cpu()
        began = time.perf_counter()
        headers = {"Authorization": f"Bearer {server.key}"}
        connection = http.client.HTTPConnection("127.0.0.1", server.port, timeout=600)

        def ask(path: str, body: Any, kind: str = "application/json") -> dict[str, Any]:
            content = body if kind != "application/json" else json.dumps(body)
            connection.request("POST", path, content, {**headers, "Content-Type": kind})
            reply = json.loads(connection.getresponse().read())
            assert "error" not in reply, reply
            return dict(reply)

        announced = {"bytes": size, "filename": "big.jsonl", "mime_type": "text/jsonl", "purpose": "fine-tune"}
        id, parts = ask("/v1/uploads", announced)["id"], []
        head = b'--b\r\nContent-Disposition: form-data; name="data"; filename="part"\r\n\r\n'
        for number in range(size // PART):
            first = b"%064d" % number + block[64:]
            content = head + first + block * (PART // len(block) - 1) + b"\r\n--b--\r\n"
            digest.update(memoryview(content)[len(head) : len(head) + PART])
            parts.append(ask(f"/v1/uploads/{id}/parts", content, "multipart/form-data; boundary=b")["id"])
        sent = time.perf_counter() - began
        file = ask(f"/v1/uploads/{id}/complete", {"part_ids": parts})["file"]
        joined = time.perf_counter() - began - sent
        connection.request("GET", f"/v1/files/{file['id']}/content", headers=headers)
        answer, read = connection.getresponse(), hashlib.sha256()
        while piece := answer.read(1 << 20):
            read.update(piece)
        assert read.digest() == digest.digest() and file["bytes"] == size
        return {
            "gigabytes": options.gigabytes,
            "seconds_to_send": round(sent, 1),
            "seconds_to_join": round(joined, 1),
            "seconds_to_read_back": round(time.perf_counter() - began - sent - joined, 1),
            "cpu_seconds": round(server.cpu() - used, 1),
            "memory_mib": round(before, 1),
            "peak_mib_above": round(server.memory("VmHWM:") - before, 1),
        }


def connections(options: argparse.Namespace) -> dict[str, Any]:
    """So many open connections, each of which has asked once."""
    _soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (min(hard, options.connections + 100), hard))
    request = b"GET /health HTTP/1.1\r\nHost: localhost\r\n\r\n"
    with ours() as server:
        before, began, lines = server.memory(), time.perf_counter(), []
        for _ in range(options.connections):
            lines.append(socket.create_connection(("127.0.0.1", server.port)))
            lines[-1].sendall(request)
        assert all(line.recv(4096).startswith(b"HTTP/1.1 200") for line in lines)
        took, held = time.perf_counter() - began, server.memory() - before
        began = time.perf_counter()
        server.client.models.list()
        answer = time.perf_counter() - began
        for line in lines:
            line.close()
        figures = {"open": len(lines), "seconds": round(took, 1), "kib_each": round(held * 1024 / len(lines), 1)}
        return {**figures, "one_more_ms": round(answer * 1000, 1)}


def jobs(options: argparse.Namespace) -> dict[str, Any]:
    """From the request to `succeeded`, over HTTP: 1,000 rows made here, and the 53,360 of TNEWS where they lie."""
    sets = {"1,000 rows": chats(1_000)}
    if options.data and (options.data / "tnews_train.tsv").exists():
        rows = [line.split("\t")[:2] for line in (options.data / "tnews_train.tsv").read_text("utf-8").splitlines()]
        said = ([{"role": "user", "content": q}, {"role": "assistant", "content": a}] for q, a in rows)
        lines = [json.dumps({"messages": messages}, ensure_ascii=False) for messages in said]
        sets["1,000 headlines"], sets["53,360 headlines"] = ("\n".join(part).encode() for part in (lines[:1000], lines))
    figures = {}
    for name, content in sets.items():
        with ours() as server:
            began = time.perf_counter()
            file_id = server.upload(content)
            uploaded = time.perf_counter()
            job = server.client.fine_tuning.jobs.create(model=MODEL, training_file=file_id, seed=0)
            while server.client.fine_tuning.jobs.retrieve(job.id).status == "validating_files":
                time.sleep(0.02)
            checked = time.perf_counter()
            done = server.ended(job.id)
            ended = time.perf_counter()
            assert done.status == "succeeded", done.error
            figures[name] = {"upload": uploaded - began, "validate": checked - uploaded, "train": ended - checked}
            figures[name] = {part: round(seconds, 2) for part, seconds in figures[name].items()}
            figures[name]["created_to_succeeded"] = round(ended - uploaded, 2)
    return figures


PARTS: dict[str, Callable[[argparse.Namespace], dict[str, Any]]] = {
    part.__name__: part for part in (start, requests, clients, events, connections, jobs, upload)
}


def main() -> None:
    """Measures and prints a line for each part."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--only", nargs="*", choices=sorted(PARTS), default=list(PARTS))
    parser.add_argument("--gigabytes", type=int, default=8)
    parser.add_argument("--clients", type=int, default=64)
    parser.add_argument("--connections", type=int, default=10_000)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--data", type=Path, help="a folder with tnews_train.tsv")
    parser.add_argument("--bare", metavar="DATABASE", help="be the peer")
    options = parser.parse_args()
    if options.bare:
        bare(options.bare)
        return
    for name in options.only:
        print(f"{name}: {json.dumps(PARTS[name](options), ensure_ascii=False)}", flush=True)


if __name__ == "__main__":
    main()

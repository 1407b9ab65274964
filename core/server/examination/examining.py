"""Checking a job's files and planning it, here or, where the files are large, in a process of its own.

Large files take memory and would hold up the answers of the server meanwhile; a process gives both back.
`python -m core.server.examination JOB_DIR TRAINING_FILE_ID VALIDATION_FILE_ID` prints what was found as JSON.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import threading
from collections.abc import Callable, Mapping
from pathlib import Path
from subprocess import PIPE
from typing import Any

from core.server.engines.base import Engine, JobDir, JobSpec, SpecError
from core.server.engines.children import ROOT, is_secret
from core.server.engines.offered import engines
from core.server.engines.said import made_of, told_with
from core.server.examination.validation import Unfit, check_inputs
from core.words import T, Text

LOOK = 0.2  # seconds
SMALL = 4 << 20  # bytes; up to here starting a process takes longer than the work, if the engine says no less


class Abandoned(Exception):
    """Nobody wants to know any more what is in the files."""


def examine(
    folder: Path, names: tuple[str, str], environment: Mapping[str, str], wanted: Callable[[], bool]
) -> dict[str, Any]:
    """The plan of the job in a folder, its inputs linked, as plain values. `names` are the ids of its files, for the
    sentences. Raises Unfit; and Abandoned, some time after it is no longer `wanted`."""
    spec = JobDir(folder).read_spec()
    inputs = [path for path in (spec.training_path, spec.validation_path) if path is not None]
    if sum(path.stat().st_size for path in inputs) <= min(SMALL, _engine_of(spec.base_model).small):
        return _examine(spec, names)
    command = [sys.executable, "-m", "core.server.examination", str(folder), *names]
    env = {name: value for name, value in environment.items() if not is_secret(name)}
    standard_input, alive = os.pipe()  # it ends when `alive` is closed, which the end of this process does too
    try:
        with subprocess.Popen(command, cwd=ROOT, env=env, stdin=standard_input, stdout=PIPE, stderr=PIPE) as process:
            said, problems = _listen(process, wanted)
    finally:
        os.close(standard_input)
        os.close(alive)
    if process.returncode != 0:
        last = (problems.decode("utf-8", "replace").strip().splitlines() or [f"exit code {process.returncode}"])[-1]
        raise RuntimeError(last[:300])
    found: dict[str, Any] = json.loads(said)
    if "unfit" in found:
        unfit = found["unfit"]
        raise Unfit(unfit["code"], unfit["message"], unfit["param"], made_of(unfit))
    return found


def _listen(process: subprocess.Popen[bytes], wanted: Callable[[], bool]) -> tuple[bytes, bytes]:
    while True:
        try:
            return process.communicate(timeout=LOOK)
        except subprocess.TimeoutExpired:
            if not wanted():
                process.kill()
                raise Abandoned from None


def _examine(spec: JobSpec, names: tuple[str, str]) -> dict[str, Any]:
    engine = _engine_of(spec.base_model)
    check_inputs(spec, names)
    try:
        plan = engine.check(spec)
    except SpecError as error:
        raise Unfit(error.code, error.message, error.param) from error
    return {
        "hyperparameters": plan.hyperparameters,
        "total_steps": plan.total_steps,
        "estimated_seconds": plan.estimated_seconds,
        "mode": plan.mode,
        "told": [
            *({"level": "warn", **told_with("text", warning)} for warning in (*_missing(spec), *plan.warnings)),
            *({"level": "info", **told_with("text", note)} for note in plan.notes),
        ],
    }


def _missing(spec: JobSpec) -> list[Text]:
    if spec.method != "reinforcement" or spec.validation_path is not None:
        return []
    return [T("Without a validation file nobody sees whether the model learns the task or only these examples.")]


def _engine_of(model: str) -> Engine:
    """The engine of a base model. Raises Unfit where the server was started without it."""
    found = next((engine for engine in engines() if any(card.id == model for card in engine.models())), None)
    if found is None:
        message = T("The model {model} does not exist here. It may have been deleted.", model=model[:120])
        raise Unfit("model_not_found", message, "model")
    return found


def main(arguments: list[str]) -> None:
    """Prints the plan, or why there is none."""
    folder, training, validation = arguments
    threading.Thread(target=_end_with_the_server, daemon=True).start()
    try:
        found = _examine(JobDir(Path(folder)).read_spec(), (training, validation))
    except Unfit as error:
        found = {"unfit": {"code": error.code, "message": str(error.message), "param": error.param, **error.made}}
    sys.stdout.write(json.dumps(found))


def _end_with_the_server() -> None:
    sys.stdin.read()
    os._exit(1)

"""Checking a job's files and planning it, here or, where the files are large, in a process of its own.

Large files take memory and would hold up the answers of the server meanwhile; a process gives both back.
`python -m core.server.examination JOB_DIR TRAINING_FILE_ID VALIDATION_FILE_ID` prints what was found as JSON.
"""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from core.server.children import ROOT, is_secret
from core.server.engines.base import Engine, JobDir, JobSpec, SpecError
from core.server.offered import engines
from core.server.validation import Unfit, check_inputs
from core.words import T, Text

SMALL = 4 << 20  # bytes; up to here starting a process takes longer than the work, if the engine says no less


def examine(folder: Path, names: tuple[str, str], environment: Mapping[str, str]) -> dict[str, Any]:
    """The plan of the job in a folder, its inputs linked, as plain values. `names` are the ids of its files, for the
    sentences. Raises Unfit."""
    spec = JobDir(folder).read_spec()
    inputs = [path for path in (spec.training_path, spec.validation_path) if path is not None]
    if sum(path.stat().st_size for path in inputs) <= min(SMALL, _engine_of(spec.base_model).small):
        return _examine(spec, names)
    command = [sys.executable, "-m", "core.server.examination", str(folder), *names]
    env = {name: value for name, value in environment.items() if not is_secret(name)}
    done = subprocess.run(command, cwd=ROOT, env=env, capture_output=True, text=True, stdin=subprocess.DEVNULL)
    if done.returncode != 0:
        last = (done.stderr.strip().splitlines() or [f"exit code {done.returncode}"])[-1]
        raise RuntimeError(last[:300])
    found: dict[str, Any] = json.loads(done.stdout)
    if "unfit" in found:
        raise Unfit(**found["unfit"])
    return found


def _examine(spec: JobSpec, names: tuple[str, str]) -> dict[str, Any]:
    engine = _engine_of(spec.base_model)
    limit = next(card.context_tokens for card in engine.models() if card.id == spec.base_model)
    check_inputs(spec, names, limit)
    try:
        plan = engine.check(spec)
    except SpecError as error:
        raise Unfit(error.code, error.message, error.param) from error
    return {
        "hyperparameters": plan.hyperparameters,
        "total_steps": plan.total_steps,
        "estimated_seconds": plan.estimated_seconds,
        "mode": plan.mode,
        "warnings": [str(warning) for warning in (*_missing(spec), *plan.warnings)],
    }


def _missing(spec: JobSpec) -> list[Text]:
    if spec.method != "reinforcement" or spec.validation_path is not None:
        return []
    return [T("Without a validation file nobody sees whether the model learns the task or only these examples.")]


def _engine_of(model: str) -> Engine:
    return next(engine for engine in engines() if any(card.id == model for card in engine.models()))


def main(arguments: list[str]) -> None:
    """Prints the plan, or why there is none."""
    folder, training, validation = arguments
    try:
        found = _examine(JobDir(Path(folder)).read_spec(), (training, validation))
    except Unfit as error:
        found = {"unfit": {"code": error.code, "message": error.message, "param": error.param}}
    sys.stdout.write(json.dumps(found))


if __name__ == "__main__":
    main(sys.argv[1:])

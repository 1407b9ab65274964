"""The whole loop, driven by the unmodified openai client of Node (tests/node/loop.mjs)."""

from __future__ import annotations

import hashlib
import os
import shutil
import subprocess
from pathlib import Path
from typing import Any, NoReturn

import pytest
from filelock import FileLock

ROOT = Path(__file__).resolve().parent.parent.parent.parent
NODE = ROOT / "tests" / "node"


def without(reason: str) -> NoReturn:
    """Skips on a laptop; a machine that tests every change has to have what is needed."""
    if os.environ.get("CI") == "true":
        pytest.fail(reason)
    pytest.skip(reason)


@pytest.fixture(scope="session")
def node_folder() -> Path:
    """A folder with the pinned client, installed once for each lock file."""
    if not shutil.which("node") or not shutil.which("npm"):
        without("Node is not installed (apt-get install nodejs npm)")
    lock = (NODE / "package-lock.json").read_bytes()
    folder = ROOT / "artefacts" / f"node-{hashlib.sha256(lock).hexdigest()[:12]}"
    folder.mkdir(parents=True, exist_ok=True)
    with FileLock(folder.with_suffix(".lock")):
        for name in ("package.json", "package-lock.json", ".npmrc", "loop.mjs"):
            shutil.copyfile(NODE / name, folder / name)
        if not (folder / "complete").exists():
            command = ["npm", "ci", "--ignore-scripts", "--no-audit", "--no-fund"]
            done = subprocess.run(command, cwd=folder, capture_output=True, text=True, timeout=110)
            if done.returncode:
                without(f"npm could not install the client: {done.stderr[-500:]}")
            (folder / "complete").touch()
    return folder


@pytest.mark.slow
def test_the_node_client_goes_through_the_whole_loop(provider: Any, node_folder: Path) -> None:
    environment = {**os.environ, "LUOPAN_BASE_URL": provider.base_url, "LUOPAN_KEY": provider.key}
    done = subprocess.run(
        ["node", "loop.mjs"], cwd=node_folder, env=environment, capture_output=True, text=True, timeout=110
    )
    assert done.returncode == 0, f"after: {done.stdout}\n{done.stderr[-2000:]}"
    assert done.stdout.splitlines()[-1] == "deletes what it made"


def test_the_lock_file_names_no_host() -> None:
    for name in ("package.json", "package-lock.json", ".npmrc"):
        text = (NODE / name).read_text("utf-8")
        assert "://" not in text and "resolved" not in text.replace("omit-lockfile-registry-resolved", "")

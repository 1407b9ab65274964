"""A tiny open model, and jobs trained on it in this process."""

from __future__ import annotations

import importlib.util
import os
from pathlib import Path

import pytest
from lora_bench import LoraBench
from tinymodel import make_model


@pytest.fixture(scope="session")
def tiny(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of a chat model with random weights; skipped where requirements-lora.txt is not installed."""
    if importlib.util.find_spec("trl") is None:
        reason = "torch, transformers and trl are not installed here (pip install -r requirements-lora.txt)"
        pytest.fail(reason) if os.environ.get("CI") == "true" else pytest.skip(reason)
    import torch

    torch.set_num_threads(1)
    return make_model(tmp_path_factory.mktemp("models") / "tiny")


@pytest.fixture
def lora(tmp_path: Path, tiny: Path, monkeypatch: pytest.MonkeyPatch) -> LoraBench:
    """A folder to train in, with the tiny model set up as "tiny"."""
    monkeypatch.setenv("LUOPAN_LORA_MODELS", f"tiny={tiny}")
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    return LoraBench(tmp_path)

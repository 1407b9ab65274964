"""The engine for open models as the server meets it, before anything is trained."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from lora_bench import LoraBench, chats, said

from core.errors import BadInput
from core.server.engines import offered
from core.server.engines.base import JobSpec, SpecError
from core.server.engines.foresight import Size
from core.server.engines.lora import engine as lora_engine
from core.server.engines.lora.bases import Base
from core.server.engines.lora.engine import LoraEngine
from core.settings import Settings


@pytest.mark.parametrize(
    ("told", "named"),
    [
        ("", {}),
        ("/models/tiny", {"tiny": "/models/tiny"}),
        ("/models/a, b=/models/x\n~/c", {"a": "/models/a", "b": "/models/x", "c": "~/c"}),
        ("Qwen/Qwen3-0.6B", {"Qwen/Qwen3-0.6B": "Qwen/Qwen3-0.6B"}),
        ("small=Qwen/Qwen3-0.6B", {"small": "Qwen/Qwen3-0.6B"}),
        ("/odd=name/model", {"model": "/odd=name/model"}),
    ],
)
def test_models_are_named_in_the_settings(told: str, named: dict[str, str]) -> None:
    assert dict(Settings.from_env({"LUOPAN_LORA_MODELS": told}).lora_models) == named


@pytest.mark.parametrize("told", ["a b=/models/x", "a=/models/x,a=/models/y"])
def test_a_name_that_cannot_be_is_refused_with_the_variable(told: str) -> None:
    with pytest.raises(BadInput, match="LUOPAN_LORA_MODELS"):
        Settings.from_env({"LUOPAN_LORA_MODELS": told})


@pytest.mark.parametrize(("there", "names"), [(True, ["classic", "lora"]), (False, ["classic"])])
def test_open_models_are_offered_where_their_packages_are_installed(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, there: bool, names: list[str]
) -> None:
    monkeypatch.setenv("LUOPAN_LORA_MODELS", f"tiny={tmp_path}")
    monkeypatch.setattr(lora_engine, "PACKAGES", ("json",) if there else ("json", "no_such_package_at_all"))
    assert [engine.name for engine in offered.engines()] == names


def test_without_named_models_there_is_no_engine(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("LUOPAN_LORA_MODELS", raising=False)
    assert [engine.name for engine in offered.engines()] == ["classic"]


@pytest.mark.parametrize("source", ["/nowhere/at/all", "nobody/has-fetched-this"])
def test_a_model_that_is_not_here_is_listed_and_refused_with_what_to_do(source: str, tmp_path: Path) -> None:
    engine = LoraEngine([Base("gone", source)])
    assert [card.id for card in engine.models()] == ["gone"]
    with pytest.raises(SpecError) as refused:
        engine.check(JobSpec("job-1", "gone", tmp_path / "rows.jsonl"))
    assert (refused.value.param, refused.value.code) == ("model", "model_not_found")
    with pytest.raises(SpecError):
        engine.open(None, "gone")


def test_a_folder_that_asks_for_code_is_refused_before_anything_is_trained(lora: LoraBench, tmp_path: Path) -> None:
    hostile = tmp_path / "hostile"
    hostile.mkdir()
    for path in lora.model.iterdir():
        (hostile / path.name).write_bytes(path.read_bytes())
    config = json.loads((hostile / "config.json").read_text())
    (hostile / "config.json").write_text(json.dumps({**config, "auto_map": {"AutoModel": "evil.Model"}}))
    engine = LoraEngine([Base("tiny", str(hostile))])
    with pytest.raises(SpecError) as refused:
        engine.check(lora.spec(chats(12)))
    assert (refused.value.param, refused.value.code) == ("model", "model_unusable")


def test_a_model_in_the_store_of_the_hub_is_trained_and_asked_by_its_name(
    lora: LoraBench, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    import huggingface_hub.constants

    store = tmp_path / "hub" / "models--made--tiny"
    snapshot = store / "snapshots" / "abc"
    (store / "blobs").mkdir(parents=True)
    (store / "refs").mkdir()
    (store / "refs" / "main").write_text("abc")
    snapshot.mkdir(parents=True)
    for number, path in enumerate(sorted(lora.model.iterdir())):
        (store / "blobs" / str(number)).write_bytes(path.read_bytes())
        (snapshot / path.name).symlink_to(Path("../../blobs") / str(number))
    monkeypatch.setattr(huggingface_hub.constants, "HF_HUB_CACHE", str(tmp_path / "hub"))
    monkeypatch.setattr("huggingface_hub.file_download.HF_HUB_CACHE", str(tmp_path / "hub"), raising=False)
    monkeypatch.setenv("LUOPAN_LORA_MODELS", "tiny=made/tiny")
    engine = LoraEngine()
    assert engine.check(lora.spec(chats(12))).total_steps > 0
    job = lora.train(chats(12), hyperparameters={"n_epochs": 1, "batch_size": 4})
    monkeypatch.setenv("OMP_NUM_THREADS", "1")
    model = engine.open(job.final_path, "tiny")
    assert isinstance(said(model, "What is the ripe apple of row 0?"), str)
    engine.close()


@pytest.mark.parametrize("workers", ["", "2"])
def test_of_a_cluster_its_memory_is_told_and_nothing_that_only_this_machine_knows(
    lora: LoraBench, monkeypatch: pytest.MonkeyPatch, workers: str
) -> None:
    monkeypatch.setenv("LUOPAN_RAY_ADDRESS", "ray://head:10001")
    monkeypatch.setenv("LUOPAN_LORA_WORKERS", workers)
    size = Size("tiny", "supervised", 12, 240, 30, {"batch_size": 4})
    told = lora.engine.foresee(size)
    assert told is not None and (told.fits, told.seconds, told.free_bytes) == ("unknown", None, None)
    assert told.memory_bytes > 1e9 and "is not known here" in str(told.sentence)
    assert ("2 workers of the cluster" in str(told.sentence)) == (workers == "2")
    assert told.as_json()["seconds"] is None
    planned = lora.engine.check(lora.spec(chats(12)))
    assert planned.estimated_seconds == 0 and not planned.warnings
    assert "cluster needs about" in str(planned.notes[0]) and "are free" not in str(planned.notes[0])

"""What a LoRA training would take, beside what trainings took."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from core.server.engines.lora.devices import Device, cores, detect, free_memory, read_gpus
from core.server.engines.lora.fit import Fit, duration, estimate, refusal, shape_of
from core.server.engines.lora.weights import UnsafeModel
from tests.modelfolder import LLAMA_8B, QWEN_600M, SMALL_135M, TINY, model_folder

TWO_CORES = Device("cpu", 24_000_000_000, 140e9)
GPU = Device("cuda", 80_000_000_000, 989e12 * 0.3)


def of(folder: Path, config: dict[str, Any], device: Device = TWO_CORES, **more: Any) -> Fit:
    asked = {"rows_tokens": [60] * 1000, "batch_size": 8, "epochs": 1, "method": "supervised", **more}
    return estimate(model_folder(folder / "model", config), device=device, **asked)


@pytest.mark.parametrize(
    ("config", "row", "gigabytes", "tokens_a_second"),
    [(SMALL_135M, 43, 2.41, 142), (QWEN_600M, 53, 6.15, 48)],
    ids=["135M", "0.6B"],
)
def test_it_agrees_with_what_was_measured_on_two_cores(
    tmp_path: Path, config: dict[str, Any], row: int, gigabytes: float, tokens_a_second: float
) -> None:
    fit = of(tmp_path, config, rows_tokens=[row] * 1000)
    assert fit.bytes_needed / 1e9 == pytest.approx(gigabytes, rel=0.1)
    assert fit.seconds == pytest.approx(1000 * row / tokens_a_second, rel=0.35)


def test_parameters_come_from_the_headers_and_an_untied_embedding_does_not_work(tmp_path: Path) -> None:
    shape = shape_of(model_folder(tmp_path / "tied", QWEN_600M))
    assert shape.parameters == pytest.approx(596e6, rel=0.01) and shape.active == shape.parameters
    untied = shape_of(model_folder(tmp_path / "untied", {**QWEN_600M, "tie_word_embeddings": False}))
    words = QWEN_600M["vocab_size"] * QWEN_600M["hidden_size"]
    assert (untied.parameters, untied.active) == (shape.parameters + words, shape.active)
    assert shape.lora_per_rank == 28 * (3072 + 2048 + 2048 + 3072 + 3 * 4096)


def test_more_tokens_a_longer_row_and_preferences_take_more(tmp_path: Path) -> None:
    plain = of(tmp_path, QWEN_600M)
    pairs = of(tmp_path, QWEN_600M, method="dpo")
    larger = of(tmp_path, QWEN_600M, batch_size=16)
    longer = of(tmp_path, QWEN_600M, rows_tokens=[*[60] * 999, 600])
    assert min(pairs.bytes_needed, larger.bytes_needed, longer.bytes_needed) > plain.bytes_needed + 400e6
    assert pairs.seconds > 2 * plain.seconds
    assert of(tmp_path, QWEN_600M, epochs=3).seconds == pytest.approx(3 * plain.seconds, rel=0.05)
    many = of(tmp_path, QWEN_600M, rows_tokens=[2000] * 10, batch_size=64)
    assert many.bytes_needed == of(tmp_path, QWEN_600M, rows_tokens=[2000] * 10, batch_size=2).bytes_needed


def test_answers_that_are_tried_take_the_time_of_writing_them(tmp_path: Path) -> None:
    asked: dict[str, Any] = {"method": "reinforcement", "rows_tokens": [60] * 100, "batch_size": 4}
    tried = of(tmp_path, QWEN_600M, answers=8, answer_tokens=256, **asked)
    # 25 steps of 256 turns, at the 4.4 tokens a second that one answer alone was written with, and learning them.
    assert tried.seconds > 25 * 256 / 4.4 + 8 * of(tmp_path, QWEN_600M, **asked).seconds
    assert tried.bytes_needed > of(tmp_path, QWEN_600M, **asked).bytes_needed


def test_a_gpu_takes_half_the_bytes_and_a_hundredth_of_the_time(tmp_path: Path) -> None:
    here, there = of(tmp_path, QWEN_600M), of(tmp_path, QWEN_600M, GPU)
    assert there.bytes_needed < here.bytes_needed and there.seconds < here.seconds / 20
    assert 16e9 < of(tmp_path, LLAMA_8B, GPU).bytes_needed < 24e9


def test_a_small_gpu_holds_large_weights_in_four_bits_where_it_can(tmp_path: Path) -> None:
    small = Device("cuda", 16_000_000_000, 65e12 * 0.3)
    asked: dict[str, Any] = {"rows_tokens": [60] * 100, "batch_size": 4}
    assert refusal(of(tmp_path, LLAMA_8B, small, four_bits=False, **asked))
    assert not refusal(of(tmp_path, LLAMA_8B, small, four_bits=True, **asked))
    assert of(tmp_path, LLAMA_8B, GPU, four_bits=True) == of(tmp_path, LLAMA_8B, GPU, four_bits=False)


def test_several_gpus_share_the_batch(tmp_path: Path) -> None:
    four = of(tmp_path, LLAMA_8B, Device("cuda", GPU.free, GPU.flops, 4), batch_size=32)
    one = of(tmp_path, LLAMA_8B, GPU, batch_size=32)
    assert four.bytes_needed < one.bytes_needed and four.seconds < one.seconds
    assert "4 GPUs" in str(four.sentence)


def test_experts_that_rest_take_memory_and_no_time(tmp_path: Path) -> None:
    config = {**TINY, "num_experts": 8, "num_experts_per_tok": 2}
    folder = model_folder(tmp_path / "m", config)
    from tests.modelfolder import header, shapes_of, write_weights

    experts = {f"model.layers.0.mlp.experts.{n}.up_proj.weight": (32, 16) for n in range(8)}
    write_weights(folder / "model.safetensors", *header({**shapes_of(TINY), **experts}))
    shape = shape_of(folder)
    assert shape.parameters - shape.active == 6 * 32 * 16


def test_what_does_not_fit_is_refused_with_the_key_that_insists(tmp_path: Path) -> None:
    fit = of(tmp_path, LLAMA_8B, epochs=10)
    told = str(refusal(fit))
    assert "max_memory_gb" in told and "24.0 GB" in told
    assert "max_hours" in str(refusal(fit, {"max_memory_gb": "64"}))
    assert refusal(fit, {"max_memory_gb": "64", "max_hours": "2000"}) is None
    assert refusal(of(tmp_path, SMALL_135M)) is None
    assert "max_hours" in str(refusal(of(tmp_path, QWEN_600M, epochs=200)))


@pytest.mark.parametrize("odd", ["", "many", "-3", "nan"])
def test_a_limit_that_is_no_number_leaves_the_usual_one(tmp_path: Path, odd: str) -> None:
    assert "24.0 GB" in str(refusal(of(tmp_path, LLAMA_8B), {"max_memory_gb": odd}))


def test_the_sentence_says_memory_and_time(tmp_path: Path) -> None:
    told = str(of(tmp_path, QWEN_600M).sentence)
    assert "GB" in told and "minutes" in told and "24.0 GB are free" in told


@pytest.mark.parametrize(
    ("seconds", "words"),
    [(4.2, "5 seconds"), (600, "10 minutes"), (3 * 3600, "3 hours"), (5 * 86_400, "5 days")],
)
def test_a_time_is_said_in_the_unit_that_fits(seconds: float, words: str) -> None:
    assert str(duration(seconds)) == words


def test_a_folder_without_weights_is_told_apart(tmp_path: Path) -> None:
    (tmp_path / "config.json").write_text("{}")
    with pytest.raises(UnsafeModel, match=r"model\.safetensors"):
        shape_of(tmp_path)


LINES = """\
0, GPU-aa11, NVIDIA H200, 140000
1, GPU-bb22, NVIDIA H200, 120000
2, GPU-cc33, Tesla T4, 15000
"""


@pytest.mark.parametrize(
    ("visible", "count", "free"),
    [(None, 3, 15_000), ("0,1", 2, 120_000), ("GPU-aa", 1, 140_000), ("7", 0, 0)],
)
def test_gpus_are_counted_as_far_as_they_are_visible(visible: str | None, count: int, free: int) -> None:
    found = read_gpus(LINES, visible)
    assert (found.count, found.free) == (count, free << 20) if found else count == 0


@pytest.mark.parametrize(
    ("name", "flops"), [("NVIDIA H100 80GB HBM3", 989), ("NVIDIA L4", 121), ("NVIDIA L40S", 362), ("Odd 9", 40)]
)
def test_a_gpu_is_known_by_its_name(name: str, flops: int) -> None:
    found = read_gpus(f"0, GPU-1, {name}, 1000\n")
    assert found and found.flops == pytest.approx(flops * 1e12 * 0.3)


def test_the_machine_tells_what_it_has() -> None:
    device = detect({"CUDA_VISIBLE_DEVICES": ""})
    assert device.kind in ("cpu", "mps") and device.free == pytest.approx(free_memory(), rel=0.5)
    assert device.free > 100e6 and device.flops > 1e9 and cores() > 0


def test_reckoning_loads_no_torch() -> None:
    code = "import sys, core.server.engines.lora.fit, core.server.engines.lora.safety; print('torch' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], capture_output=True, text=True).stdout.strip() == "False"

"""Asking open models: in a process of its own, which may idle, break and come again."""

from __future__ import annotations

import math
import os
import signal
import sys
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from lora_bench import LoraBench, chats, said

from core.server.engines.base import AskError, EngineError, JobDir, Predictor, SampleParams
from core.server.engines.lora import runner as runners
from core.server.engines.lora.bases import Folder
from core.server.engines.lora.predictor import LoraPredictor
from core.server.engines.lora.runner import Runner

pytestmark = pytest.mark.timeout(300)  # processes start that load torch, which takes its time

QUESTION = "What is the fast car of row 1?"
ASKED = [{"role": "user", "content": QUESTION}]
LONG = SampleParams(temperature=1.0, seed=1, max_tokens=400, logit_bias=((2, -100.0),))


@pytest.fixture(scope="module")
def trained(tmp_path_factory: pytest.TempPathFactory, tiny: Path) -> Iterator[JobDir]:
    """A job that has taught the tiny model."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("LUOPAN_LORA_MODELS", f"tiny={tiny}")
        yield LoraBench(tmp_path_factory.mktemp("taught")).train(chats(48))


@pytest.fixture(scope="module")
def runner(tiny: Path) -> Iterator[Runner]:
    """The process that the tests of this module share."""
    shared = Runner(tiny, {"OMP_NUM_THREADS": "1"})
    yield shared
    shared.close()


@pytest.fixture(scope="module")
def base(runner: Runner, tiny: Path) -> Predictor:
    return LoraPredictor(runner, Folder(tiny), None)


@pytest.fixture(scope="module")
def tuned(runner: Runner, tiny: Path, trained: JobDir) -> Predictor:
    return LoraPredictor(runner, Folder(tiny), trained.final_path)


def test_training_changes_the_answer_and_leaves_the_base_as_it_was(base: Predictor, tuned: Predictor) -> None:
    before = said(base, QUESTION)
    assert said(tuned, QUESTION) == "vehicle" != before
    assert said(base, QUESTION) == before


def test_a_reloaded_adapter_gives_the_very_numbers_of_the_model_that_was_trained(
    tuned: Predictor, tiny: Path, trained: JobDir
) -> None:
    import torch

    from core.server.engines.lora.encoding import Encoder
    from core.server.engines.lora.loading import load_base, with_adapter

    model = with_adapter(load_base(tiny), trained.final_path).eval()
    merged = with_adapter(load_base(tiny), trained.final_path).eval().merge_and_unload()
    ids = Encoder(Folder(tiny)).prompt(ASKED)
    with torch.inference_mode():
        logs, other = (torch.log_softmax(m(torch.tensor([ids])).logits[0, -1], -1) for m in (model, merged))
    assert torch.allclose(logs, other, atol=1e-4)
    (first, *_rest) = list(tuned.generate(ASKED, SampleParams(temperature=0.0, max_tokens=1, top_logprobs=5)))
    assert first.logprob == pytest.approx(float(logs.max()), abs=1e-5)
    assert [value for _text, value in first.top] == pytest.approx(logs.topk(5).values.tolist(), abs=1e-5)
    assert tuned.score(ASKED, "vehicle")[0] == pytest.approx(first.logprob, abs=1e-4)


def test_a_seed_repeats_an_answer_and_temperature_0_needs_none(base: Predictor) -> None:
    drawn = [said(base, QUESTION, temperature=1.0, seed=seed, max_tokens=12) for seed in (4, 4, 5)]
    assert drawn[0] == drawn[1] != drawn[2]
    assert said(base, QUESTION) == said(base, QUESTION, top_p=0.5)
    assert said(base, QUESTION, temperature=1.0, top_p=1e-9) == said(base, QUESTION)


def test_bias_and_penalties_move_what_is_said(base: Predictor, tiny: Path) -> None:
    tokenizer = Folder(tiny).tokenizer
    (nine,) = tokenizer.ids("a")
    assert said(base, QUESTION, logit_bias=((nine, 100.0),), max_tokens=3) == "aaaa"  # one more than asked for
    varied = said(base, QUESTION, logit_bias=((nine, 8.0),), frequency_penalty=2.0, presence_penalty=2.0, max_tokens=30)
    assert varied.count("a") < 20


def test_characters_of_several_tokens_come_whole(base: Predictor, tiny: Path) -> None:
    tokens = Folder(tiny).tokenizer.ids("é")
    assert len(tokens) == 2
    wish = SampleParams(seed=3, max_tokens=40, logit_bias=((tokens[0], 9.0), (tokens[1], 9.0)))
    pieces = list(base.complete("hello", wish))
    assert any("é" in piece.text for piece in pieces)
    assert sum(piece.tokens for piece in pieces) <= 41


def test_vectors_have_length_1_and_like_texts_are_near(base: Predictor) -> None:
    one, same, other = base.embed(["a ripe apple", "a ripe apple", "zzz 图书馆"])
    assert math.hypot(*one) == pytest.approx(1.0, abs=1e-5) and one == same
    assert sum(a * b for a, b in zip(one, other, strict=True)) < 0.999


@pytest.mark.parametrize(
    ("ask", "param"),
    [
        (lambda m: m.generate([{"role": "user", "content": "long " * 600}], LONG), "messages"),
        (lambda m: m.complete("long " * 600, LONG), "prompt"),
        (lambda m: m.embed(["long " * 600]), "input"),
        (lambda m: m.generate([*ASKED, {"role": "system", "content": "late"}], LONG), "messages"),
    ],
)
def test_what_cannot_be_read_is_refused_with_its_parameter(
    base: Predictor, ask: Callable[[Any], object], param: str
) -> None:
    with pytest.raises(AskError) as refused:
        ask(base)
    assert refused.value.param == param


def test_a_short_question_does_not_wait_for_a_long_answer(base: Predictor, tuned: Predictor) -> None:
    long_ended = threading.Event()

    def ask_long() -> None:
        list(base.generate(ASKED, LONG))
        long_ended.set()

    askers = [threading.Thread(target=ask_long) for _number in range(3)]
    for asker in askers:
        asker.start()
    time.sleep(0.05)
    assert said(tuned, QUESTION) == "vehicle"
    assert not long_ended.is_set()
    for asker in askers:
        asker.join()


def test_an_answer_that_nobody_hears_is_not_written_on(runner: Runner, base: Predictor) -> None:
    begun = time.monotonic()
    for _number in range(20):
        answer = base.generate(ASKED, LONG)
        next(answer)
        answer.close()  # type: ignore[attr-defined]
    said(base, QUESTION)
    whole = time.monotonic()
    list(base.generate(ASKED, LONG))
    assert whole - begun < 5 * (time.monotonic() - whole), "twenty abandoned answers cost less than five whole ones"


def test_a_broken_process_is_a_plain_error_and_the_next_question_starts_anew(runner: Runner, base: Predictor) -> None:
    answer = base.generate(ASKED, LONG)
    next(answer)
    first = runner.pid
    assert first is not None
    os.kill(first, signal.SIGKILL)
    with pytest.raises(EngineError, match="starts anew"):
        list(answer)
    assert said(base, QUESTION)
    assert runner.pid not in (None, first)


@pytest.mark.parametrize("numbers", [1, 20_000], ids=["it hears the question", "nobody takes the question"])
def test_a_process_that_hangs_is_stopped_and_started_anew(
    tiny: Path, numbers: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(runners, "SLOWEST", 0.0)
    runner = Runner(tiny, {"OMP_NUM_THREADS": "1"})
    model = LoraPredictor(runner, Folder(tiny), None)
    answer, first = said(model, QUESTION), runner.pid
    assert first is not None and runner._process is not None
    runner._process._quiet = 0.5  # ten minutes are too long for a test
    os.kill(first, signal.SIGSTOP)
    time.sleep(0.5)  # a system may take a moment to stop all its threads
    with pytest.raises(EngineError) as hung:
        list(runner.ask({"op": "embed", "ids": [10**6] * numbers, "adapter": None}))
    if numbers == 1:
        assert "said nothing for" in str(hung.value) and "starts anew" in str(hung.value)
    else:
        assert "could not answer" in str(hung.value), "what it never heard is asked again of the new one"
    assert said(model, QUESTION) == answer and runner.pid not in (None, first)
    runner.close()


def test_a_process_that_nobody_asks_gives_its_memory_back(tiny: Path) -> None:
    idle = Runner(tiny, {"OMP_NUM_THREADS": "1"}, idle=0.2)
    model = LoraPredictor(idle, Folder(tiny), None)
    answer = said(model, QUESTION)
    deadline = time.monotonic() + 10
    while idle.pid is not None and time.monotonic() < deadline:
        time.sleep(0.02)
    assert idle.pid is None
    assert said(model, QUESTION) == answer
    idle.close()


def test_a_folder_that_is_no_model_is_an_error_with_its_reason(tiny: Path, tmp_path: Path) -> None:
    for path in tiny.iterdir():
        if path.suffix in (".json", ".jinja"):
            (tmp_path / path.name).write_bytes(path.read_bytes())
    (tmp_path / "pytorch_model.bin").write_bytes(b"pickled")
    runner = Runner(tmp_path, {"OMP_NUM_THREADS": "1"})
    with pytest.raises(EngineError) as broken:
        said(LoraPredictor(runner, Folder(tmp_path), None), QUESTION)
    assert "safetensors" in str(broken.value) or "pickle" in str(broken.value)


def test_the_asking_side_loads_no_torch() -> None:
    import subprocess

    code = (
        "import sys, core.server.app, core.server.engines.offered, core.server.engines.lora.engine,"
        " core.server.engines.lora.predictor, core.server.engines.lora.fit, core.server.engines.lora.planning;"
        " core.server.engines.offered.engines();"
        " print(*[m for m in ('torch', 'transformers', 'trl', 'peft', 'datasets') if m in sys.modules])"
    )
    root = Path(__file__).resolve().parents[5]
    done = subprocess.run([sys.executable, "-c", code], cwd=root, capture_output=True, text=True, check=True)
    assert done.stdout.split() == []

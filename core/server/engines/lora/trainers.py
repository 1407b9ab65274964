"""The trainers of transformers and TRL, handed rows that are tokens already. Imported by workers alone: needs torch."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import torch
from datasets import Dataset
from trl import DPOConfig, DPOTrainer, GRPOConfig, GRPOTrainer, SFTConfig, SFTTrainer

from core.server.engines.base import Number
from core.server.engines.lora.encoding import Pair, Row, Task
from core.server.engines.lora.loading import device, fresh_adapter, has_bf16
from core.server.engines.lora.planning import RATES

Reward = Callable[[str, dict[str, Any]], float]
_AT_ONCE = {"cpu": 4_096, "mps": 8_192, "cuda": 16_384}  # tokens that go through the model together
_LIGHT = 2_048  # tokens up to which a processor need not save memory by computing layers twice


@dataclass
class Tally:
    """What a look at the validation file found: of tokens, and of rows whose every learnt token came first."""

    loss: float = 0.0
    tokens: int = 0
    right: int = 0
    rows: int = 0
    exact: int = 0


class Supervised(SFTTrainer):  # type: ignore[misc]
    """SFTTrainer, which measures the validation file by token and by whole answer.

    A greedy answer equals the wanted one exactly where each of its tokens is the likeliest behind the ones before, so
    one pass tells the share of exact answers without writing any.
    """

    tally = Tally()

    def create_model_card(self, *_args: Any, **_more: Any) -> None:
        """None: what was trained is described by its job."""

    def evaluate(self, *args: Any, **more: Any) -> Any:
        self.tally = Tally()
        return super().evaluate(*args, **more)

    def prediction_step(self, model: Any, inputs: Any, *_args: Any, **_more: Any) -> tuple[Any, None, None]:
        inputs = self._prepare_inputs(inputs)
        with torch.no_grad(), self.compute_loss_context_manager():
            found = model(**inputs, use_cache=False, fused_lm_head=True)
        counts = torch.stack(
            [found.log_probs.sum(1), found.label_mask.sum(1), found.is_top1.sum(1)], 1
        )  # one line for each row
        told = self.accelerator.gather_for_metrics(counts).double().cpu()
        self.tally = Tally(
            self.tally.loss - told[:, 0].sum().item(),
            self.tally.tokens + int(told[:, 1].sum()),
            self.tally.right + int(told[:, 2].sum()),
            self.tally.rows + len(told),
            self.tally.exact + int((told[:, 1] == told[:, 2]).sum()),
        )
        return found.loss.detach(), None, None


class Preference(DPOTrainer):  # type: ignore[misc]
    """DPOTrainer on rows that are tokens already."""

    def create_model_card(self, *_args: Any, **_more: Any) -> None:
        """None: what was trained is described by its job."""

    def _prepare_dataset(self, dataset: Any, *_args: Any, **_more: Any) -> Any:
        return dataset


class Reinforced(GRPOTrainer):  # type: ignore[misc]
    """GRPOTrainer on prompts that are tokens already, written as JSON."""

    def create_model_card(self, *_args: Any, **_more: Any) -> None:
        """None: what was trained is described by its job."""

    def _get_train_sampler(self, *args: Any, **more: Any) -> Any:
        self._order = super()._get_train_sampler(*args, **more)
        return self._order

    def order_of(self, epoch: int) -> None:
        """Lets the order of an epoch follow from its number alone, also for a run that begins with it."""
        self._order.generator.manual_seed(self.args.seed + epoch)

    def _tokenize_prompts(self, prompts: list[str]) -> tuple[list[list[int]], None, dict[str, Any]]:
        return [json.loads(prompt) for prompt in prompts], None, {}


@dataclass(frozen=True)
class Run:
    """What all trainers need: the model (with `parent`, an adapter to go on from, in it), its tokenizer, where to write
    meanwhile, the numbers of the job, its seed, its steps, and how many processes train together."""

    model: Any
    tokenizer: Any
    scratch: Path
    method: str
    numbers: dict[str, Number]
    seed: int
    steps: int
    world: int = 1
    parent: bool = False

    @property
    def adapter(self) -> Any:
        """The adapter to begin with; None where the model brings its own."""
        return None if self.parent else fresh_adapter()

    def settings(self, longest: int) -> dict[str, Any]:
        """What is set for every method, with rows of up to so many tokens."""
        kind, batch, world = device(), int(self.numbers["batch_size"]), self.world
        at_once = _at_once(-(-batch // world), longest)
        return {
            "output_dir": str(self.scratch),
            "num_train_epochs": int(self.numbers["n_epochs"]),
            "per_device_train_batch_size": at_once,
            "per_device_eval_batch_size": at_once,
            "gradient_accumulation_steps": max(1, batch // (at_once * world)),
            "learning_rate": RATES[self.method] * float(self.numbers["learning_rate_multiplier"]),
            "lr_scheduler_type": "linear",
            "warmup_steps": self.steps // 32,
            "seed": self.seed,
            "data_seed": self.seed,
            "use_cpu": kind == "cpu",
            "bf16": has_bf16(),
            "activation_checkpointing": kind != "cpu" or at_once * longest > _LIGHT,
            "dataloader_pin_memory": kind == "cuda",
            "logging_steps": 1,
            "save_strategy": "no",  # the worker says when to look and to save
            "eval_strategy": "no",
            "report_to": "none",
            "disable_tqdm": True,
        }


def _at_once(batch: int, longest: int) -> int:
    """Rows that go through the model together: the most that divide the batch and keep within the tokens."""
    fits = max(1, _AT_ONCE[device()] // max(1, longest))
    return max(size for size in range(1, batch + 1) if batch % size == 0 and size <= fits)


def supervised(run: Run, train: Sequence[Row], valid: Sequence[Row] | None, longest: int) -> Any:
    """A trainer on answers."""

    def table(rows: Sequence[Row]) -> Any:
        return Dataset.from_list([{"input_ids": row.ids, "labels": row.labels} for row in rows])

    config = SFTConfig(**run.settings(longest), max_length=None, dataset_kwargs={"skip_prepare_dataset": True})
    return _made(Supervised, run, config, table(train), table(valid) if valid else None)


def preference(run: Run, train: Sequence[Pair], valid: Sequence[Pair] | None, longest: int) -> Any:
    """A trainer on pairs; the model before the training is the reference."""

    def table(rows: Sequence[Pair]) -> Any:
        return Dataset.from_list(
            [{"prompt_ids": row.prompt, "chosen_ids": row.chosen, "rejected_ids": row.rejected} for row in rows]
        )

    config = DPOConfig(**run.settings(2 * longest), max_length=None, beta=float(run.numbers["beta"]))
    return _made(Preference, run, config, table(train), table(valid) if valid else None)


def _made(kind: Any, run: Run, config: Any, train: Any, valid: Any) -> Any:
    return kind(
        model=run.model,
        args=config,
        train_dataset=train,
        eval_dataset=valid,
        processing_class=run.tokenizer,
        peft_config=run.adapter,
    )


def reinforced(
    run: Run,
    train: Sequence[Task],
    valid: Sequence[Task] | None,
    longest: int,
    *,
    answers: int,
    answer_tokens: int,
    reward: Reward,
) -> Any:
    """A trainer that tries several answers to each question and learns from how they are graded."""

    def table(rows: Sequence[Task]) -> Any:
        return Dataset.from_list([{"prompt": json.dumps(row.prompt), "item": json.dumps(row.item)} for row in rows])

    def grade(completions: list[str], item: list[str], **_more: Any) -> list[float]:
        return [reward(text, json.loads(fields)) for text, fields in zip(completions, item, strict=True)]

    samples = int(run.numbers["eval_samples"])
    whole = int(run.numbers["batch_size"]) * answers
    settings = replace(run, numbers={**run.numbers, "batch_size": whole}).settings(longest + answer_tokens)
    config = GRPOConfig(
        **{**settings, "per_device_eval_batch_size": samples * max(1, 8 // samples)},
        num_generations=answers,
        num_generations_eval=samples,
        max_completion_length=answer_tokens,
        beta=0.0,
    )
    return Reinforced(
        model=run.model,
        reward_funcs=grade,
        args=config,
        train_dataset=table(train),
        eval_dataset=table(valid) if valid else None,
        processing_class=run.tokenizer,
        peft_config=run.adapter,
    )

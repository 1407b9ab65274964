"""The lora engine as the server sees it. Nothing here loads torch: that is for the processes that it starts."""

from __future__ import annotations

import importlib.util
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from core.server.engines.base import JobSpec, Launch, ModelCard, Number, Plan, Predictor, SpecError
from core.server.engines.foresight import Fits, Forecast, Size
from core.server.engines.lora.bases import Base, Folder, configured
from core.server.engines.lora.devices import Device
from core.server.engines.lora.launching import device, elsewhere, launch
from core.server.engines.lora.planning import (
    METHODS,
    answer_tokens,
    answers_each,
    plan,
    read_material,
    refuse_what_cannot_be,
    resolved,
)
from core.server.engines.lora.runner import Runners
from core.words import T

if TYPE_CHECKING:
    from core.server.engines.lora.fit import Fit

PACKAGES = ("torch", "transformers", "trl", "peft", "accelerate", "datasets", "safetensors")
UNTOLD = 1 << 50  # bytes: the free memory of a worker that nobody knows does not decide how weights are held
_CREATED = 1_780_000_000


def installed() -> bool:
    """Whether requirements-lora.txt is installed; looked up, not imported."""
    return all(importlib.util.find_spec(name) is not None for name in PACKAGES)


class LoraEngine:
    """Trains adapters of open-weight chat models and answers with them, each in processes of their own."""

    name = "lora"
    small = 64 << 10  # a chat template is a program that runs for each answer

    def __init__(self, bases: Sequence[Base] | None = None) -> None:
        self._bases = {base.id: base for base in (configured() if bases is None else bases)}
        self._runners = Runners()

    @property
    def at_once(self) -> int | None:
        """One after the other here, where a training has the machine to itself; a cluster has a queue of its own."""
        return None if elsewhere() else 1

    def models(self) -> list[ModelCard]:
        """The open models that the settings name."""
        return [self._card(base) for base in self._bases.values()]

    def check(self, spec: JobSpec) -> Plan:
        """What would be done for a job; reads both files. Raises SpecError where it cannot be done."""
        from core.server.engines.lora.fit import refusal
        from core.server.engines.lora.safety import UnsafeModel, check_folder

        base = refuse_what_cannot_be(spec, self._bases)
        folder = base.found()
        try:
            check_folder(folder)
            material = read_material(spec, Folder(folder))
            planned = plan(spec, material)
            numbers, longest = planned.hyperparameters, material.encoder.longest
            fit = _estimate(folder, spec, material.train.lengths(), numbers, longest)
        except UnsafeModel as error:
            raise SpecError("model", "model_unusable", error.message) from error
        planned = replace(planned, estimated_seconds=fit.seconds)
        if elsewhere():
            return replace(planned, notes=(fit.sentence, *planned.notes))
        told = refusal(fit, spec.metadata)
        if told is not None:
            raise SpecError("model", "training_does_not_fit", told)
        if fit.is_tight:
            return replace(planned, warnings=(fit.sentence, *planned.warnings))
        return replace(planned, notes=(fit.sentence, *planned.notes))

    def foresee(self, size: Size) -> Forecast | None:
        """What a training of this size would take, of a cluster what is known of it; None where nobody can say."""
        from core.server.engines.lora.fit import refusal
        from core.server.engines.lora.safety import UnsafeModel

        base = self._bases.get(size.base_model)
        folder = base.folder() if base else None
        if folder is None:
            return None
        spec = JobSpec("", size.base_model, Path(), method=size.method, hyperparameters=size.hyperparameters)
        try:
            numbers, longest = resolved(size.method, size.hyperparameters, size.rows), Folder(folder).longest
            fit = _estimate(folder, spec, _lengths(size, longest), numbers, longest)
        except (OSError, SpecError, UnsafeModel):
            return None  # a job would say why
        if elsewhere():
            return Forecast("unknown", None, fit.bytes_needed, None, fit.sentence)
        fits: Fits = "no" if refusal(fit) else "perhaps" if fit.is_tight else "yes"
        return Forecast(fits, fit.seconds, fit.bytes_needed, fit.bytes_there, refusal(fit) or fit.sentence)

    def command(self, spec: JobSpec, job_dir: Path) -> Launch:
        """The worker's command line. Run it where `core` can be imported."""
        base = self._bases.get(spec.base_model)
        env = environment()
        if base is not None:
            env["LUOPAN_LORA_MODELS"] = f"{base.id}={base.source}" if base.local else base.source
        return launch(spec, job_dir, env)

    def open(self, artifact: Path | None, base: str) -> Predictor:
        """The model of a final or checkpoint folder; None gives the base."""
        found = self._bases.get(base)
        if found is None:
            message = T("{model} is not among the models that LUOPAN_LORA_MODELS names.", model=base)
            raise SpecError("model", "model_not_found", message)
        from core.server.engines.lora.predictor import LoraPredictor

        folder = found.found()
        return LoraPredictor(self._runners.of(folder, environment()), Folder(folder), artifact)

    def close(self) -> None:
        """Ends the processes that answer; they end with the server in any case."""
        self._runners.close()

    def _card(self, base: Base) -> ModelCard:
        folder = base.folder()
        description = T(
            "{source}, an open-weight chat model trained on this machine with LoRA: it writes text, knows what it was "
            "made with, and takes minutes to hours where the classic engine takes seconds.",
            source=base.source if not base.local else base.id,
        )
        longest = Folder(folder).longest if folder is not None else 2_048
        return ModelCard(base.id, self.name, METHODS, longest, description, _CREATED)


def _lengths(size: Size, most: int) -> list[int]:
    """The tokens of each row, as far as a sum and the longest tell: the longest one, and the others alike."""
    others = max(0, size.tokens - size.longest) // max(1, size.rows - 1)
    return [min(most, size.longest), *([min(most, others)] * (size.rows - 1))]


def _estimate(folder: Path, spec: JobSpec, lengths: Sequence[int], numbers: Mapping[str, Number], longest: int) -> Fit:
    """What a job takes of what would train it; of a cluster, whose workers are not known, with each device.

    Raises UnsafeModel, and SpecError for metadata that cannot be.
    """
    from core.server.engines.lora.fit import estimate, on_cluster

    tries = spec.method == "reinforcement"

    def on(trained_on: Device) -> Fit:
        return estimate(
            folder, rows_tokens=lengths, batch_size=int(numbers["batch_size"]), epochs=float(numbers["n_epochs"]),
            method=spec.method, device=trained_on, answers=answers_each(numbers) if tries else 0,
            answer_tokens=answer_tokens(spec, longest) if tries else 0,
        )  # fmt: skip

    here = device(spec)
    if not elsewhere():
        return on(here)
    kinds = {kind: on(replace(here, kind=kind, free=UNTOLD)) for kind in ("cpu", "cuda")}
    return on_cluster(kinds, folder.name, here.count)


def environment() -> dict[str, str]:
    """What the processes that load torch find in their environment: no hub, for they work with what is here."""
    return {
        "OMP_WAIT_POLICY": "PASSIVE",
        "TOKENIZERS_PARALLELISM": "false",
        "HF_HUB_OFFLINE": "1",
        "TRANSFORMERS_OFFLINE": "1",
        "HF_DATASETS_OFFLINE": "1",
        "HF_HUB_DISABLE_TELEMETRY": "1",
    }

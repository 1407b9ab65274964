"""The classic engine as the server sees it."""

from __future__ import annotations

import sys
from pathlib import Path

from core.server.engines.base import JobSpec, Launch, ModelCard, Plan, Predictor
from core.server.engines.classic import BASE, METHODS
from core.server.engines.foresight import Forecast, Size
from core.words import T

# One thread each: on a shared machine several BLAS threads wait for each other longer than they work.
_ONE_THREAD = dict.fromkeys(("OPENBLAS_NUM_THREADS", "OMP_NUM_THREADS", "MKL_NUM_THREADS"), "1")


class ClassicEngine:
    """Learns answers from character and word n-grams, in seconds and without a GPU. numpy is imported when it is
    first needed, so that a server without work stays small."""

    name = "classic"
    small = 4 << 20  # up to here starting a process takes longer than the work
    at_once = None

    def models(self) -> list[ModelCard]:
        """Its one base model: whether it classifies or looks up follows from the training file."""
        description = T(
            "A small model on this machine that learns from your examples alone, in seconds. Where the answers are a "
            "set to choose from (labels, or the fields of a JSON object), it classifies by character and word n-grams "
            "and says how sure it is; preferences and graders can then train it too. Where they are free text, it "
            "gives the answer of the nearest example word for word, without a probability, or says that none is near. "
            "It understands no language and writes nothing new. Untrained it knows nothing."
        )
        return [ModelCard(BASE, self.name, METHODS, 65_536, description, 1_760_000_000)]

    def check(self, spec: JobSpec) -> Plan:
        """What would be done for a job; reads both files. Raises SpecError where it cannot be done."""
        from core.server.engines.classic.planning import plan, read_file, refuse_what_cannot_be

        refuse_what_cannot_be(spec)
        rows = read_file(spec.training_path, "training_file", spec.method)
        valid = read_file(spec.validation_path, "validation_file", spec.method) if spec.validation_path else None
        return plan(spec, rows, valid)[0]

    def foresee(self, size: Size) -> Forecast | None:
        """Nothing worth telling: it is done in seconds, in little memory."""
        return None

    def command(self, spec: JobSpec, job_dir: Path) -> Launch:
        """The worker's command line. Run it where `core` can be imported."""
        return Launch((sys.executable, "-m", "core.server.engines.classic", str(job_dir)), dict(_ONE_THREAD))

    def open(self, artifact: Path | None, base: str) -> Predictor:
        """The model of a final or checkpoint folder; None gives the base, which says that it has learnt nothing."""
        from core.server.engines.classic.model import ClosedModel, load_model
        from core.server.engines.classic.predictor import Closed, Open, Untrained

        if artifact is None:
            return Untrained()
        model = load_model(artifact)
        return Closed(model) if isinstance(model, ClosedModel) else Open(model)

"""From the name in a request to the open model that answers it."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from contextlib import contextmanager

from core.server import wire
from core.server.database import now
from core.server.engines.base import AskError, EngineError, Predictor, SpecError
from core.server.errors import ApiError, bad_request
from core.server.models import Models, Predictors


class Opening:
    """The models that can be asked."""

    def __init__(self, models: Models, predictors: Predictors) -> None:
        self._models = models
        self._predictors = predictors

    @contextmanager
    def model(self, name: str) -> Iterator[Predictor]:
        """The open model, for as long as the block runs. Raises ApiError: 404 where there is none, 400 where it
        cannot do what the block wants of it, 503 where it cannot now."""
        try:
            with self._predictors.use(self._models.served(name)) as predictor:
                yield predictor
        except (AskError, SpecError) as error:
            raise bad_request(error.message, error.param, getattr(error, "code", None)) from None
        except EngineError as error:
            raise ApiError(503, error.message, param="model", code="model_unavailable") from error


def head(kind: str, prefix: str, model: str) -> wire.Json:
    """What every completion begins with. The fingerprint stays the same as long as the same seed gives the same
    answer: a model never changes once it has its name."""
    fingerprint = hashlib.blake2s(model.encode("utf-8", "replace"), digest_size=5).hexdigest()
    return {
        "id": wire.new_id(prefix),
        "object": kind,
        "created": now(),
        "model": model,
        "system_fingerprint": f"fp_{fingerprint}",
    }

"""Models that are open: the few used last stay in memory, and none is closed while it answers."""

from __future__ import annotations

import logging
import threading
from collections import OrderedDict
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

from core.server.engines.base import EngineError, Predictor, SpecError
from core.server.errors import ApiError
from core.server.models.catalogue import Served
from core.words import T

log = logging.getLogger("luopan.provider")


@dataclass
class _Entry:
    users: int = 0
    dropped: bool = False
    predictor: Predictor | None = None
    opening: threading.Lock = field(default_factory=threading.Lock)


class Predictors:
    """An LRU of open models."""

    def __init__(self, capacity: int = 4) -> None:
        self._capacity = capacity
        self._entries: OrderedDict[str, _Entry] = OrderedDict()
        self._lock = threading.Lock()

    @contextmanager
    def use(self, served: Served) -> Iterator[Predictor]:
        """The open model, for as long as the block runs. Raises ApiError, SpecError or EngineError."""
        entry = self._enter(served.id)
        try:
            with entry.opening:
                if entry.predictor is None:
                    entry.predictor = _open(served)
            yield entry.predictor
        except BaseException:
            if entry.predictor is None:
                self.drop(served.id)
            raise
        finally:
            self._leave(entry)

    def drop(self, model_id: str) -> None:
        """Forgets a model; it is closed when its last user is done."""
        with self._lock:
            entry = self._entries.pop(model_id, None)
            closable = entry is not None and self._retire(entry)
        if entry is not None and closable:
            _close(entry)

    def close(self) -> None:
        """Closes all."""
        for model_id in list(self._entries):
            self.drop(model_id)

    def _enter(self, model_id: str) -> _Entry:
        with self._lock:
            entry = self._entries.setdefault(model_id, _Entry())
            entry.users += 1
            self._entries.move_to_end(model_id)
            surplus = []
            while len(self._entries) > self._capacity:
                _, old = self._entries.popitem(last=False)
                if self._retire(old):
                    surplus.append(old)
        for old in surplus:
            _close(old)
        return entry

    def _leave(self, entry: _Entry) -> None:
        with self._lock:
            entry.users -= 1
            closable = entry.dropped and not entry.users
        if closable:
            _close(entry)

    def _retire(self, entry: _Entry) -> bool:
        entry.dropped = True
        return not entry.users


def _open(served: Served) -> Predictor:
    try:
        return served.engine.open(served.artifact, served.base)
    except (SpecError, EngineError):  # it has been looked at and says why
        raise
    except Exception as error:
        if served.artifact is not None and not served.artifact.exists():  # it gave way to a newer one just now
            message = T("The model {model} does not exist here. It may have been deleted.", model=served.id[:120])
            raise ApiError(404, message, param="model", code="model_not_found") from error
        log.exception("%s could not be opened", served.id)
        message = T("The model {model} could not be opened: {error}.", model=served.id, error=str(error)[:300])
        raise ApiError(500, message, param="model", code="model_unusable") from error


def _close(entry: _Entry) -> None:
    if entry.predictor is not None:
        entry.predictor.close()

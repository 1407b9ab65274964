"""Batches of questions: the routes below /v1/batches, and the threads that carry batches on."""

from core.server.batches import routes
from core.server.batches.routes import BatchRoutes
from core.server.batches.runner import BatchRunner
from core.server.batches.store import Batches

DOCUMENTED = routes.DOCUMENTED

__all__ = [
    "DOCUMENTED",
    "BatchRoutes",
    "BatchRunner",
    "Batches",
]

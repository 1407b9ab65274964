"""The routes below /v1/responses, and what is kept of responses."""

from core.server.responses import routes
from core.server.responses.routes import ResponseRoutes
from core.server.responses.store import Responses

DOCUMENTED = routes.DOCUMENTED

__all__ = [
    "DOCUMENTED",
    "ResponseRoutes",
    "Responses",
]

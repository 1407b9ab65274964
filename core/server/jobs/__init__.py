"""Fine-tuning jobs: asked for, moved on by the supervisor, told of; and the graders that judge their answers."""

from core.server.jobs import graders, routes
from core.server.jobs.graders import GraderRoutes
from core.server.jobs.routes import JobRoutes
from core.server.jobs.store import Jobs
from core.server.jobs.supervisor import Supervisor

DOCUMENTED = (*routes.DOCUMENTED, *graders.DOCUMENTED)

__all__ = [
    "DOCUMENTED",
    "GraderRoutes",
    "JobRoutes",
    "Jobs",
    "Supervisor",
]

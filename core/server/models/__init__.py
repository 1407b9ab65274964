"""The models that can be trained and asked, those that are open, and the routes below /v1/models and of permissions."""

from core.server.models import permissions, routes
from core.server.models.catalogue import Base, Models, Served, add_model, model_name
from core.server.models.permissions import PermissionRoutes
from core.server.models.predictors import Predictors
from core.server.models.routes import ModelRoutes

DOCUMENTED = (*routes.DOCUMENTED, *permissions.DOCUMENTED)

__all__ = [
    "DOCUMENTED",
    "Base",
    "ModelRoutes",
    "Models",
    "PermissionRoutes",
    "Predictors",
    "Served",
    "add_model",
    "model_name",
]

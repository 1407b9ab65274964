"""Files and uploads in parts, on disk before they are acknowledged: the routes below /v1/files and /v1/uploads."""

from core.server.files import routes, upload_routes
from core.server.files.parts import Uploads
from core.server.files.routes import FileRoutes
from core.server.files.store import PURPOSES, SIZE_LIMIT, Files, NewFile
from core.server.files.upload_routes import UploadRoutes

DOCUMENTED = (*routes.DOCUMENTED, *upload_routes.DOCUMENTED)

__all__ = [
    "DOCUMENTED",
    "PURPOSES",
    "SIZE_LIMIT",
    "FileRoutes",
    "Files",
    "NewFile",
    "UploadRoutes",
    "Uploads",
]

"""What stands before the routes: connections, keys, the sizes of bodies, and what another server answers."""

from core.server.door.connection import limited_to
from core.server.door.middleware import Doorkeeper
from core.server.door.upstream import gateway

__all__ = [
    "Doorkeeper",
    "gateway",
    "limited_to",
]

"""Running the local provider as a process: its socket, its lock, its end."""

from __future__ import annotations

import contextlib
import logging
import os
import select
import signal
import socket
import threading
from collections.abc import Callable, Mapping
from pathlib import Path

import uvicorn

from core.errors import BadInput
from core.server.app import make_app
from core.server.door import limited_to
from core.server.home import Home
from core.words import T

LOOPBACK = "127.0.0.1"
TRIES = 50  # ports looked at from the wanted one on
MOST_CONNECTIONS = 16_000
OWN_FILES = 512  # open files that are no connections
WATCH_EVERY = 0.5  # seconds, where the system cannot tell of a process' end by itself

Ready = Callable[[str, str], None]


class _Server(uvicorn.Server):
    """Says when it is ready to answer."""

    def __init__(self, config: uvicorn.Config, on_ready: Callable[[], None]) -> None:
        super().__init__(config)
        self._on_ready = on_ready

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets)
        if self.started:
            self._on_ready()


def serve(folder: Path, environment: Mapping[str, str], *, port: int, parent: int | None, ready: Ready) -> None:
    """Serves a data folder until it is told to stop or its parent is gone; `ready` hears base URL and key. Raises
    Occupied where another server has the folder."""
    home = Home(folder)
    lock = home.lock()
    try:
        listener = _bind(port)
        base_url = f"http://{LOOPBACK}:{listener.getsockname()[1]}/v1"

        def announce() -> None:
            home.announce(base_url)
            ready(base_url, home.key())

        config = uvicorn.Config(
            make_app(home, environment),
            http=limited_to(_connections()),  # type: ignore[arg-type]
            log_level="warning",
            access_log=False,
            server_header=False,
            backlog=1024,
            timeout_graceful_shutdown=1,
            timeout_keep_alive=75,
            lifespan="on",
            ws="none",
        )
        server = _Server(config, announce)
        if parent is not None:
            _end_with(parent, server)
        logging.getLogger("luopan.provider").setLevel(logging.INFO)
        # uvicorn raises the signal once more after a clean end; that one must not cut the rest short.
        signal.signal(signal.SIGTERM, lambda *_: None)
        with contextlib.suppress(KeyboardInterrupt):
            server.run(sockets=[listener])
        home.withdraw()
    finally:
        lock.release()


def _bind(port: int) -> socket.socket:
    """A listening socket on the wanted port of the loopback, or the next free one; 0 lets the system choose."""
    last = min(port + TRIES, 65_535) if port else port
    for candidate in range(port, last + 1):
        # With the protocol named, asyncio sends small answers at once instead of waiting 40 ms for company.
        listener = socket.socket(socket.AF_INET, socket.SOCK_STREAM, socket.IPPROTO_TCP)
        if os.name != "nt":
            listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            listener.bind((LOOPBACK, candidate))
        except OSError:
            listener.close()
            continue
        listener.listen(1024)
        return listener
    raise BadInput(
        T("No free port from {first} to {last} on this machine.", first=port, last=last), T("Choose one with --port.")
    )


def _connections() -> int:
    """How many may be open at once: as many as the system lets this process have, less what it needs itself."""
    try:
        import resource
    except ImportError:  # Windows, whose event loop has room for some hundred
        return 400
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = MOST_CONNECTIONS + OWN_FILES
    if soft != resource.RLIM_INFINITY and soft < wanted:
        soft = wanted if hard == resource.RLIM_INFINITY else min(hard, wanted)
        with contextlib.suppress(ValueError, OSError):
            resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))
        soft = resource.getrlimit(resource.RLIMIT_NOFILE)[0]
    return MOST_CONNECTIONS if soft == resource.RLIM_INFINITY else max(16, min(MOST_CONNECTIONS, soft - OWN_FILES))


def _end_with(parent: int, server: uvicorn.Server) -> None:
    """Ends the server when the process of this number ends."""

    def watch() -> None:
        _wait_for_end(parent)
        server.should_exit = True

    threading.Thread(target=watch, name="parent", daemon=True).start()


def _wait_for_end(pid: int) -> None:
    if hasattr(os, "pidfd_open"):
        try:
            handle = os.pidfd_open(pid)
        except ProcessLookupError:
            return
        except OSError:
            pass  # an old kernel: look every now and then
        else:
            try:
                select.select([handle], [], [])
            finally:
                os.close(handle)
            return
    pause = threading.Event()
    while True:
        try:
            os.kill(pid, 0)
        except PermissionError:
            pass
        except OSError:
            return
        pause.wait(WATCH_EVERY)

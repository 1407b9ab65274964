"""Where a model is: a connection of the app, or an address given on the command line."""

from __future__ import annotations

import argparse
import hashlib
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from core.errors import BadInput
from core.words import T

if TYPE_CHECKING:
    from core.provider import Connection


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """--connection, or --base-url with --api-key-env."""
    place = parser.add_mutually_exclusive_group()
    place.add_argument("--connection", default="local", metavar="ID", help="a connection of the app (default: local)")
    place.add_argument("--base-url", metavar="U", help="address of a provider, such as https://api.openai.com/v1")
    parser.add_argument(
        "--api-key-env", metavar="NAME", help="with --base-url: environment variable that holds its key"
    )


def given(options: argparse.Namespace) -> Connection | None:
    """The connection that --base-url makes, always the same for the same address and key; None where it is not given.

    Raises BadInput where the address cannot be, or a key comes without one.
    """
    from core.provider import Connection, check_base_url

    name = options.api_key_env or ""
    if not options.base_url:
        if name:
            raise BadInput(T("--api-key-env goes with --base-url."), T("A connection of the app has a key of its own."))
        return None
    url = check_base_url(options.base_url)
    id = "cli-" + hashlib.sha256(f"{url}|{name}".encode()).hexdigest()[:10]
    return Connection(id, urlsplit(url).netloc, url, key_source=f"env:{name}" if name else "")

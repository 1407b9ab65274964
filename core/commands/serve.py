"""`python -m core serve`: the local provider, an OpenAI-compatible fine-tuning server on this machine."""

from __future__ import annotations

import argparse
import json
import logging
import sys
from pathlib import Path
from typing import Any

from core.commands.numbers import whole
from core.words import _

OCCUPIED = 3


def add_parser(subparsers: Any) -> None:
    """Adds `serve` to the command line."""
    parser = subparsers.add_parser(
        "serve",
        help=_("run the local provider: fine-tuning and chat over HTTP on this machine"),
        description=_(
            "Runs a server that speaks OpenAI's API for files, fine-tuning jobs, models and chat, on this machine "
            "only. It prints its address and its key when it is ready. Stop it with Ctrl+C; a training that is running "
            "goes on, and is picked up at the next start. Ends with 3 where another server already works on the folder."
        ),
    )
    parser.add_argument(
        "--port",
        type=whole(0, 65_535),
        metavar="P",
        help=_("port to listen on; the next free one where it is taken, 0 for any (default: 8790)"),
    )
    parser.add_argument(
        "--data", type=Path, metavar="D", help=_("folder for files, jobs and models (default: below LUOPAN_HOME)")
    )
    parser.add_argument("--parent", type=int, metavar="PID", help=_("stop when this process ends"))
    parser.add_argument("--json", action="store_true", help=_("say base_url and api_key as one line of JSON"))
    parser.set_defaults(run=run)


def run(args: argparse.Namespace) -> int:
    """Serves until stopped; 3 where another server works on the folder."""
    from core.server.home import Occupied
    from core.server.runner import serve
    from core.settings import Settings

    settings = Settings.from_env()
    logging.basicConfig(format="%(asctime)s %(levelname)s %(name)s: %(message)s", stream=sys.stderr)

    def ready(base_url: str, key: str) -> None:
        if args.json:
            print(json.dumps({"base_url": base_url, "api_key": key}), flush=True)
        elif args.parent is not None:  # what the app's companion prints goes into a log, where no key belongs
            print(_("The local provider is ready at {url}.", url=base_url), flush=True)
        else:
            print(_("The local provider is ready at {url} (key: {key}).", url=base_url, key=key), flush=True)

    try:
        serve(
            args.data or settings.provider_home,
            settings.environment,
            port=settings.provider_port if args.port is None else args.port,
            parent=args.parent,
            ready=ready,
        )
    except Occupied as error:
        print(error, file=sys.stderr)
        return OCCUPIED
    return 0

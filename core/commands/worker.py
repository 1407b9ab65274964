"""python -m core worker: does the long work of the app (imports, jobs, evaluations)."""

from __future__ import annotations

import argparse
import logging


def add_parser(subparsers: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Register the command."""
    parser = subparsers.add_parser(
        "worker",
        help="do the long work of the app; the app starts one by itself",
        description="Does imports, follows training jobs and runs evaluations. One worker serves a home folder; "
        "what it was at is taken up again by the next one, even after a power cut. Stop it with Ctrl+C.",
    )
    parser.add_argument("--parent", type=int, metavar="PID", help="stop when this process ends")
    parser.set_defaults(run=run)


def run(options: argparse.Namespace) -> int:
    """Work until asked to stop."""
    from core.settings import Settings
    from core.tasks.worker import run_worker

    logging.basicConfig(level=logging.WARNING, format="%(asctime)s %(levelname)s %(name)s: %(message)s")
    logging.getLogger("luopan").setLevel(logging.INFO)
    return run_worker(Settings.from_env(), options.parent)

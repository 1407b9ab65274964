"""The command line: the same verbs as in the browser, so that the loop can be scripted."""

from __future__ import annotations

import argparse
import gc
import importlib
import sys

from core.errors import AppError, Cancelled

# Each is a module of core.commands with `add_parser(subparsers)`.
COMMANDS = ("prepare", "check", "serve", "jobs", "models", "evaluate", "worker")

INTRODUCTION = """\
Luopan takes a spreadsheet to a fine-tuned model. A first loop, without any key or network:

  python -m core prepare my_table.csv              columns to training examples
  python -m core check my_table_prepared.jsonl     what is wrong, how many tokens, which price
  python -m core serve                             the local provider (leave it running)
  python -m core jobs create my_table_prepared.jsonl --model local-classic-1
  python -m core jobs follow JOB                   watch it train
  python -m core evaluate my_test.jsonl --model FINE_TUNED_MODEL
"""


def main(arguments: list[str] | None = None) -> int:
    """Run one command; returns the exit code (0 done, 1 found errors, 2 could not be done)."""
    parser = argparse.ArgumentParser(
        prog="python -m core", description=INTRODUCTION, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    subparsers = parser.add_subparsers(dest="command", required=True, metavar="COMMAND")
    arguments = sys.argv[1:] if arguments is None else arguments
    gc.disable()  # what is imported stays: there is nothing to collect yet
    for name in arguments[:1] if arguments[:1] and arguments[0] in COMMANDS else COMMANDS:
        importlib.import_module(f"core.commands.{name}").add_parser(subparsers)
    gc.enable()
    options = parser.parse_args(arguments)
    try:
        return int(options.run(options))
    except AppError as error:
        print(f"{error.message}\n{error.hint}".strip(), file=sys.stderr)
        return 1 if isinstance(error, Cancelled) else 2
    except BrokenPipeError:
        return 0
    except OSError as error:  # a folder that is none, a full disk, no right to write
        print(f"{error.filename or parser.prog}: {error.strerror or error}", file=sys.stderr)
        return 2
    except KeyboardInterrupt:
        print("stopped", file=sys.stderr)
        return 130


if __name__ == "__main__":
    code = main()
    gc.freeze()  # all of it ends now: what is left need not be looked through first
    sys.exit(code)

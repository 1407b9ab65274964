"""One JSON Lines file is made from another: lines in, a whole file out, errors in words."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from core.checks.reading import read_lines
from core.dataset.replacing import replacing
from core.errors import BadInput
from core.words import T


def filled_lines(path: Path) -> Iterator[tuple[int, str]]:
    """The lines that are not blank, with their numbers from 1 on; those that are too long to be held are left out.

    Raises BadInput where the file cannot be read.
    """
    try:
        with path.open("rb") as file:
            for number, line in enumerate(read_lines(file), start=1):
                if line is not None and line.strip():
                    yield number, line.decode("utf-8-sig", "replace")
    except OSError as error:
        raise BadInput(
            T("{file} cannot be read: {reason}.", file=path.name, reason=error.strerror or str(error)),
            T("Check the name and that you may open it."),
        ) from error


@contextmanager
def copy_of(path: Path, target: Path) -> Iterator[Path]:
    """Where to write what is made of `path`; it is `target` once it is whole. Raises BadInput where it cannot be."""
    if target.exists() and (not path.exists() or target.samefile(path)):
        raise BadInput(T("The new file must be another one than {file}.", file=path.name))
    try:
        with replacing(target) as part:
            yield part
    except OSError as error:
        raise BadInput(
            T("{file} cannot be written: {reason}.", file=target.name, reason=error.strerror or str(error)),
            T("Check its folder and that you may write there."),
        ) from error

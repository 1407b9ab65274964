"""`python -m core prepare` with --test, --validation or --group: the examples in parts, nothing of a group in two.

The whole file stays beside its parts. Rows that an earlier run has written into a part keep it.
"""

from __future__ import annotations

import argparse
import re
from collections import Counter
from collections.abc import Iterable, Iterator
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from core.words import T, _

if TYPE_CHECKING:
    from core.dataset.examples import Draft
    from core.dataset.readers import Source
    from core.dataset.recipes import Recipe
    from core.dataset.split import Item

NAMES = {"train": "train", "validation": "valid", "test": "test"}
SHOWN = 5  # labels that a warning names


def add_options(parser: argparse.ArgumentParser) -> None:
    """Add the options of this part to `prepare`."""
    amount = "SHARE|N"
    parser.add_argument("--validation", type=_amount, metavar=amount, help="hold out for validation: 0.1, 10%% or 500")
    parser.add_argument("--test", type=_amount, metavar=amount, help="hold out for a test at the end, too")
    parser.add_argument(
        "--group", metavar="COLUMN", help="keep rows with the same value together (else the same question)"
    )
    parser.add_argument("--seed", type=int, metavar="N", help="another number holds out other rows (0)")
    parser.add_argument("--again", action="store_true", help="split anew (else rows of an earlier run keep their part)")


def _amount(text: str) -> float | int:
    number = float(text.removesuffix("%"))
    number = number / 100 if text.endswith("%") else number
    if number < 0 or (number >= 1 and number != int(number)):
        raise ValueError
    return number if number < 1 else int(number)


@dataclass
class Parting:
    """What is to be held out, and what is known of the rows until they are written."""

    options: argparse.Namespace
    folder: Path
    stem: str
    ids: list[int] = field(default_factory=list)  # of the lines, in their order
    counts: Counter[str] = field(default_factory=Counter)
    missing: list[str] = field(default_factory=list)
    files: dict[str, Path] = field(default_factory=dict)
    _groups: list[str] = field(default_factory=lambda: [""])  # by number, from 1 on

    def note(self, draft: Draft) -> int:
        """The number of an example, under which its group is remembered."""
        column = self.options.group
        value: Any = draft.origin.fields.get(column, "") if column else ""
        if column and not draft.origin.fields:  # a training file: its lines may name their group
            more = draft.body.get("metadata")
            value = draft.body.get(column) or (more.get(column) if isinstance(more, dict) else "") or ""
        self._groups.append(str(value).strip())
        return len(self._groups) - 1

    def write(self, whole: Path) -> None:
        """Write the parts of the prepared file beside it."""
        from core.dataset.replacing import replacing
        from core.dataset.split import divide

        earlier = {} if self.options.again else self._earlier()
        items = list(self._items(whole, earlier))
        validation = 0.1 if self.options.validation is None else self.options.validation
        parts = divide(items, validation=validation, test=self.options.test or 0, seed=self.options.seed or 0)
        tested = bool(self.options.test) or "test" in earlier.values()
        names = (name for name in NAMES if name != "test" or tested)
        self.files = self._paths(names, len(self._runs()))
        with ExitStack() as stack:
            out = {}
            for name, path in self.files.items():
                out[name] = stack.enter_context(stack.enter_context(replacing(path)).open("wb"))
            for number, line in _lines(whole):
                out[parts[number].value].write(line)
        self.counts = Counter(part.value for part in parts.values())
        held_out = {item.label for item in items if parts[item.id].value != "train"}
        self.missing = sorted({item.label for item in items} - held_out - {""})

    def _items(self, whole: Path, earlier: dict[str, str]) -> Iterator[Item[int]]:
        from core.checks.similarity import normal
        from core.commands.relations import are_labels
        from core.dataset.examples import Split, answer_text, content_hash, load, user_text
        from core.dataset.split import Item

        rows = []
        for number, line in _lines(whole):
            text = line.decode("utf-8", "replace").strip()
            body = load(text)
            rows.append((number, content_hash(text), answer_text(body), normal(user_text(body))))
        classes = are_labels(Counter(answer[:65] for _number, _key, answer, _question in rows))
        for number, key, answer, question in rows:
            row = self.ids[number] if self.ids else number + 1
            group = self._groups[row] if self.options.group else question
            part = Split(earlier.get(key, ""))
            yield Item(number, answer if classes else "", key, group, part, bool(part))

    def _earlier(self) -> dict[str, str]:
        """The parts that lines have in the newest run before."""
        from core.dataset.examples import content_hash

        found = {}
        for name, path in (self._paths(NAMES, max(self._runs())) if self._runs() else {}).items():
            if path.is_file():
                for _number, line in _lines(path):
                    found[content_hash(line.decode("utf-8", "replace").strip())] = name
        return found

    def _paths(self, names: Iterable[str], run: int) -> dict[str, Path]:
        again = f" ({run})" if run else ""
        return {name: self.folder / f"{self.stem}_prepared_{NAMES[name]}{again}.jsonl" for name in names}

    def _runs(self) -> list[int]:
        """The numbers of the runs whose files lie here."""
        known = re.compile(re.escape(self.stem) + r"_prepared_(?:train|valid|test)(?: \((\d+)\))?\.jsonl")
        found = (known.fullmatch(path.name) for path in self.folder.iterdir())
        last = max((int(match[1] or 0) for match in found if match), default=-1)
        return list(range(last + 1))

    def lines(self) -> list[str]:
        """What was written, for a person to read."""
        said = [""]
        for name, path in self.files.items():
            said.append(
                _("{number} {number:example|examples} written to {file}", number=f"{self.counts[name]:,}", file=path)
            )
        if self.missing:
            named = ", ".join(f"“{label}”" for label in self.missing[:SHOWN])
            more = "" if len(self.missing) <= SHOWN else " …"
            said.append(_("Not measured, since no row of them is held out: {labels}", labels=named + more))
        return said

    def as_json(self) -> dict[str, Any]:
        """The same for scripts."""
        files = {name: {"file": str(path), "examples": self.counts[name]} for name, path in self.files.items()}
        return {"parts": files, "labels_without_held_out_rows": self.missing}


def is_wanted(options: argparse.Namespace) -> bool:
    """Whether a parting was asked for."""
    return (options.group, options.test, options.validation) != (None, None, None)


def wanted(options: argparse.Namespace, source: Source, recipe: Recipe, folder: Path) -> Parting | None:
    """The parting that was asked for; None where none was. Raises BadInput where there is no such column."""
    if not is_wanted(options):
        return None
    if options.group is not None and not recipe.as_is and options.group not in source.columns:
        from core.errors import BadInput

        raise BadInput(
            T("There is no column “{column}” to keep rows together by.", column=options.group),
            T("The columns are: {columns}.", columns=", ".join(source.columns)),
        )
    return Parting(options, folder, options.file[0].stem)


def _lines(path: Path) -> Iterator[tuple[int, bytes]]:
    """The lines of a file that are not blank, with their numbers from 0 on."""
    with path.open("rb") as file:
        yield from enumerate(line if line.endswith(b"\n") else line + b"\n" for line in file if line.strip())

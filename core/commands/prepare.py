"""`python -m core prepare`: from a table to a training file."""

from __future__ import annotations

import argparse
import gc
import json
import sys
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import TYPE_CHECKING, Any

from core.commands import advising, parting
from core.commands.outcome import Outcome, as_json, as_text, write_rejects
from core.errors import BadInput, NotFound
from core.words import _

if TYPE_CHECKING:
    from core.commands.preparing import Preparation
    from core.dataset.findings import Finding
    from core.dataset.fixrows import Columns, Row
    from core.dataset.readers import Reject, Source
    from core.dataset.recipes import Recipe
    from core.dataset.twins import Twins

DESCRIPTION = """\
Turn a table into a training file.

FILE may be CSV, TSV, XLSX, XLS, ODS, JSON, JSON Lines or Parquet, packed or not; which one is seen from its content.
Several files become one training file. The columns are recognised by
their names (question and answer, text and label, prompt and completion, instruction, input and output, …) or by what
stands in them. How they were understood is written down as a recipe: change that file and give it with --recipe to
use a prompt template, rename or drop classes, or take a sample.

It writes NAME_prepared.jsonl and NAME_recipe.json beside FILE (or into --out), and NAME_rejected.csv with the rows
that cannot be used, if there are any.

At a terminal it then gives advice, fix by fix, and asks about each; -q takes all of it without asking. Rows that are
classes can be split into NAME_prepared_train.jsonl and NAME_prepared_valid.jsonl; files of an earlier run stay, and
the new ones are named "NAME_prepared (1).jsonl". With --test, --validation or --group the examples are also written
in parts (train, valid, test): each class keeps its share, and rows that belong together are never in two of them.
FILE itself is never changed. In a script without -q the advice is only told. Columns called prompt and completion
become completion data, all others chats; --format decides otherwise.

Ends with 0 when there are examples, 2 when no row can be used.
"""
EXAMPLES = """\
examples:
  python -m core prepare questions.xlsx --sheet "2026"
  python -m core prepare questions.csv --recipe questions_recipe.json --out prepared
  python -m core prepare january.csv february.xlsx.gz --out prepared
  python -m core prepare classes.csv -q
  python -m core prepare tickets.csv --validation 0.1 --test 200 --group customer
"""


def add_parser(subparsers: argparse._SubParsersAction[Any]) -> None:
    """Add `prepare` to the command line."""
    parser = subparsers.add_parser(
        "prepare",
        help="turn a table (CSV, TSV, XLSX, JSON) into a training file",
        description=DESCRIPTION,
        epilog=EXAMPLES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("file", type=Path, nargs="+", help="the table to read, or several")
    parser.add_argument("--recipe", type=Path, metavar="R", help="how columns become examples (else it is guessed)")
    parser.add_argument("--out", type=Path, metavar="D", help="folder to write to (else the folder of FILE)")
    parser.add_argument(
        "--sheet",
        metavar="S",
        help='sheet of a workbook, "*" for all with the same columns (else the first that holds rows)',
    )
    parser.add_argument("-q", "--quiet", action="store_true", help="take all advice without asking")
    parser.add_argument(
        "--format", choices=("chat", "completion"), help="what to make of a table (else by its columns)"
    )
    parser.add_argument(
        "--long", choices=("remove", "trim", "split"), default="remove", help="what becomes of very long examples"
    )
    parting.add_options(parser)
    parser.add_argument("--json", action="store_true", help="print the outcome as one JSON object")
    parser.set_defaults(run=run)


def run(options: argparse.Namespace) -> int:
    """Read, map, write; 0 where there are examples. Raises BadInput where there are none."""
    gc.disable()  # rows are no rings: looking for some among millions of texts costs a tenth of the time
    try:
        from core.dataset.readers import opened_once

        with opened_once():
            return _prepare(options)
    finally:
        gc.enable()


def _prepare(options: argparse.Namespace) -> int:
    from core.dataset.readers import Member, sniff_all
    from core.dataset.readers.several import title

    for path in options.file:
        _exists(path)
    advised, parted = options.quiet or (sys.stdin.isatty() and not options.json), parting.is_wanted(options)
    if advised and not parted and (code := _advised_in_two(options)) is not None:
        return code
    first, names = options.file[0], [path.name for path in options.file]
    files = [Member(path, path.name if names.count(path.name) == 1 else str(path)) for path in options.file]
    source = sniff_all(files, title([file.name for file in files]), first, sheet=options.sheet)
    for _name, reason in source.others:
        print(_("Left out: {reason}", reason=reason), file=sys.stderr)
    recipe = _recipe(options.recipe, source, options.format)
    if not source.columns:
        raise _nothing_usable(source, [])
    folder = options.out or first.parent
    folder.mkdir(parents=True, exist_ok=True)
    stem = first.stem
    target, recipe_target = folder / f"{stem}_prepared.jsonl", folder / f"{stem}_recipe.json"
    if options.recipe is None:
        _understood_or_asked(recipe, source, options.file, recipe_target)
    parts = parting.wanted(options, source, recipe, folder)
    if advised:
        return _advised(options, source, recipe, folder, parts)
    from core.dataset.replacing import replacing

    outcome = Outcome()
    with replacing(target) as part, part.open("w", encoding="utf-8", newline="\n") as file:
        for line in _lines(recipe, source, outcome, parts):
            file.write(f"{line}\n")
        if not outcome.examples:
            raise _nothing_usable(source, outcome.rejects)
    kept = _keep(recipe, recipe_target)
    write_rejects(folder / f"{stem}_rejected.csv", outcome.rejects)
    found, recipe_file = _advice(target, recipe), recipe_target if kept else None
    if parts:
        parts.write(target)
    if options.json:
        advice = [advising.as_dict(finding) for finding in found]
        print(as_json(options.file, source, recipe, outcome, target, recipe_file, advice, parts))
    else:
        lines = [*advising.told(found), *(parts.lines() if parts else [])]
        print(as_text(source, recipe, outcome, target, recipe_file, lines))
    return 0


def _advice(target: Path, recipe: Recipe) -> list[Finding]:
    """What the preparer says of the lines that were written."""
    from core.dataset.fixrows import row_of

    def rows() -> Iterator[Row]:
        with target.open(encoding="utf-8", newline="\n") as file:
            for number, line in enumerate(file, start=1):
                yield row_of(number, line.rstrip("\n"), recipe.kind)

    return advising.findings(rows, recipe.kind)


def _advised(
    options: argparse.Namespace, source: Source, recipe: Recipe, folder: Path, parts: parting.Parting | None
) -> int:
    """Read, advise, ask (or take all), write what was agreed on."""
    from core.commands import intwo
    from core.commands.preparing import Preparation
    from core.dataset.spool import Spool

    if source.format.is_sheet and not parts and (rows := intwo.shared(source, recipe, _progress)):
        return _talk_of_twins(options, source, recipe, folder, rows)
    outcome = Outcome()
    with closing(Spool(prepared_rows(recipe, source, outcome, parts))) as spool:
        found = advising.findings(spool, recipe.kind)
        if not outcome.examples:
            raise _nothing_usable(source, outcome.rejects)
        preparation = Preparation(
            source, options.file, recipe, spool, found, folder, outcome.rejects, options.quiet, options.long,
            parting=parts,
        )  # fmt: skip
        return _talk(options, preparation, outcome)


def _advised_in_two(options: argparse.Namespace) -> int | None:
    """The same of a large table in two processes; None, and nothing done yet, where that cannot be."""
    from core.commands import intwo

    opened = intwo.opened(options, lambda source: _recipe(options.recipe, source, options.format), _progress)
    if not opened:
        return None
    source, recipe, rows = opened
    folder = options.out or options.file[0].parent
    folder.mkdir(parents=True, exist_ok=True)
    return _talk_of_twins(options, source, recipe, folder, rows)


def _talk_of_twins(options: argparse.Namespace, source: Source, recipe: Recipe, folder: Path, rows: Twins) -> int:
    from core.commands.preparing import Preparation

    with closing(rows):
        preparation = Preparation(
            source, options.file, recipe, rows, rows.findings(), folder, rows.rejects, options.quiet, options.long
        )
        return _talk(options, preparation, Outcome(rejects=rows.rejects))


def _talk(options: argparse.Namespace, preparation: Preparation, outcome: Outcome) -> int:
    """Tell and ask, write what was agreed on, and what came of it."""
    source, recipe, folder, parts = preparation.source, preparation.recipe, preparation.folder, preparation.parting
    written = preparation.run(say=not options.json)
    if written is None:
        return 1
    if parts:
        parts.write(written.files[0])
        if not options.json:
            print("\n".join(parts.lines()))
    stem = options.file[0].stem
    recipe_target = folder / f"{stem}_recipe.json"
    kept = _keep(recipe, recipe_target)
    write_rejects(folder / f"{stem}_rejected.csv", outcome.rejects)
    if options.json:
        outcome.examples = written.rows
        told = json.loads(
            as_json(
                options.file,
                source,
                recipe,
                outcome,
                written.files[0],
                recipe_target if kept else None,
                written.advice,
                parts,
            )
        )
        print(json.dumps({**told, "outputs": [str(path) for path in written.files]}, ensure_ascii=False))
    return 0


def _nothing_usable(source: Source, rejects: list[Reject]) -> BadInput:
    from core.dataset.importing import nothing_usable

    return nothing_usable(source, next(iter(rejects), None))


def _exists(path: Path) -> None:
    from core.words import T

    if not path.is_file():
        raise NotFound(T("There is no file {file}.", file=str(path)), T("Check its name and folder."))


def _recipe(path: Path | None, source: Source, wanted: str | None = None) -> Recipe:
    from core.commands.preparing import suggested
    from core.dataset.recipes import Recipe

    if path is None:
        return suggested(source, wanted)
    _exists(path)
    return Recipe.from_json(path.read_bytes(), path.name)


def _understood_or_asked(recipe: Recipe, source: Source, files: list[Path], target: Path) -> None:
    """Where the columns tell too little, leave a recipe to fill in. Raises BadInput that says how."""
    from core.commands.preparing import paired
    from core.words import T

    if recipe.as_is or paired(recipe):
        return
    from core.dataset.mapping import check

    try:
        check(recipe, source.columns)
    except BadInput as error:
        _keep(recipe, target)
        raise BadInput(
            T("{problem} The columns are: {columns}.", problem=error.message, columns=", ".join(source.columns)),
            T(
                "Give them their roles in {recipe} (user, assistant, system, label, ignore), then: {command}",
                recipe=str(target),
                command=f"python -m core prepare {' '.join(map(str, files))} --recipe {target}",
            ),
        ) from None


def _keep(recipe: Recipe, target: Path) -> bool:
    """Write the recipe down, unless another one stands there already: somebody may have changed it by hand."""
    text = recipe.to_json()
    if target.exists() and target.read_text(encoding="utf-8", errors="replace") != text:
        return False
    target.write_text(text, encoding="utf-8")
    return True


def _lines(recipe: Recipe, source: Source, outcome: Outcome, parts: parting.Parting | None) -> Iterator[str]:
    """The examples' lines; what else happens is noted in the outcome."""
    from core.dataset.mapping import apply
    from core.dataset.readers import Reject, read

    for result in apply(recipe, read(source), _progress(source), source=source):
        if isinstance(result, Reject):
            outcome.rejects.append(result)
            continue
        outcome.examples += 1
        if result.label:
            outcome.labels[result.label] += 1
        if parts:
            parts.note(result)
        yield result.raw


def prepared_rows(
    recipe: Recipe, source: Source, outcome: Outcome, parts: parting.Parting | None = None
) -> Iterator[Row | Columns]:
    """The examples as the preparer sees them; what else happens is noted in the outcome."""
    from core.commands.preparing import paired, pairs
    from core.dataset.fixrows import Columns
    from core.dataset.readers import Reject

    columns = None if parts else paired(recipe)
    for rows in pairs(source, columns, _progress(source)) if columns else _mapped(recipe, source, outcome, parts):
        if isinstance(rows, Reject):
            outcome.rejects.append(rows)
        else:
            outcome.examples += len(rows.ids) if isinstance(rows, Columns) else 1
            yield rows


def _mapped(recipe: Recipe, source: Source, outcome: Outcome, parts: parting.Parting | None) -> Iterator[Row | Reject]:
    """The examples that a recipe makes."""
    from core.dataset.fixrows import row_of
    from core.dataset.mapping import apply
    from core.dataset.readers import Reject, read

    for result in apply(recipe, read(source), _progress(source), source=source):
        if isinstance(result, Reject):
            yield result
            continue
        if result.label:
            outcome.labels[result.label] += 1
        yield row_of(parts.note(result) if parts else result.origin.row, result.raw, recipe.kind)


def _progress(source: Source) -> Any:
    """The rows read so far, on a terminal; nothing where nobody watches."""
    if not sys.stderr.isatty():
        return None
    return lambda rows: print(f"{rows:,} / {max(rows, source.rows_estimate):,}", end="\r", file=sys.stderr, flush=True)

"""`python -m core prepare` as a conversation: what was found, which of it to mend, the files, the next command."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from contextlib import closing
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from core.commands import advising
from core.dataset.examples import Kind
from core.dataset.fixrows import Columns, Row
from core.dataset.recipes import Recipe
from core.dataset.shapes import Shape
from core.dataset.vocabulary import Role
from core.errors import BadInput, Cancelled
from core.words import T, Text, _

if TYPE_CHECKING:
    from core.commands.parting import Parting
    from core.dataset.findings import Finding
    from core.dataset.readers import Reject, Source
    from core.dataset.spool import Piece, Spool
    from core.dataset.twins import Twins

SHOWN = 60  # characters of a text in a preview
_BUFFER = 1 << 18  # bytes
_ANSWER_EMPTY = T("The assistant's message is empty. Fill the cell, or leave the row out.")


def suggested(source: Source, wanted: str | None) -> Recipe:
    """The recipe to begin with, in the format that is asked for."""
    from core.dataset.guessing import guess, suggest

    recipe = suggest(source)
    if wanted is None or recipe.kind.value == wanted:
        return recipe
    if recipe.as_is and recipe.kind not in (Kind.CHAT, Kind.COMPLETION):
        raise BadInput(T("{file} holds {kind} examples.", file=source.name, kind=recipe.kind.value),
                       T("They cannot become another format."))  # fmt: skip
    return guess(source.columns, source.sample, Kind(wanted))


def paired(recipe: Recipe) -> tuple[str, str] | None:
    """The columns of prompts and completions, where the recipe asks for no more than these as they are."""
    if recipe != Recipe(Kind.COMPLETION, roles=recipe.roles, strip=False):
        return None
    if recipe.columns_for(Role.SYSTEM) or recipe.columns_for(Role.LABEL):
        return None
    asked, answered = recipe.columns_for(Role.USER), recipe.columns_for(Role.ASSISTANT)
    return (asked[0], answered[0]) if len(asked) == len(answered) == 1 else None


def pairs(
    source: Source, columns: tuple[str, str], progress: Callable[[int], None] | None
) -> Iterator[Columns | Reject]:
    """Prompts and completions straight from their columns; rows without a completion rejected."""
    from core.dataset.joined import filled
    from core.dataset.readers import Reject, excerpt, read_blocks

    count = 0
    places = [source.columns.index(name) for name in columns]
    for block in read_blocks(source):
        if isinstance(block, Reject):
            yield block
            continue
        count += len(block.numbers)
        if progress:
            progress(count)
        questions, answers = (block.columns[place] for place in places)
        chunk = Columns.plain(block.numbers, questions, answers)
        if not filled(answers):
            for row, cells in zip(chunk.rows(), zip(*block.columns, strict=True), strict=True):
                if not row.answer.strip():
                    yield Reject(row.id, columns[1], _ANSWER_EMPTY, excerpt(" | ".join(cells)), block.file)
            chunk = chunk.where(answer.strip() for answer in answers)
        yield chunk


def is_empty_answer(reject: Reject) -> bool:
    """Whether a row is left out because its completion is empty."""
    return reject.reason == _ANSWER_EMPTY


@dataclass(frozen=True)
class Written:
    """What came of it: the files (the given one where nothing had to be changed), and the advice as JSON values."""

    files: list[Path]
    rows: int
    advice: list[dict[str, Any]]


@dataclass
class Preparation:
    """One conversation. `quiet` answers every question with yes."""

    source: Source
    given: list[Path]  # the files as they were named; the source's own path may be that of an unpacked one
    recipe: Recipe
    rows: Spool | Twins
    found: list[Finding]
    folder: Path
    rejects: list[Reject]
    quiet: bool
    long: str = "remove"
    say: bool = True
    parting: Parting | None = None
    _advice: list[dict[str, Any]] = field(default_factory=list)

    def run(self, say: bool = True) -> Written | None:
        """Advise, ask, write; None where the person did not want the files. Raises BadInput at a stop."""
        self.say = say
        found = [finding.by(self.long) for finding in self.found]
        table = self._of_the_file()
        errors = 0
        if not table and not self.rejects and not any(finding.question for finding in found):
            table, errors = _of_the_lines(self.source.path, self.recipe.kind)
        self._tell("\n".join(f"- {sentence}" for sentence in (*(t[0] for t in table), *(f.sentence for f in found))))
        stop = next((finding for finding in found if finding.severity == "stop"), None)
        if stop:
            raise BadInput(stop.sentence, T("Nothing was written."))
        chosen = self._agree(table, found)
        split = (
            self.parting is None
            and any(f.code in ("classification", "reinforcement") for f in found)
            and self._ask(_("- [Recommended] Would you like to split into training and validation set? [Y/n]: "))
        )
        if not table and not chosen and not split and not self.rejects:
            if errors:
                told = _(
                    "{n} {n:error stands|errors stand} in the way of a training; the check names {n:it|each of them}.",
                    n=f"{errors:,}",
                )
            else:
                told = _("You can use your file for training as it is.")
            self._tell("\n" + told)
            self._next(self.given[:1], None, trainable=not errors)
            return Written(self.given[:1], found[0].count, self._advice)
        if not self._ask("\n" + _("Your data will be written to a new JSONL file. Proceed [Y/n]: ")):
            self._tell(_("Nothing was written."))
            return None
        return self._write(chosen, split)

    def _agree(self, table: list[tuple[Text, Text]], found: list[Finding]) -> list[Finding]:
        """The fixes that are to be made."""
        fixable = [finding for finding in found if finding.question]
        if table or fixable:
            self._tell("\n" + _("Based on the analysis we will perform the following actions:"))
        else:
            self._tell("\n" + _("Nothing needs to be mended."))
        for _sentence, action in table:
            self._tell(_("- [Necessary] {action}", action=action))
        chosen = []
        for finding in found:
            agreed = bool(finding.question) and self._accepts(finding)
            self._advice.append(advising.as_dict(finding, agreed))
            if agreed:
                chosen.append(finding)
        return chosen

    def _accepts(self, finding: Finding) -> bool:
        if finding.severity == "required":
            self._tell(_("- [Necessary] {action}", action=finding.question))
            return True
        if not self.quiet:
            for shown in finding.preview[:1]:
                after = " / ".join(map(_brief, shown.after)) or _("removed")
                self._tell(f"    {_brief(shown.before)}\n  → {after}")
        return self._ask(_("- [Recommended] {action} [Y/n]: ", action=finding.question))

    def _of_the_file(self) -> list[tuple[Text, Text]]:
        """What is found of the file itself, and what is done about it in any case."""
        name, columns = self.source.format.value.upper(), self.source.columns
        found = []
        if self.source.parts:
            number = len(self.source.parts)
            if self.source.sheet:
                said = T("Your rows stand in {n} sheets.", n=number), T("Bring {n} sheets together in one", n=number)
            else:
                said = T("Your rows stand in {n} files.", n=number), T("Bring {n} files together in one", n=number)
            found.append(said)
        elif self.source.path != self.given[0]:
            found.append((T("Your file is packed."), T("Unpack the file")))
        if self.recipe.shape and self.recipe.shape is not Shape.TABLE:
            name = self.recipe.shape.value
        if name != "JSONL" or not self.recipe.as_is:
            found.append((T("Your file is formatted as a {name} file.", name=name),
                          T("Your format `{name}` will be converted to `JSONL`", name=name)))  # fmt: skip
        elif self.source.encoding.lower() not in _UTF8:
            found.append((T("Your file is written in {encoding}.", encoding=self.source.encoding),
                          T("Write the file in UTF-8")))  # fmt: skip
        if self.recipe.kind is Kind.COMPLETION and not self.recipe.as_is:
            used = {self.recipe.columns_for(role)[:1]: name for role, name in _COLUMNS.items()}
            for column, wanted in ((c, name) for (c, *_more), name in used.items()):
                if column != wanted and column.lower() == wanted:
                    found.append((T("The `{name}` column/key should be lowercase.", name=wanted),
                                  T("Lower case column name to `{name}`", name=wanted)))  # fmt: skip
            extra = [column for column in columns if self.recipe.roles.get(column) is Role.IGNORE]
            if extra:
                found.append((T("Besides prompt and completion there are: {names}.", names=", ".join(extra)),
                              T("Remove additional columns/keys: {names}", names=", ".join(extra))))  # fmt: skip
        empty = sum(map(is_empty_answer, self.rejects))
        if empty:
            action = T("Remove {n} {n:row|rows} with empty completions", n=empty)
            if self.recipe.kind is not Kind.COMPLETION:
                action = T("Remove {n} {n:row|rows} with empty answers", n=empty)
            told = T("{n} {n:row has|rows have} no answer, so there is nothing to learn from {n:it|them}.", n=empty)
            found.append((told, action))
        if other := len(self.rejects) - empty:
            found.append((T("{n} {n:row|rows} cannot be read;"
                            " {n:it is listed with its reason|they are listed with their reasons}.", n=other),
                          T("Leave out {n} {n:row|rows} that cannot be read", n=other)))  # fmt: skip
        return found

    def _write(self, chosen: list[Finding], split: bool) -> Written:
        from core.dataset.dealing import Lines
        from core.dataset.replacing import replacing

        files = names(self.folder, self.given[0].stem, split)
        ends, rows = Ends(), 0
        with replacing(files[0]) as part, closing(Lines()) as lines, part.open("wb", buffering=_BUFFER) as file:
            for piece in self.rows.pieces(chosen, self.recipe.kind):
                ends.add(piece)
                rows += len(piece.ids)
                if self.parting:
                    self.parting.ids += piece.ids
                (lines.add if split else file.write)(piece.lines)
            if not rows:
                raise BadInput(T("No row is left."), T("Take fewer fixes."))
            if split:
                lines.deal(part, files[1], self.rows.drawn)
        listed = ", ".join(f"`{path}`" for path in files)
        self._tell("\n" + _("{number} {number:example|examples} written to {file}", number=f"{rows:,}", file=listed))
        self._next(files, ends)
        return Written(files, rows, self._advice)

    def _next(self, files: list[Path], ends: Ends | None, *, trainable: bool = True) -> None:
        held_out = f' --validation "{files[1]}"' if len(files) > 1 else ""
        self._tell("\n" + _("Next: {command}", command=f'python -m core check "{files[0]}"'))
        if trainable:
            grader = " --grader GRADER.json" if self.recipe.kind is Kind.REINFORCEMENT else ""
            self._tell(f'> python -m core jobs create "{files[0]}"{held_out}{grader} --model local-classic-1')
        if ends is None or self.recipe.kind is not Kind.COMPLETION:
            return
        if ends.asked:
            sentence = _("When you ask the trained model, end the prompt with `{text}`: there it begins to write.",
                         text=_shown(ends.asked))  # fmt: skip
            self._tell(sentence)
        if ends.answered and not ends.answered[-1].isalnum():
            self._tell(_('Give stop=["{text}"], so that it stops at the expected place.', text=_shown(ends.answered)))

    def _ask(self, question: str) -> bool:
        if self.quiet:
            self._tell(f"{question}Y")
            return True
        print(question, end="", flush=True)
        answer = sys.stdin.readline()
        if not answer:
            raise Cancelled(T("Nothing was written."))
        return answer.strip().lower() not in ("n", "no")

    def _tell(self, sentence: str) -> None:
        if self.say:
            print(sentence)


_COLUMNS = {Role.USER: "prompt", Role.ASSISTANT: "completion"}
_UTF8 = ("utf-8", "utf-8-sig", "ascii")


def _of_the_lines(path: Path, kind: Kind) -> tuple[list[tuple[Text, Text]], int]:
    """What a file that seems to need nothing holds all the same: what a copy is made without, and errors."""
    from core.checks import check_file

    report = check_file(path, encoding="", kind=kind, minimum=1, largest=None)
    found = []
    if blank := report.issues.get("blank_line", 0):
        found.append(
            (
                T("{n} {n:line is|lines are} blank; some providers refuse that.", n=blank),
                T("Remove {n} blank {n:line|lines}", n=blank),
            )
        )
    if report.issues.get("byte_order_mark"):
        found.append((T("Your file begins with a byte-order mark."), T("Leave the byte-order mark out")))
    return found, report.errors


class Ends:
    """The common ends of the rows that are written."""

    def __init__(self) -> None:
        self.asked: str | None = None
        self.answered: str | None = None

    def add(self, piece: Piece) -> None:
        from core.dataset.profile import common_end

        self.asked = common_end([piece.asked], self.asked)
        self.answered = common_end([piece.answered], self.answered)


def names(folder: Path, stem: str, split: bool) -> list[Path]:
    """The files to write, named as the old preparer did; those of an earlier run stay."""
    parts = ("_train", "_valid") if split else ("",)
    run = 0
    while True:
        again = f" ({run})" if run else ""
        wanted = [folder / f"{stem}_prepared{part}{again}.jsonl" for part in parts]
        if not any(path.is_file() for path in wanted):
            return wanted
        run += 1


def _shown(text: str) -> str:
    return text.replace("\n", "\\n")


def _brief(row: Row) -> str:
    """A row on one line."""
    texts = (repr(text if len(text) <= SHOWN else text[: SHOWN // 2] + "…" + text[-SHOWN // 2 :]) for text in row[1:3])
    return " → ".join(texts)

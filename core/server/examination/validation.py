"""What happens while a job says validating_files: its files are checked, and its engine makes a plan."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from core.checks import MIN_EXAMPLES, Severity, check_file
from core.checks.graders import check_fields
from core.checks.lines import read_line
from core.dataset.examples import Kind
from core.errors import AppError
from core.graders import fields_of
from core.server.engines.base import JobSpec
from core.server.home import link
from core.words import T, Text

KINDS = {
    "supervised": (Kind.CHAT, Kind.COMPLETION),
    "dpo": (Kind.PREFERENCE,),
    "reinforcement": (Kind.REINFORCEMENT,),
}
SHOWN = 5  # findings that an error names; it counts the rest


class Unfit(Exception):
    """A job that cannot be trained: the code, the sentence and the parameter of its error; `made` is what a sentence
    that is no Text any more was made from."""

    def __init__(self, code: str, message: Text | str, param: str, made: dict[str, Any] | None = None) -> None:
        super().__init__(code, message, param)
        self.code = code
        self.message = message
        self.param = param
        self.made = message.as_json() if isinstance(message, Text) else made or {}


def keep_inputs(spec: JobSpec, training: Path, validation: Path | None) -> None:
    """Gives the job its own links to its files, so that deleting a file does not stop a job."""
    _link(training, spec.training_path, "training")
    if validation is not None and spec.validation_path is not None:
        _link(validation, spec.validation_path, "validation")


def _link(source: Path, target: Path, role: str) -> None:
    try:
        link(source, target)
    except FileNotFoundError:
        message = T("The {role} file was deleted before the job could read it.", role=role)
        raise Unfit(f"invalid_{role}_file", message, f"{role}_file") from None


def check_inputs(spec: JobSpec, names: tuple[str, str]) -> None:
    """Checks the files, `names` being their ids, as a person could have done before. Raises Unfit with the lines at
    fault."""
    fields = fields_of(spec.grader)
    _check(spec.training_path, names[0], "training", spec.method, MIN_EXAMPLES)
    _check_fields(spec.training_path, names[0], "training", fields)
    if spec.validation_path is not None:
        _check(spec.validation_path, names[1], "validation", spec.method, 1)
        _check_fields(spec.validation_path, names[1], "validation", fields)


def _check(path: Path, file_id: str, role: str, method: str, minimum: int) -> None:
    code, param = f"invalid_{role}_file", f"{role}_file"
    try:
        kind = Kind.REINFORCEMENT if method == "reinforcement" else None  # one without fields looks like a chat
        # Tokens are counted by the engine, in its own way; whatever is too long for a model is no error here. How large
        # a file may be was decided when it came in.
        report = check_file(path, encoding="", minimum=minimum, kind=kind, largest=None)
    except AppError as error:
        raise Unfit(code, str(error), param) from error
    errors = [issue for issue in report.details if issue.severity == Severity.ERROR]
    few = {"too_few_examples", "no_examples"}
    if errors and all(issue.code in few for issue in errors):
        message = T(
            "{role} file has {n} example(s), but must have at least {least} examples",
            role=role.capitalize(),
            n=report.examples,
            least=minimum,
        )
        raise Unfit("invalid_n_examples", message, param)
    if errors:
        found = [f"{issue.place}: {issue.sentence}" if issue.place else issue.sentence for issue in errors[:SHOWN]]
        raise _faulty(role, file_id, found, report.errors)
    if report.format not in KINDS[method]:
        message = T(
            "The {role} file holds examples in the {seen} format; the method {method} needs {wanted}.",
            role=role,
            seen=report.format,
            method=method,
            wanted=", ".join(KINDS[method]),
        )
        raise Unfit(code, message, param)


def _check_fields(path: Path, file_id: str, role: str, fields: set[str]) -> None:
    """Every field that the grader reads stands in every example. Raises Unfit."""
    found, count = list[str](), 0
    with path.open("rb") as file:
        for number, line in enumerate(file, 1) if fields else ():
            body = read_line(line)[0] or {}
            for issue in check_fields(body, fields) if body else ():
                count += 1
                if count <= SHOWN:
                    found.append(f"{issue.at(f'line {number}').place}: {issue.sentence}")
    if count:
        raise _faulty(role, file_id, found, count)


def _faulty(role: str, file_id: str, found: list[str], count: int) -> Unfit:
    """The error of a file with so many errors, of which the first ones are told."""
    head = T("The {role} file {id} has {n} error(s).", role=role, id=file_id, n=count)
    more = [str(T("{n} more.", n=count - len(found)))] if count > len(found) else []
    return Unfit(f"invalid_{role}_file", "\n".join([str(head), *found, *more]), f"{role}_file")

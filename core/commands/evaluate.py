"""python -m core evaluate: ask one or two models about the rows of a file, and score their answers."""

from __future__ import annotations

import argparse
import csv
import random
import sys
import time
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from core.commands import place
from core.commands.numbers import whole
from core.words import _

if TYPE_CHECKING:
    from core.dataset.examples import Body
    from core.evaluation import Answer, ModelRef, ModelScore
    from core.evaluation.asking import Messages
    from core.evaluation.calls import Offered
    from core.provider import Connection
    from core.settings import Settings

    Rows = list[tuple[str, str, Messages, Offered]]  # question, expected answer, what is sent, what may be called

NO_ANSWER = ("tools", "parallel_tool_calls", "response_format", "functions")  # fields that never hold an answer
SHOWN = 12  # fields that a sentence names


def add_parser(subparsers: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Register the command."""
    parser = subparsers.add_parser(
        "evaluate",
        help="ask models about the rows of a file and score the answers",
        description="Sends the messages before the last assistant message of each row, with temperature 0, and "
        "compares the answer with that message: in preference rows with the better answer, in reinforcement rows with "
        "the field that --expected names. Progress goes to stderr, the figures to stdout. Ends with 0 when every "
        "answer came, 1 when some did not, 2 when it could not be done.",
    )
    parser.add_argument("file", type=Path, metavar="FILE.jsonl", help="rows the models have not been trained on")
    parser.add_argument(
        "--model", action="append", required=True, metavar="M", help="a model to ask; give it twice to compare two"
    )
    place.add_arguments(parser)
    parser.add_argument(
        "--expected", default="", metavar="FIELD", help="the field of reinforcement rows that holds the right answer"
    )
    parser.add_argument("--limit", type=whole(), metavar="N", help="ask only N rows, drawn with --seed")
    parser.add_argument("--seed", type=int, default=0, metavar="N", help="seed of the draw (default: 0)")
    parser.add_argument("--max-tokens", type=whole(), default=512, metavar="N", help="longest answer (default: 512)")
    parser.add_argument(
        "--parallel", type=whole(1, 64), default=8, metavar="N", help="questions at a time (default: 8)"
    )
    parser.add_argument("--json", action="store_true", help="print one JSON object")
    parser.add_argument("--out", type=Path, metavar="CSV", help="write every question with its answers to a CSV file")
    parser.set_defaults(run=run)


def run(options: argparse.Namespace) -> int:
    """Ask, score, print; 1 where an answer failed to come."""
    import orjson

    from core.evaluation import ModelRef
    from core.evaluation.scoring import is_closed, pair, score

    rows = read_rows(options.file, options.expected)
    if options.out:
        options.out.open("ab").close()  # whether it can be written is better known before the answers are there
    closed = is_closed([row[1] for row in rows])
    if options.limit is not None and options.limit < len(rows):
        chosen = random.Random(options.seed).sample(range(len(rows)), options.limit)
        rows = [rows[i] for i in sorted(chosen)]
    refs = [ModelRef(options.connection, model) for model in options.model]
    answers = ask_all(options, refs, rows)
    expected = {number: row[1] for number, row in enumerate(rows)}
    by_model = [[answer for answer in answers if answer.model == at] for at in range(len(refs))]
    scored = [score(ref, expected, mine, closed=closed) for ref, mine in zip(refs, by_model, strict=True)]
    if options.out:
        write_csv(options.out, refs, rows, answers)
    if options.json:
        figures = [
            {**each.as_json(), "first_error": first_error(mine)} for each, mine in zip(scored, by_model, strict=True)
        ]
        print(orjson.dumps({"rows": len(rows), "models": figures}).decode())
    else:
        for each, mine in zip(scored, by_model, strict=True):
            show(each, first_error(mine))
        if len(refs) == 2:
            both = pair(refs[0], by_model[0], refs[1], by_model[1], None if closed else expected)
            print(f"{both.sentence}\n{both.verdict}")
    return 1 if any(each.errors for each in scored) else 0


def read_rows(path: Path, expected: str = "") -> Rows:
    """The rows of a training file; `expected` names the field of those that end with the question. Raises BadInput for
    a file or line that cannot be used."""
    from core.dataset.examples import as_chat, prompt_messages, user_text
    from core.evaluation import expected_of
    from core.evaluation.calls import offered_by

    bodies = [as_chat(body) for body in _bodies(path)]
    field = _field(path, bodies, expected)
    return [(user_text(body), expected_of(body, field), prompt_messages(body), offered_by(body)) for body in bodies]


def _field(path: Path, bodies: Sequence[Body], named: str) -> str:
    """The field that holds the right answer of reinforcement rows: the one that was named, or the only one there is.
    Raises BadInput where it cannot be told."""
    from core.dataset.examples import Kind, kind_of
    from core.errors import BadInput
    from core.words import T

    judged = [body for body in bodies if kind_of(body) is Kind.REINFORCEMENT]
    fields = list(
        dict.fromkeys(
            name
            for body in judged
            for name, value in body.items()
            if name not in NO_ANSWER and isinstance(value, str | int | float)
        )
    )
    if named and named not in fields:
        told = T("{file}: no row that ends with its question has a field “{field}” with an answer in it.",
                 file=path.name, field=named)  # fmt: skip
        raise BadInput(told, T("These are there: {fields}.", fields=", ".join(fields[:SHOWN]) or "–"))
    if judged and not named and len(fields) != 1:
        told = T("{file} holds reinforcement rows, which end with the question: there is no answer to compare with.",
                 file=path.name)  # fmt: skip
        hint = T("Say which field holds the right one: --expected FIELD. These are there: {fields}.",
                 fields=", ".join(fields[:SHOWN]) or "–")  # fmt: skip
        raise BadInput(told, hint)
    return named or "".join(fields)


def _bodies(path: Path) -> list[Body]:
    """What the lines of a file hold."""
    from core.dataset.examples import load
    from core.errors import BadInput
    from core.words import T

    rows: list[Body] = []
    number = 0
    try:
        with path.open(encoding="utf-8-sig") as lines:
            for line in lines:
                number += 1
                if line.strip():
                    rows.append(load(line))
    except OSError as error:
        raise BadInput(T("{file} cannot be read: {why}", file=path.name, why=error.strerror or "")) from None
    except UnicodeDecodeError:
        raise BadInput(T("{file} is not UTF-8 text.", file=path.name), T("Save it as UTF-8.")) from None
    except ValueError:
        raise BadInput(
            T("{file}, line {n}: this is no JSON object.", file=path.name, n=number),
            T("Check the file first: python -m core check {file}", file=path.name),
        ) from None
    if not rows:
        raise BadInput(T("{file} holds no rows.", file=path.name))
    return rows


def ask_all(options: argparse.Namespace, refs: Sequence[ModelRef], rows: Rows) -> list[Answer]:
    """Ask every model about every row, with progress on stderr."""
    from core.evaluation.asking import Ask, ask_many
    from core.evaluation.models import Models
    from core.evaluation.runs import Failures, kept
    from core.settings import Settings

    settings = Settings.from_env()
    connection = _connection(options, settings)
    models = Models(settings, lambda _id: connection, max_tokens=options.max_tokens)
    asks = (
        Ask(number, at, ref, messages, offered)
        for number, (_question, _expected, messages, offered) in enumerate(rows)
        for at, ref in enumerate(refs)
    )
    answers: list[Answer] = []
    failures, total, started = Failures(), len(rows) * len(refs), time.monotonic()
    try:
        for heard in ask_many(asks, models, parallel=options.parallel):
            answers += [kept(ask, said, rows[ask.number][1]) for ask, said in heard]
            left = (time.monotonic() - started) / len(answers) * (total - len(answers))
            line = _(
                "{done} of {total} {total:answer|answers}, about {s} s left",
                done=len(answers),
                total=total,
                s=round(left),
            )
            print(f"\r{line}   ", end="", file=sys.stderr, flush=True)
            failures.watch(heard)
    finally:
        print(file=sys.stderr)
        models.close()
    return sorted(answers, key=lambda answer: (answer.number, answer.model))


def _connection(options: argparse.Namespace, settings: Settings) -> Connection:
    """Who is asked. Raises AppError where its address or key cannot be: better now than once for every row."""
    from core.provider import LOCAL
    from core.provider.endpoint import resolve
    from core.store import Store

    found = place.given(options)
    if found is None and options.connection == LOCAL.id:
        return LOCAL
    connection = found or Store.open(settings).jobs.connection(options.connection)
    resolve(settings, connection)
    return connection


def first_error(answers: Sequence[Answer]) -> str | None:
    """Why the first answer that failed did not come."""
    return next((str(answer.error) for answer in answers if answer.error), None)


def show(score: ModelScore, error: str | None) -> None:
    """The figures of a model in a few lines."""
    lines = [_("{n} of {rows} {rows:row|rows} answered, {e} failed", n=score.answered, rows=score.rows, e=score.errors)]
    if error:
        lines.append(_("the first failure: {why}", why=error))
    if score.accuracy is None or score.interval is None:
        lines.append(_("no score: no row has both an expected answer and an answer"))
    else:
        low, high = (f"{bound:.1%}" for bound in score.interval)
        share = f"{score.accuracy:.1%}"
        lines.append(_("{n} right: {share} (95 %: {low} to {high})", n=score.right, share=share, low=low, high=high))
    if score.macro_f1 is not None:
        lines.append(_("macro F1 {f1} over {k} {k:label|labels}", f1=f"{score.macro_f1:.3f}", k=len(score.labels)))
    if score.similarity is not None:
        lines.append(_("similarity to the expected answers (chrF) {s}", s=f"{score.similarity:.3f}"))
    if score.seconds_median is not None and score.seconds_p95 is not None:
        half, most = f"{score.seconds_median:.2f}", f"{score.seconds_p95:.2f}"
        lines.append(_("an answer takes {half} s, 95 of 100 take less than {most} s", half=half, most=most))
    print(score.ref.name, *(f"  {line}" for line in lines), sep="\n")


def write_csv(path: Path, refs: Sequence[ModelRef], rows: Rows, answers: Sequence[Answer]) -> None:
    """Every question with what was expected and what was answered; text stays text in a spreadsheet."""
    from core.dataset.export import guarded

    found = {(answer.number, answer.model): answer for answer in answers}
    with path.open("w", encoding="utf-8-sig", newline="") as out:
        writer = csv.writer(out)
        writer.writerow(["question", "expected", *(name for ref in refs for name in (ref.name, f"{ref.name} right"))])
        for number, (question, expected, _messages, _offered) in enumerate(rows):
            cells = [question, expected]
            for at in range(len(refs)):
                answer = found.get((number, at))
                cells += [answer.text, {True: "yes", False: "no", None: ""}[answer.correct]] if answer else ["", ""]
            writer.writerow(map(guarded, cells))

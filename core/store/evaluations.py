"""Evaluations: a frozen list of questions, the models that are asked, and every answer as it came."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import asdict, dataclass, replace
from datetime import datetime
from typing import Any

from sqlalchemy import (
    Boolean,
    Column,
    ColumnElement,
    Float,
    ForeignKey,
    Integer,
    Row,
    String,
    Table,
    and_,
    delete,
    func,
    insert,
    or_,
    select,
    update,
)

from core.errors import AppError, NotFound
from core.store.database import Database, Json, Moment, bulk_insert, contains, inserted_id, metadata, now, plain_text
from core.store.texts import pack_error, unpack_error
from core.words import T

evaluation = Table(
    "evaluation",
    metadata,
    Column("id", Integer, primary_key=True, autoincrement=True),
    Column("name", plain_text(), nullable=False),
    Column("version_id", ForeignKey("version.id"), nullable=False, index=True),
    Column("split", String(16), nullable=False),
    Column("models", Json, nullable=False),
    Column("max_tokens", Integer, nullable=False),
    Column("parallel", Integer, nullable=False),
    Column("rows", Integer, nullable=False),
    Column("who", String(200), nullable=False),
    Column("created_at", Moment, nullable=False),
    Column("finished_at", Moment),
)
question = Table(
    "evaluation_question",
    metadata,
    Column("evaluation_id", ForeignKey("evaluation.id"), primary_key=True),
    Column("number", Integer, primary_key=True),
    Column("position", Integer, nullable=False),
    Column("example_id", Integer, nullable=False),
    Column("text", plain_text(), nullable=False),
    Column("expected", plain_text(), nullable=False),
)
answer = Table(
    "evaluation_answer",
    metadata,
    Column("evaluation_id", ForeignKey("evaluation.id"), primary_key=True),
    Column("number", Integer, primary_key=True),
    Column("model", Integer, primary_key=True),
    Column("text", plain_text(), nullable=False),
    Column("correct", Boolean),
    Column("error", Json),
    Column("seconds", Float, nullable=False),
)


@dataclass(frozen=True)
class ModelRef:
    """A model to ask: where, its name there, and what people call it."""

    connection_id: str
    model: str
    label: str = ""

    @property
    def name(self) -> str:
        """What to show: the label, else the model's name."""
        return self.label or self.model


@dataclass(frozen=True)
class Evaluation:
    """One run of models over a frozen list of `rows` questions. `finished_at` is set once every answer is in."""

    id: int
    name: str
    version_id: int
    split: str
    models: tuple[ModelRef, ...]
    max_tokens: int
    parallel: int
    rows: int
    who: str
    created_at: datetime
    finished_at: datetime | None


@dataclass(frozen=True)
class Question:
    """One row of an evaluation: `number` counts from 0, `position` is the row's place in the version."""

    number: int
    position: int
    example_id: int
    text: str
    expected: str


@dataclass(frozen=True)
class Answer:
    """What a model said, or the error that came instead; `correct` is None where nothing was expected or came."""

    number: int
    model: int
    text: str
    correct: bool | None
    error: AppError | None
    seconds: float


@dataclass(frozen=True)
class Compared:
    """One question with the answers of the models, by their place in the evaluation."""

    question: Question
    answers: dict[int, Answer]


@dataclass(frozen=True)
class ComparedPage:
    """One page of compared questions; `total` counts all that fit the filter."""

    rows: tuple[Compared, ...]
    total: int
    page: int
    pages: int


class Evaluations:
    """The tables of evaluations."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def create(self, draft: Evaluation, questions: Sequence[Question]) -> Evaluation:
        """Write down an evaluation and its questions in one transaction; `draft.id` is given here."""
        values = {**asdict(draft), "models": [asdict(ref) for ref in draft.models], "created_at": now()}
        del values["id"], values["finished_at"]
        with self._database.write() as connection:
            evaluation_id = inserted_id(connection.execute(insert(evaluation).values(**values)))
            bulk_insert(
                connection,
                question,
                ("evaluation_id", "number", "position", "example_id", "text", "expected"),
                [(evaluation_id, q.number, q.position, q.example_id, q.text, q.expected) for q in questions],
            )
        return replace(draft, id=evaluation_id, created_at=values["created_at"])

    def get(self, evaluation_id: int) -> Evaluation:
        """One evaluation. Raises NotFound."""
        with self._database.read() as connection:
            row = connection.execute(select(evaluation).where(evaluation.c.id == evaluation_id)).first()
        if row is None:
            raise NotFound(T("There is no evaluation {id}.", id=evaluation_id), T("Perhaps it was deleted."))
        return _evaluation(row)

    def all(self) -> list[Evaluation]:
        """Every evaluation, newest first."""
        with self._database.read() as connection:
            rows = connection.execute(select(evaluation).order_by(evaluation.c.id.desc())).all()
        return [_evaluation(row) for row in rows]

    def delete(self, evaluation_id: int) -> None:
        """Forget an evaluation with its questions and answers."""
        with self._database.write() as connection:
            for table in (answer, question):
                connection.execute(delete(table).where(table.c.evaluation_id == evaluation_id))
            connection.execute(delete(evaluation).where(evaluation.c.id == evaluation_id))

    def finish(self, evaluation_id: int) -> None:
        """Note that every answer is in."""
        with self._database.write() as connection:
            connection.execute(update(evaluation).where(evaluation.c.id == evaluation_id).values(finished_at=now()))

    def questions(self, evaluation_id: int) -> list[Question]:
        """The frozen list, in order."""
        wanted = select(question).where(question.c.evaluation_id == evaluation_id).order_by(question.c.number)
        with self._database.read() as connection:
            return [_question(row) for row in connection.execute(wanted)]

    def answered(self, evaluation_id: int) -> set[tuple[int, int]]:
        """The (number, model) pairs that hold an answer; failed ones are not among them."""
        wanted = select(answer.c.number, answer.c.model).where(
            answer.c.evaluation_id == evaluation_id, answer.c.error.is_(None)
        )
        with self._database.read() as connection:
            return {(row.number, row.model) for row in connection.execute(wanted)}

    def save(self, evaluation_id: int, answers: Iterable[Answer]) -> None:
        """Keep answers, in one transaction. An error gives way to a later outcome, an answer stays."""
        fresh = {(each.number, each.model): each for each in answers}
        numbers = {number for number, _model in fresh}
        wanted = select(answer.c.number, answer.c.model, answer.c.error.is_not(None).label("failed"))
        with self._database.write() as connection:
            here = wanted.where(answer.c.evaluation_id == evaluation_id, answer.c.number.in_(numbers))
            for number, model, failed in connection.execute(here).all():
                if not failed:
                    fresh.pop((number, model), None)
                elif (number, model) in fresh:
                    connection.execute(delete(answer).where(_is(evaluation_id, number, model)))
            rows = [
                {**vars(each), "error": pack_error(each.error), "evaluation_id": evaluation_id}
                for each in fresh.values()
            ]
            if rows:
                connection.execute(insert(answer), rows)

    def answers(self, evaluation_id: int) -> Iterator[Answer]:
        """Every answer and error so far, by question and model."""
        wanted = select(answer).where(answer.c.evaluation_id == evaluation_id).order_by(answer.c.number, answer.c.model)
        with self._database.read() as connection:
            rows = connection.execute(wanted).all()
        return (_answer(row) for row in rows)

    def compared(
        self, evaluation_id: int, *, only: str, text: str, first: int, second: int, page: int, size: int
    ) -> ComparedPage:
        """A page of questions with their answers; `only` and `text` as in core.evaluation.side_by_side."""
        a, b = answer.alias("a"), answer.alias("b")
        joined = question
        for side, model in ((a, first), (b, second)):
            on = and_(
                side.c.evaluation_id == question.c.evaluation_id,
                side.c.number == question.c.number,
                side.c.model == model,
            )
            joined = joined.outerjoin(side, on)  # type: ignore[assignment]
        with self._database.read() as connection:
            where = [question.c.evaluation_id == evaluation_id, *_only(only, a, b)]
            if text:
                fields = (question.c.text, question.c.expected, a.c.text, b.c.text)
                where.append(or_(*(contains(connection, column, text) for column in fields)))
            total = connection.execute(select(func.count()).select_from(joined).where(*where)).scalar_one()
            pages = max(1, -(-total // size))
            page = min(max(1, page), pages)
            wanted = select(question).select_from(joined).where(*where).order_by(question.c.number)
            rows = connection.execute(wanted.limit(size).offset((page - 1) * size)).all()
            numbers = [row.number for row in rows]
            found = connection.execute(
                select(answer).where(answer.c.evaluation_id == evaluation_id, answer.c.number.in_(numbers))
            ).all()
        answers: dict[int, dict[int, Answer]] = {number: {} for number in numbers}
        for row in found:
            answers[row.number][row.model] = _answer(row)
        compared = tuple(Compared(_question(row), answers[row.number]) for row in rows)
        return ComparedPage(compared, total, page, pages)


def _only(only: str, a: Any, b: Any) -> list[ColumnElement[bool]]:
    """The filter of a comparison: what the first model said (a) against the second (b)."""
    conditions: dict[str, list[ColumnElement[bool]]] = {
        "all": [],
        "different": [a.c.text != b.c.text, a.c.error.is_(None), b.c.error.is_(None)],
        "wrong": [b.c.correct.is_(False)],
        "fixed": [a.c.correct.is_(False), b.c.correct.is_(True)],
        "broken": [a.c.correct.is_(True), b.c.correct.is_(False)],
        "failed": [or_(a.c.error.is_not(None), b.c.error.is_not(None))],
    }
    return conditions[only]


def _is(evaluation_id: int, number: int, model: int) -> ColumnElement[bool]:
    return and_(answer.c.evaluation_id == evaluation_id, answer.c.number == number, answer.c.model == model)


def _evaluation(row: Row[Any]) -> Evaluation:
    models = tuple(ModelRef(**ref) for ref in row.models)
    return Evaluation(**{**row._mapping, "models": models})


def _question(row: Row[Any]) -> Question:
    return Question(row.number, row.position, row.example_id, row.text, row.expected)


def _answer(row: Row[Any]) -> Answer:
    return Answer(row.number, row.model, row.text, row.correct, unpack_error(row.error), row.seconds)

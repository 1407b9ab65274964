"""Runs: a frozen list of rows is asked of every model, and each answer is kept as it comes."""

from __future__ import annotations

import random
from collections.abc import Callable, Iterator
from dataclasses import dataclass

from core.dataset.examples import Body, Split, answer_text, as_chat, load, prompt_messages, user_text
from core.errors import BadInput, ProviderError
from core.evaluation.asking import Ask, Heard, Said, ask_many
from core.evaluation.calls import offered_by, readable
from core.evaluation.models import asker_for
from core.evaluation.scoring import is_right
from core.settings import Settings
from core.store import Store
from core.store.database import now
from core.store.evaluations import Answer, Evaluation, ModelRef, Question
from core.words import T, Text

Progress = Callable[[int, int, Text | None], None]

GIVE_UP = 20  # failures of one model in a row, none of its answers among them, after which it is not asked on


@dataclass(frozen=True)
class EvaluationDraft:
    """What a person wants to compare: which models on which rows. `limit` rows are drawn with `seed`; None is all.
    `expected` names the field of a row that holds the right answer where the row's messages end with the question."""

    name: str
    version_id: int
    models: tuple[ModelRef, ...]
    split: Split = Split.VALIDATION
    limit: int | None = None
    expected: str = ""
    seed: int = 0
    max_tokens: int = 512
    parallel: int = 8


def start(store: Store, settings: Settings, draft: EvaluationDraft, who: str) -> Evaluation:
    """Write an evaluation down with its frozen list of rows; the task "evaluate" then asks the models."""
    if not draft.models:
        raise BadInput(T("No model was chosen."), T("Choose at least one model to ask."))
    for ref in draft.models:
        store.jobs.connection(ref.connection_id)  # says so now if there is no such connection
    questions = _questions(store, draft)
    if not questions:
        raise BadInput(
            T("There are no rows to ask about in this part of the dataset."),
            T("Split the dataset first, or choose another part."),
        )
    evaluation = Evaluation(
        id=0,
        name=draft.name,
        version_id=draft.version_id,
        split=draft.split,
        models=tuple(draft.models),
        max_tokens=draft.max_tokens,
        parallel=max(1, draft.parallel),
        rows=len(questions),
        who=who or settings.user,
        created_at=now(),
        finished_at=None,
    )
    return store.evaluations.create(evaluation, questions)


def run(
    store: Store,
    settings: Settings,
    evaluation_id: int,
    progress: Progress = lambda done, total, message: None,
    cancelled: Callable[[], bool] = lambda: False,
) -> Evaluation:
    """Ask what is not answered yet; so running it again resumes it and retries what failed.

    Raises Cancelled when it is stopped, ProviderError when a model fails many times in a row; answers are kept.
    """
    evaluation = store.evaluations.get(evaluation_id)
    answered = store.evaluations.answered(evaluation_id)
    total = evaluation.rows * len(evaluation.models)
    heard_of = len(answered)
    progress(heard_of, total, None)
    asker = asker_for(store, settings, max_tokens=evaluation.max_tokens)
    expected = {question.number: question.expected for question in store.evaluations.questions(evaluation_id)}
    failures = Failures()
    asks = _asks(store, evaluation, answered)
    try:
        for heard in ask_many(asks, asker, parallel=evaluation.parallel, cancelled=cancelled):
            store.evaluations.save(evaluation_id, [kept(ask, said, expected[ask.number]) for ask, said in heard])
            heard_of += len(heard)
            progress(heard_of, total, None)
            failures.watch(heard)
    finally:
        asker.close()
    store.evaluations.finish(evaluation_id)
    return store.evaluations.get(evaluation_id)


class Failures:
    """Stops asking a model that fails again and again without one answer in between."""

    def __init__(self) -> None:
        self._in_a_row: dict[int, int] = {}

    def watch(self, heard: Heard) -> None:
        """Count these outcomes. Raises ProviderError where a model has failed too often in a row."""
        for ask, said in heard:
            self._in_a_row[ask.place] = self._in_a_row.get(ask.place, 0) + 1 if said.error else 0
            if said.error and self._in_a_row[ask.place] >= GIVE_UP:
                raise ProviderError(
                    T(
                        "{model} failed {n} times in a row: {why}",
                        model=ask.ref.name,
                        n=GIVE_UP,
                        why=said.error.message,
                    ),
                    said.error.hint or T("The answers so far are kept. Go on when this is mended."),
                )


def _questions(store: Store, draft: EvaluationDraft) -> list[Question]:
    rows = list(store.version_rows(draft.version_id, draft.split or None))
    if draft.limit is not None and draft.limit < len(rows):
        rows = [rows[i] for i in sorted(random.Random(draft.seed).sample(range(len(rows)), draft.limit))]
    bodies = (as_chat(load(row.raw)) for row in rows)
    return [
        Question(
            number, row.position, row.example_id, storable(user_text(body)), storable(expected_of(body, draft.expected))
        )
        for number, (row, body) in enumerate(zip(rows, bodies, strict=True))
    ]


def expected_of(body: Body, field: str) -> str:
    """The right answer to a row as a conversation: what its assistant says last, else the value of this field."""
    value = body.get(field, "") if field else ""
    return readable(answer_text(body)) or (str(value) if isinstance(value, str | int | float) else "")


def _asks(store: Store, evaluation: Evaluation, answered: set[tuple[int, int]]) -> Iterator[Ask]:
    numbers = {question.position: question.number for question in store.evaluations.questions(evaluation.id)}
    for row in store.version_rows(evaluation.version_id, Split(evaluation.split) or None):
        number = numbers.get(row.position)
        if number is None:
            continue
        body = as_chat(load(row.raw))
        messages, offered = prompt_messages(body), offered_by(body)
        for place, ref in enumerate(evaluation.models):
            if (number, place) not in answered:
                yield Ask(number, place, ref, messages, offered)


def kept(ask: Ask, said: Said, expected: str) -> Answer:
    """What was said, as it is stored and scored."""
    text = storable(said.text)
    correct = None if said.error else is_right(expected, text)
    return Answer(ask.number, ask.place, text, correct, said.error, said.seconds)


def storable(text: str) -> str:
    """The text without what a database cannot hold: NUL and lone halves of a character become replacement signs."""
    return text.replace("\0", "\ufffd").encode("utf-16", "surrogatepass").decode("utf-16", "replace")

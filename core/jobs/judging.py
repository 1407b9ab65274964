"""What a model of the local provider can be judged by in a reinforcement training, said before it is launched."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

from core.dataset.examples import Body, Kind, load
from core.errors import AppError, BadInput
from core.graders.compared import LONGEST_ANSWER, MOST_ANSWERS, answers_compared, are_choices, parts
from core.jobs.intent import kind_of_file
from core.jobs.values import JobDraft
from core.provider import Connection, connect
from core.settings import Settings
from core.words import T


def refusal(
    model: str, listed: Sequence[Mapping[str, Any]], grader: dict[str, Any], bodies: Iterable[Body]
) -> BadInput | None:
    """Why a model as the local provider lists it cannot be judged by this grader on these rows; None where it can."""
    cards = {str(card.get("id")): card for card in listed}
    card = cards.get(model, {})
    if any(part.get("type") == "score_model" for part in parts(grader)):
        return BadInput(
            T("A training on this computer cannot ask a model to judge its answers."),
            T("Let the answer be compared with a field of the row, or be judged by a grader of the type python."),
        )
    if card.get("engine") != "classic":
        return None  # an open model writes text of its own; a tuned one knows its answers
    answers = answers_compared(grader, bodies)
    if not answers:
        return BadInput(
            T("{model} writes nothing of its own: it chooses among answers that it knows, and this grader names none.",
              model=model),
            T("Compare its answer with a field of the row that holds the right one. For another grader, begin with a "
              "model that was trained on such answers before, or with an open model, which writes text of its own."),
        )  # fmt: skip
    if not are_choices(answers):
        return BadInput(
            T("{model} chooses among a few fixed answers, and what the grader compares with is free text.",
              model=model),
            T("Compare with a field of short labels that come again and again (2 to {most} different ones of at most "
              "{length} characters), or begin with an open model, which writes text of its own.",
              most=MOST_ANSWERS, length=LONGEST_ANSWER),
        )  # fmt: skip
    return None


def check_file_judge(settings: Settings, connection: Connection, draft: JobDraft, path: Path) -> None:
    """Refuse a grader that the model cannot be judged by on the rows of a file. Raises BadInput; what nobody can say
    before the launch is left to it."""
    if not connection.is_local or draft.grader is None or kind_of_file(path) is not Kind.REINFORCEMENT:
        return
    try:
        with connect(settings, connection, patience=2) as client:
            listed = client.models().value or []
    except AppError:
        return
    with path.open("rb") as lines:
        found = refusal(draft.model, listed, draft.grader, (load(line.decode()) for line in lines if line.strip()))
    if found is not None:
        raise found

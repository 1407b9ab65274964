"""What a worker says of its job in plain sentences: what it decided, and what came of it."""

from __future__ import annotations

from core.server.engines.base import JobSpec
from core.server.engines.classic.calibration import Calibration
from core.server.engines.classic.choices import Fields
from core.server.engines.classic.deciding import Decision
from core.words import T, Text


def told_mode(spec: JobSpec, decided: Decision) -> Text:
    """What is learnt from the file, and why."""
    rows, choices = len(decided.rows), decided.choices
    if choices is None:
        why = T(
            "The {rows} examples have {n} different answers, free text: the model will give the answer of the "
            "nearest example word for word, without a probability, or say that none is near. It writes nothing of its "
            "own. It goes through the file once.",
            rows=rows,
            n=len(set(decided.rows.answers)),
        )
    elif isinstance(choices, Fields):
        why = T(
            "The answers of the {rows} examples are JSON objects with the same {n} {n:field|fields}, each with "
            "few values "
            "({fields}): every field is learnt by itself, and an answer is put together from them.",
            rows=rows,
            n=len(choices.keys),
            fields=", ".join(f"{key}: {size}" for key, size in zip(choices.keys, choices.sizes, strict=True)),
        )
    elif spec.method == "dpo":
        why = T(
            "The {rows} examples each prefer one of {n} answers to another: the preferences are learnt exactly, "
            "from the probability of every answer.",
            rows=rows,
            n=choices.sizes[0],
        )
    elif spec.method == "reinforcement":
        why = T(
            "For each of the {rows} examples there are {n} answers to choose from; the grader says what each is worth.",
            rows=rows,
            n=choices.sizes[0],
        )
    else:
        why = T(
            "The {rows} examples have {n} different answers: they are learnt as classes to choose from.",
            rows=rows,
            n=len(set(decided.rows.answers)),
        )
    asked = spec.metadata.get("engine_mode")
    return T("{why} metadata.engine_mode asked for it.", why=why) if asked else why


def told_calibration(method: str, found: Calibration, commonest: float) -> Text:
    """How good the model is on rows that it did not learn from, and how far its probabilities can be believed."""
    if not found.rows:
        return T("There are too few examples with one right answer to check how sure the model may be of itself.")
    by = " / ".join(f"{temperature:.2f}" for temperature in found.temperatures)
    if method == "dpo":
        return T(
            "On {rows} {rows:example that was|examples that were} not learnt from, {right:.1%} of the "
            "likeliest answers are the preferred one. "
            "The probabilities are calibrated on it (temperature {by}); they are off by {error:.1%} on average.",
            rows=found.rows,
            right=found.accuracy,
            by=by,
            error=found.error,
        )
    if method == "reinforcement":
        return T(
            "On {rows} {rows:example that was|examples that were} not learnt from, {right:.1%} of the "
            "likeliest answers have the highest "
            "reward. The probabilities are calibrated on it (temperature {by}); they are off by {error:.1%} on "
            "average.",
            rows=found.rows,
            right=found.accuracy,
            by=by,
            error=found.error,
        )
    return T(
        "On {rows} {rows:example that was|examples that were} not learnt from, {right:.1%} of the answers are right; "
        "always giving the "
        "commonest answer would get {common:.1%}. The probabilities are calibrated (temperature {by}); "
        "they are off by {error:.1%} on average.",
        rows=found.rows,
        right=found.accuracy,
        common=commonest,
        by=by,
        error=found.error,
    )

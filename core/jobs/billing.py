"""What finished jobs were billed against what we counted, so that the next estimate is nearer to the truth."""

from __future__ import annotations

from collections.abc import Mapping
from itertools import islice
from typing import TYPE_CHECKING, Any

from core.dataset.examples import Split
from core.errors import AppError
from core.jobs.values import Job
from core.provider.status import Status
from core.tokens import Catalogue, Load, Price, Ratio, default_epochs

if TYPE_CHECKING:
    from core.checks.targets import Extras
    from core.store import Store

COUNTED = "billing"  # the preference that keeps what was counted for each job
MOST = 20_000  # rows that are counted of one job; of a larger one, these stand for the rest


def ratios(store: Store, catalogue: Catalogue) -> dict[tuple[str, str], Ratio]:
    """Billed per counted tokens of each (provider, model) of the catalogue that finished jobs tell of."""
    seen: dict[tuple[str, str], list[float]] = {}
    known: dict[str, Any] = store.preferences.get(COUNTED, {}) or {}
    kinds = {connection.id: str(connection.kind) for connection in store.jobs.connections()}
    fresh = dict(known)
    for job in store.jobs.list():
        price = catalogue.price(job.model, kinds.get(job.connection_id, "")) if _tells(job) else None
        if price is None:
            continue
        how = {"encoding": price.encoding, "context": price.context}
        entry = fresh.get(str(job.id))
        if entry is None or {**entry, **how} != entry:  # counted never, or in another way
            entry = fresh[str(job.id)] = {**how, "tokens": _counted(store, job, price)}
        if entry["tokens"]:
            seen.setdefault(price.name, []).append((job.trained_tokens or 0) / entry["tokens"])
    if fresh != known:
        store.preferences.set(COUNTED, fresh)
    return {name: ratio for name, values in seen.items() if (ratio := Ratio.of(values))}


def _tells(job: Job) -> bool:
    """Whether a job finished, said what it was billed, and was trained with rows that we still have."""
    return job.status == Status.SUCCEEDED and bool(job.trained_tokens) and job.version_id is not None


def _counted(store: Store, job: Job, price: Price) -> int:
    """Tokens that we count for a job, epochs included; 0 where its rows are gone or cannot be counted."""
    from core.checks import judge

    try:
        version = store.version(job.version_id or 0)
        split = train_split(version.by_split)
        raws = [row.raw for row in islice(store.version_rows(version.id, split), MOST)]
        tokens = [judged.tokens for judged in judge(raws, price.encoding)]
    except AppError:
        return 0
    rows = version.by_split.get(split, 0)
    once = sum(min(count, price.context or count) for count in tokens if count > 0)
    whole = once * rows // len(tokens) if tokens else 0
    return whole * _epochs(job, rows)


def _epochs(job: Job, rows: int) -> int:
    for source in (job.params.get("actual"), job.params):
        for name in ("n_epochs", "epochs"):
            value = source.get(name) if isinstance(source, dict) else None
            if isinstance(value, int) and not isinstance(value, bool) and value > 0:
                return value
    return default_epochs(rows)


def train_split(by_split: Mapping[str, int]) -> Split:
    """The rows that train: those of the train part, or all that belong to no part where there is none."""
    return Split.TRAIN if by_split.get(Split.TRAIN) else Split.NONE


def load_of(
    store: Store, dataset_id: int, by_split: Mapping[str, int], extras: Extras, epochs: int | None = None
) -> Load:
    """What training this dataset comes to. epochs None: as many as by default."""
    rows, answers = store.token_values(dataset_id, train_split(by_split))
    held = store.token_values(dataset_id, Split.VALIDATION)[0]
    tokens = [count for count in rows if count >= 0]
    return Load(
        tokens,
        epochs or default_epochs(len(rows)),
        answers=sum(count for count in answers if count > 0),
        validation=sum(count for count in held if count > 0),
        tools=bool(extras.tools),
        images=(extras.low, extras.high),
    )

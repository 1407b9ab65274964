"""The preparer's advice on a stored dataset: findings of its rows, and fixes as one batch that can be undone."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from typing import TYPE_CHECKING

from core.dataset.advice import advise
from core.dataset.edits import Added, Applied, Change, Edits, Removed
from core.dataset.examples import Draft, Example, Kind, answer_text
from core.dataset.findings import REPEATS, Finding, apply
from core.dataset.fixrows import Row, fields_of, line_of, row_of, rows_in
from core.dataset.lengths import in_tokens

if TYPE_CHECKING:
    from core.store import Dataset, Store


def advice(store: Store, dataset: Dataset, limit: int) -> list[Finding]:
    """What the preparer says of a dataset's rows; `limit` is in tokens, for chats. Rows go by their place, 1 first."""

    def rows() -> Iterator[Row]:
        examples = store.examples(dataset.id)
        return (row_of(place, example.raw, dataset.kind) for place, example in enumerate(examples, start=1))

    spared = {place for place, _id in _spared(store, dataset.id)}
    if dataset.kind is Kind.COMPLETION:
        return advise(rows, dataset.kind, spared=spared)
    measure = in_tokens(dataset.kind, dataset.encoding, limit)
    return advise(rows, dataset.kind, measure=measure, limit=limit, spared=spared)


def mend(store: Store, dataset_id: int, findings: Sequence[Finding], who: str) -> Applied:
    """Apply these fixes to the rows as they are now, as one batch."""
    kind, spared = store.dataset(dataset_id).kind, {number for _place, number in _spared(store, dataset_id)}
    ready = [finding.sparing(spared) if finding.code == REPEATS else finding for finding in findings]
    return store.apply(dataset_id, edits(store.examples(dataset_id), ready, kind), who)


def _spared(store: Store, dataset_id: int) -> list[tuple[int, int]]:
    """The places and ids of rows that somebody found fine though they stand there twice."""
    fine = {content for kind, content in store.asides.marks(dataset_id) if kind == "exact"}
    examples = enumerate(store.examples(dataset_id), start=1) if fine else ()
    return [(place, example.id) for place, example in examples if example.content_hash in fine]


def edits(examples: Iterable[Example], findings: Sequence[Finding], kind: Kind) -> Edits:
    """What these fixes change: rows with new texts, rows that go, and rows that come of one that is split."""
    touched: dict[int, Example] = {}

    def rows() -> Iterator[Row]:
        for example in examples:
            touched[example.id] = example
            yield row_of(example.id, example.raw, kind)

    after: dict[int, list[Row]] = defaultdict(list)
    for row in rows_in(apply(findings, rows())):
        if row.changed:
            after[row.id].append(row)
        else:
            del touched[row.id]
    changed, added, removed = [], [], []
    for number, example in touched.items():
        if number not in after:
            removed.append(Removed(number, example.revision))
            continue
        first, *others = after[number]
        if fields := _fields(example, first, kind):
            changed.append(Change(number, example.revision, fields))
        # The parts of a row stay in its split: what is held out must not come back among what is learnt.
        added += [Added(number, _draft(example, row, kind)) for row in others]
    return Edits(changed, added, removed, by_rule=True)


def _fields(example: Example, new: Row, kind: Kind) -> dict[str, str]:
    """The new texts of a row; its whole line where more than texts changes."""
    old = row_of(example.id, example.raw, kind)
    if kind is Kind.COMPLETION and (old.rest or old.changed):
        return {"raw": line_of(new, kind)}
    had = fields_of(old)
    return {name: value for name, value in fields_of(new).items() if value != had[name]}


def _draft(example: Example, row: Row, kind: Kind) -> Draft:
    label = example.label if row.answer == answer_text(example.body) else ""
    return Draft(line_of(row, kind), kind, label, example.split)

"""Counts over a dataset, answered from what is kept while rows change."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from sqlalchemy import case, func, select

from core.dataset.examples import Split
from core.store.asides import is_aside
from core.store.database import run
from core.store.part import Part
from core.store.schema import example
from core.store.tally import totals

_HELD_OUT = (str(Split.VALIDATION), str(Split.TEST))


@dataclass(frozen=True)
class Repeats:
    """Exact repeats in a dataset: how many rows repeat an earlier one, how many held-out rows also train, and the
    (id, position) of the first repeating rows."""

    extra: int
    leaked: int
    rows: tuple[tuple[int, int], ...]


class Aggregates(Part):
    """What the report page and the charts ask for."""

    def label_counts(self, dataset_id: int, split: str | None = None) -> dict[str, int]:
        """How many rows each label has, the most frequent first."""
        found = self._totals(dataset_id, "label", split)
        return {label: rows for label, _, rows in sorted(found, key=lambda one: (-one[2], one[0]))}

    def split_counts(self, dataset_id: int) -> dict[str, int]:
        """How many rows are in each split; "" is no split."""
        with self.database.read() as connection:
            return {split: rows for split, _, rows in totals(connection, dataset_id, "split")}

    def issue_counts(self, dataset_id: int) -> dict[str, int]:
        """How many rows have each issue, the most frequent first."""
        with self.database.read() as connection:
            found = totals(connection, dataset_id, "code")
        return {code: rows for code, _, rows in sorted(found, key=lambda one: (-one[2], one[0]))}

    def token_counts(self, dataset_id: int, split: str | None = None, *, answers: bool = False) -> dict[int, int]:
        """How many rows have how many tokens (in their assistant messages); -1 where they could not be counted."""
        found = self._totals(dataset_id, "answers" if answers else "tokens", split)
        return {tokens: rows for _, tokens, rows in found}

    def token_values(self, dataset_id: int, split: str | None = None) -> tuple[list[int], list[int]]:
        """The tokens of every row, and of its assistant messages, the fewest first; -1 where they are not known."""
        tokens, answers = (self.token_counts(dataset_id, split, answers=said) for said in (False, True))
        return _spread(tokens), _spread(answers)

    def _totals(self, dataset_id: int, facet: str, split: str | None) -> list[tuple[str, int, int]]:
        splits = [str(one) for one in Split] if split is None else [str(split)]
        with self.database.read() as connection:
            return totals(connection, dataset_id, *(f"{facet}:{one}" for one in splits))

    def row_labels(self, dataset_id: int) -> list[tuple[int, str]]:
        """The id and the label of every row, in their order: what a split needs to know."""
        wanted = select(example.c.id, example.c.label).where(example.c.dataset_id == dataset_id)
        with self.database.read() as connection:
            rows = connection.execute(wanted.order_by(example.c.position)).all()
        return [(int(row.id), str(row.label)) for row in rows]

    def first_issue_rows(self, dataset_id: int, code: str, limit: int = 20) -> list[tuple[int, int]]:
        """The first rows with an issue, in their order: (id, position)."""
        wanted = "SELECT example_id, position FROM example_issue WHERE dataset_id = ? AND code = ?"
        with self.database.read() as connection:
            rows = run(connection, f"{wanted} ORDER BY position LIMIT ?", (dataset_id, code, limit))
        return [(int(id), int(position)) for id, position in rows]

    def repeats(self, dataset_id: int, limit: int = 20) -> Repeats:
        """Rows whose content is exactly that of an earlier row, and held-out rows that also train.

        What was set aside does not count.
        """
        first = func.min(example.c.position).label("first")
        held_out = func.sum(case((example.c.split.in_(_HELD_OUT), 1), else_=0)).label("held_out")
        groups = (
            select(example.c.content_hash, func.count().label("rows"), first, held_out)
            .where(example.c.dataset_id == dataset_id)
            .group_by(example.c.content_hash)
            .having(func.count() > 1)
            .subquery()
        )
        repeated, leaks_on = (is_aside(dataset_id, kind, groups.c.content_hash, False) for kind in ("exact", "leak"))
        extra_rows = case((repeated, groups.c.rows - 1), else_=0)
        leaked = case((leaks_on & (groups.c.held_out < groups.c.rows), groups.c.held_out), else_=0)
        totals = select(func.sum(extra_rows), func.sum(leaked))
        later = (
            select(example.c.id, example.c.position)
            .join(groups, groups.c.content_hash == example.c.content_hash)
            .where(example.c.dataset_id == dataset_id, example.c.position > groups.c.first, repeated)
        )
        with self.database.read() as connection:
            extra, leaks = connection.execute(totals).one()
            rows = connection.execute(later.order_by(example.c.position).limit(limit)).all() if extra else []
        return Repeats(int(extra or 0), int(leaks or 0), tuple((row.id, row.position) for row in rows))


def _spread(counts: Mapping[int, int]) -> list[int]:
    return [value for value, rows in counts.items() for _ in range(rows)]

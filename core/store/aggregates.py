"""Counts over a dataset, each answered from an index."""

from __future__ import annotations

from dataclasses import dataclass

from sqlalchemy import case, func, select

from core.dataset.examples import Split
from core.store.part import Part
from core.store.schema import example, example_issue

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
        count = func.count().label("rows")
        wanted = select(example.c.label, count).where(example.c.dataset_id == dataset_id)
        if split is not None:
            wanted = wanted.where(example.c.split == str(split))
        with self.database.read() as connection:
            rows = connection.execute(wanted.group_by(example.c.label).order_by(count.desc(), example.c.label))
            return {label: int(number) for label, number in rows}

    def split_counts(self, dataset_id: int) -> dict[str, int]:
        """How many rows are in each split; "" is no split."""
        wanted = select(example.c.split, func.count()).where(example.c.dataset_id == dataset_id)
        with self.database.read() as connection:
            return {split: int(number) for split, number in connection.execute(wanted.group_by(example.c.split))}

    def issue_counts(self, dataset_id: int) -> dict[str, int]:
        """How many rows have each issue, the most frequent first."""
        count = func.count().label("rows")
        code = example_issue.c.code
        wanted = select(code, count).where(example_issue.c.dataset_id == dataset_id)
        with self.database.read() as connection:
            rows = connection.execute(wanted.group_by(code).order_by(count.desc(), code))
            return {found: int(number) for found, number in rows}

    def token_values(self, dataset_id: int, split: str | None = None) -> tuple[list[int], list[int]]:
        """The tokens of every row, and of its assistant messages; -1 where they could not be counted."""
        wanted = select(example.c.tokens, example.c.answer_tokens).where(example.c.dataset_id == dataset_id)
        if split is not None:
            wanted = wanted.where(example.c.split == str(split))
        with self.database.read() as connection:
            rows = connection.execute(wanted).all()
        return [row[0] for row in rows], [row[1] for row in rows]

    def row_labels(self, dataset_id: int) -> list[tuple[int, str]]:
        """The id and the label of every row, in their order: what a split needs to know."""
        wanted = select(example.c.id, example.c.label).where(example.c.dataset_id == dataset_id)
        with self.database.read() as connection:
            rows = connection.execute(wanted.order_by(example.c.position)).all()
        return [(int(row.id), str(row.label)) for row in rows]

    def first_issue_rows(self, dataset_id: int, code: str, limit: int = 20) -> list[tuple[int, int]]:
        """The first rows with an issue, in their order: (id, position)."""
        found = (example_issue.c.dataset_id == dataset_id, example_issue.c.code == code)
        wanted = select(example.c.id, example.c.position).join(example_issue).where(*found)
        with self.database.read() as connection:
            rows = connection.execute(wanted.order_by(example.c.position).limit(limit)).all()
        return [(row.id, row.position) for row in rows]

    def repeats(self, dataset_id: int, limit: int = 20) -> Repeats:
        """Rows whose content is exactly that of an earlier row, and held-out rows that also train."""
        first = func.min(example.c.position).label("first")
        held_out = func.sum(case((example.c.split.in_(_HELD_OUT), 1), else_=0)).label("held_out")
        groups = (
            select(example.c.content_hash, func.count().label("rows"), first, held_out)
            .where(example.c.dataset_id == dataset_id)
            .group_by(example.c.content_hash)
            .having(func.count() > 1)
            .subquery()
        )
        leaked = case((groups.c.held_out < groups.c.rows, groups.c.held_out), else_=0)
        totals = select(func.sum(groups.c.rows - 1), func.sum(leaked))
        later = (
            select(example.c.id, example.c.position)
            .join(groups, groups.c.content_hash == example.c.content_hash)
            .where(example.c.dataset_id == dataset_id, example.c.position > groups.c.first)
        )
        with self.database.read() as connection:
            extra, leaks = connection.execute(totals).one()
            rows = connection.execute(later.order_by(example.c.position).limit(limit)).all() if extra else []
        return Repeats(int(extra or 0), int(leaks or 0), tuple((row.id, row.position) for row in rows))

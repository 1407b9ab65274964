"""Counts over a dataset, each answered from an index."""

from __future__ import annotations

from sqlalchemy import func, select

from core.store.part import Part
from core.store.schema import example, example_issue


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

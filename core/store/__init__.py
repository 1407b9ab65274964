"""The store: the one place that knows a database is there.

`Store.open(settings)` gives datasets, rows, edits, counts and versions as its own methods, and jobs, evaluations,
tasks and preferences as attributes. A store is cheap to share between threads; several processes open the same
database at once.
"""

from __future__ import annotations

from functools import cached_property
from typing import TYPE_CHECKING

from sqlalchemy.exc import SQLAlchemyError

from core import sqlite
from core.errors import AppError
from core.settings import Settings
from core.store.aggregates import Aggregates
from core.store.asides import Asides
from core.store.contents import Contents
from core.store.database import Database
from core.store.datasets import Datasets
from core.store.doubts import LabelDoubts
from core.store.editing import Editing
from core.store.evaluations import Evaluations
from core.store.findings import Findings
from core.store.history import History
from core.store.migrations import migrate
from core.store.part import Judge
from core.store.preferences import Preferences
from core.store.rejects import Rejects
from core.store.relations import Relations
from core.store.rows import Rows
from core.store.splits import Splits
from core.store.tasks import Tasks
from core.store.values import EVERYTHING, Dataset, Filter, HistoryEntry, Page, Rejected, Step, Version, VersionRow
from core.store.versions import Versions
from core.words import T

if TYPE_CHECKING:
    from core.store.jobs import Jobs


class Store(Datasets, Rejects, Rows, Editing, History, Aggregates, Versions):
    """Everything that outlives a page."""

    def __init__(self, database: Database, judge: Judge | None = None) -> None:
        super().__init__(database, judge)
        self.preferences = Preferences(database)
        self.evaluations = Evaluations(database)
        self.tasks = Tasks(database)
        self.relations = Relations(database)
        self.findings = Findings(database)
        self.splits = Splits(database)
        self.doubts = LabelDoubts(database)
        self.asides = Asides(database)
        self.contents = Contents(database)

    @classmethod
    def open(cls, settings: Settings, judge: Judge | None = None) -> Store:
        """Open the database of these settings, made or brought up to date where needed. Raises AppError."""
        settings.folder()
        import core.store.jobs  # noqa: F401  (declares its tables; not above, because core.jobs imports the store)

        try:
            database = Database(settings.database_url)
            migrate(database)
        except (SQLAlchemyError, sqlite.module().Error) as error:
            reason = str(getattr(error, "orig", None) or error).strip().split("\n")[0]
            raise AppError(
                T("The database cannot be opened: {reason}.", reason=reason.rstrip(".")),
                T("Check LUOPAN_DATABASE_URL, or LUOPAN_HOME where that is not set."),
            ) from None  # the cause may name the address with its password
        return cls(database, judge)

    @cached_property
    def jobs(self) -> Jobs:
        """What was launched, and how it goes."""
        from core.store.jobs import Jobs

        return Jobs(self.database)

    def close(self) -> None:
        """Close the connections of this store."""
        self.database.close()


__all__ = [
    "EVERYTHING",
    "Dataset",
    "Filter",
    "HistoryEntry",
    "Judge",
    "Page",
    "Rejected",
    "Step",
    "Store",
    "Version",
    "VersionRow",
]

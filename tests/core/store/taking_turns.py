"""Two stores on one database, used in turn, for tests that try any order of things."""

from __future__ import annotations

import tempfile
from pathlib import Path

from hypothesis.stateful import RuleBasedStateMachine

from core.settings import Settings
from core.store import Store
from core.store.part import Judge


class TakingTurns(RuleBasedStateMachine):
    """Every mention of `store` is the other one."""

    def __init__(self, judge: Judge | None = None) -> None:
        super().__init__()
        self.home = tempfile.TemporaryDirectory()
        self.folder = Path(self.home.name)
        settings = Settings.from_env({"LUOPAN_HOME": self.home.name})
        self.stores = [Store.open(settings, judge), Store.open(settings, judge)]

    def teardown(self) -> None:
        for store in self.stores:
            store.close()
        self.home.cleanup()

    @property
    def store(self) -> Store:
        self.stores.reverse()
        return self.stores[0]

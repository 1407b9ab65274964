"""The app as a person meets it: every page through app.py on a real store, with real processes where they matter."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from pagedriver import ROOT, Open, Page, Workshop, forget

from core.dataset import importing, split
from core.dataset.examples import Split
from core.dataset.samples import sample
from core.settings import Settings
from core.store import Store


def environment(home: Path) -> dict[str, str]:
    return {"LUOPAN_HOME": str(home), "LUOPAN_AUTOSTART": "0", "LUOPAN_USER": "Ada"}


@pytest.fixture
def open_page(monkeypatch: pytest.MonkeyPatch, settings: Settings) -> Iterator[Open]:
    """Opens a page of an app that nobody has used yet."""
    for name, value in environment(settings.home).items():
        monkeypatch.setenv(name, value)
    forget()
    yield Page
    forget()


@pytest.fixture(scope="session")
def workshop(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Workshop]:
    """One app in full swing, shared by the tests that only look, or add to it."""
    home = tmp_path_factory.mktemp("workshop")
    variables = {**os.environ, **environment(home)}
    settings = Settings.from_env(variables)
    store = Store.open(settings)
    command = [sys.executable, "-m", "core"]
    processes = [
        subprocess.Popen([*command, *more], cwd=ROOT, env=variables, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL)
        for more in (["serve", "--port", "0", "--json"], ["worker"])
    ]
    try:
        source = sample("helpdesk_en")
        dataset = importing.import_file(store, source.path, source.recipe, "Helpdesk")
        labels = [(example.id, example.label) for example in store.examples(dataset.id)]
        store.assign_splits(dataset.id, split.assign(labels, validation=40), "Ada")
        assert store.split_counts(dataset.id)[Split.VALIDATION] == 40
        assert processes[0].stdout and processes[0].stdout.readline(), "the local provider did not start"
        yield Workshop(settings, store, store.dataset(dataset.id), processes)
    finally:
        for process in processes:
            process.terminate()
        for process in processes:
            process.wait(10)
        store.close()


@pytest.fixture
def open_workshop(monkeypatch: pytest.MonkeyPatch, workshop: Workshop) -> Iterator[Open]:
    """Opens a page of the workshop's app."""
    for name, value in environment(workshop.settings.home).items():
        monkeypatch.setenv(name, value)
    forget()
    yield Page
    forget()

"""A long import is prepared in a second process: the same rows, whatever becomes of that process."""

from __future__ import annotations

import gc
import json
import os
import pickle
import signal
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from store_samples import draft

from core.checks.judging import MANY, judge
from core.dataset.edits import content_of
from core.dataset.examples import Kind, Split
from core.dataset.importing import import_file
from core.errors import BadInput, Cancelled
from core.settings import Settings
from core.store import Filter, Store, loading
from core.store.part import said_texts, shown_texts
from core.store.tally import WIDE, Counted, all_keys, differences, keys

ROOT = Path(__file__).resolve().parents[3]
DRAFTS = [draft(f"问题 {n}" * (n % 4), f"answer {n % 7}", label=f"l{n % 3}") for n in range(1_000)]


@pytest.fixture
def store(settings: Settings) -> Iterator[Store]:
    opened = Store.open(settings)
    yield opened
    opened.close()


@pytest.fixture
def begun(monkeypatch: pytest.MonkeyPatch) -> list[subprocess.Popen[bytes]]:
    """The second processes of this test; they begin with the second batch."""
    monkeypatch.setattr(loading, "ALONE", 100)
    made: list[subprocess.Popen[bytes]] = []
    popen = subprocess.Popen

    def remember(*args: Any, **options: Any) -> subprocess.Popen[bytes]:
        made.append(popen(*args, **options))
        return made[-1]

    monkeypatch.setattr(loading.subprocess, "Popen", remember)
    return made


def filled(store: Store, batch: int, kill: list[subprocess.Popen[bytes]] | None = None) -> int:
    dataset = store.create_dataset("long", Kind.CHAT)
    with store.loader(dataset.id) as loader:
        for first in range(0, len(DRAFTS), batch):
            loader.add(DRAFTS[first : first + batch])
            if kill and first >= 400:
                kill.pop().kill()
    store.finish_import(dataset.id)
    return dataset.id


def contents(store: Store, dataset_id: int) -> list[tuple[Any, ...]]:
    rows = store.examples(dataset_id)
    return [(row.position, *content_of(row), row.tokens, row.issues, row.origin) for row in rows]


def test_the_rows_are_those_of_a_short_import(store: Store, begun: list[subprocess.Popen[bytes]]) -> None:
    beside, here = filled(store, 100), filled(store, 100, [*begun])
    assert len(begun) == 2 and begun[0].wait() is not None
    loading.ALONE = 10**9
    alone = filled(store, 1_000)
    assert contents(store, beside) == contents(store, here) == contents(store, alone)
    for dataset_id in (beside, here, alone):
        with store.database.read() as connection:
            assert differences(connection, dataset_id) == set()
        assert store.page(dataset_id, Filter(text="问题 999")).total == 1
        assert store.page(dataset_id, Filter(text="问答")).total == 0


def test_when_the_second_process_dies_the_import_goes_on(store: Store, begun: list[subprocess.Popen[bytes]]) -> None:
    dataset_id = filled(store, 100, begun)
    assert store.dataset(dataset_id).rows == len(DRAFTS) == len(contents(store, dataset_id))


def test_an_import_that_is_stopped_or_fails_leaves_no_rows_and_no_process(
    store: Store, begun: list[subprocess.Popen[bytes]], tmp_path: Path
) -> None:
    file = tmp_path / "long.jsonl"
    file.write_text("\n".join(one.raw for one in DRAFTS * 30) + "\n")
    with pytest.raises(Cancelled):
        import_file(store, file, cancelled=lambda: len(begun) > 0)
    dataset = store.create_dataset("ready", Kind.CHAT)
    with pytest.raises(BadInput), store.loader(dataset.id) as loader:
        loader.add(DRAFTS[:200])
        store.finish_import(dataset.id)
        for _ in range(4):
            loader.add(DRAFTS[:200])
    assert [process.poll() is not None for process in begun] == [True] * 2
    assert [made.name for made in store.datasets(importing=True)] == ["ready"]


def test_looking_for_cycles_is_rare_while_imports_go_on_and_then_as_before(store: Store) -> None:
    usual, one, other = gc.get_threshold(), *(store.create_dataset(name, Kind.CHAT) for name in "AB")
    with store.loader(one.id):
        with store.loader(other.id):
            pass
        assert gc.get_threshold()[0] == loading.SELDOM != usual[0]
    with pytest.raises(ZeroDivisionError), store.loader(one.id):
        raise ZeroDivisionError
    assert gc.get_threshold() == usual


IMPORTER = """
import sys, time
from core.dataset.examples import Draft, Kind
from core.settings import Settings
from core.store import Store, loading
loading.ALONE = 0
store = Store.open(Settings.from_env({"LUOPAN_HOME": sys.argv[1]}))
with store.loader(store.create_dataset("half", Kind.CHAT).id) as loader:
    loader.add([Draft('{"messages":[]}', Kind.CHAT)])
    print(loader._loader._beside._process.pid, flush=True)
    time.sleep(60)
"""


@pytest.mark.skipif(not Path("/proc").exists(), reason="looks at /proc")
def test_the_second_process_ends_when_the_first_is_killed(tmp_path: Path) -> None:
    importer = subprocess.Popen(
        [sys.executable, "-c", IMPORTER, str(tmp_path)], cwd=ROOT, stdout=subprocess.PIPE, text=True
    )
    assert importer.stdout
    beside = Path("/proc") / importer.stdout.readline().strip()
    assert beside.exists()
    os.kill(importer.pid, signal.SIGKILL)
    importer.wait()
    end = time.monotonic() + 20
    while beside.exists() and "zombie" not in (beside / "status").read_text() and time.monotonic() < end:
        time.sleep(0.05)
    assert not beside.exists() or "zombie" in (beside / "status").read_text()


ROLES = st.lists(st.sampled_from(["system", "user", "assistant"]), min_size=1, max_size=5)


@given(ROLES.flatmap(lambda roles: st.lists(st.tuples(st.sampled_from(roles), st.text(max_size=3)), min_size=1)))
def test_the_texts_of_a_plain_chat_are_those_of_its_line(said: list[tuple[str, str]]) -> None:
    raw = json.dumps({"messages": [{"role": role, "content": content} for role, content in said]})
    (judged, *_) = judge([raw] * MANY, "", Kind.CHAT)
    if judged.said is not None:
        assert said_texts(*judged.said) == shown_texts(raw)


@given(
    st.lists(
        st.builds(
            Counted,
            *(
                st.integers(0, 3 * WIDE),
                st.sampled_from("ab"),
                st.sampled_from(Split),
                st.sampled_from(["", "approved"]),
            ),
            *(st.integers(0, 3), st.integers(0, 3)),
            st.dictionaries(st.sampled_from("xyz"), st.sampled_from(["error", "advice"])),
        )
    )
)
def test_many_rows_are_counted_as_each_is_alone(rows: list[Counted]) -> None:
    assert all_keys(rows) == Counter(key for row in rows for key in keys(row))


def test_a_second_process_whose_first_is_killed_in_the_middle_of_a_batch_ends_without_a_word() -> None:
    half = pickle.dumps(["x" * 10_000])[:5_000]
    command = [sys.executable, "-c", "from core.store.loading import work; work()"]
    ended = subprocess.run(command, input=half, capture_output=True, check=False, timeout=30)
    assert (ended.returncode, ended.stdout, ended.stderr) == (0, b"", b"")

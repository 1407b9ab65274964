"""A writer that is killed at any moment: every edit it was told is saved is there, and no half of one."""

from __future__ import annotations

import random
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest
from store_samples import draft, make

from core.dataset.edits import Change, Edits
from core.settings import Settings
from core.store import Filter, Store
from core.store.tally import differences

ROOT = Path(__file__).resolve().parents[3]

WRITER = """
import sys
from core.dataset.edits import Added, Change, Edits
from core.dataset.examples import Draft, Kind
from core.settings import Settings
from core.store import Store

home, url, dataset_id, first = sys.argv[1], sys.argv[2], int(sys.argv[3]), int(sys.argv[4])
store = Store.open(Settings.from_env({"LUOPAN_HOME": home, "LUOPAN_DATABASE_URL": url}))
print("ready", flush=True)
revision, new = store.example(first).revision, Draft('{"messages":[{"role":"user","content":"new"}]}', Kind.CHAT)
for number in range(1_000_000):
    edits = Edits(changed=[Change(first, revision, {"user": f"text {revision}"})], added=[Added(first, new)])
    applied = store.apply(dataset_id, edits, "writer")
    revision = applied.revisions[first]
    print(revision, applied.added_ids[0], flush=True)
"""


def test_a_killed_writer_loses_nothing_it_was_told_is_saved(store: Store, store_settings: Settings) -> None:
    dataset = make(store, [draft("first", "long answer"), draft("second", "another")])
    first = next(store.examples(dataset.id)).id
    chance = random.Random(7)
    place = [str(store_settings.home), store_settings.database_url, str(dataset.id), str(first)]
    for _round in range(3):
        told = _write_and_kill(place, chance.uniform(0.0, 0.3))
        row, rows = store.example(first), store.dataset(dataset.id).rows
        assert told and row.revision - told[-1][0] in (0, 1)  # the last edit may be saved before it is told
        assert row.body["messages"][0]["content"] == f"text {row.revision - 1}"
        assert rows == len(list(store.examples(dataset.id))) == 2 + row.revision - 1
        assert {added for _, added in told} <= {example.id for example in store.examples(dataset.id)}
        assert len(store.history(dataset.id, limit=10**6)) == 2 * (row.revision - 1)


def _write_and_kill(place: list[str], seconds: float) -> list[tuple[int, int]]:
    """Let a process write for this long after its first edit, kill it, and give what it was told."""
    process = subprocess.Popen([sys.executable, "-c", WRITER, *place], cwd=ROOT, stdout=subprocess.PIPE, text=True)
    assert process.stdout and process.stdout.readline() == "ready\n"
    lines = [process.stdout.readline()]
    time.sleep(seconds)
    process.kill()
    lines += process.stdout.read().splitlines(keepends=True)
    process.wait()
    whole = [line.split() for line in lines if line.endswith("\n")]
    return [(int(revision), int(added)) for revision, added in whole]


TYPIST = """
import sys
from core.dataset.edits import Added, Change, Edits
from core.dataset.examples import Draft, Kind
from core.settings import Settings
from core.store import Store

home, url, dataset_id, me = sys.argv[1], sys.argv[2], int(sys.argv[3]), sys.argv[4]
store = Store.open(Settings.from_env({"LUOPAN_HOME": home, "LUOPAN_DATABASE_URL": url}))
rows = [row.id for row in store.examples(dataset_id)]
print("ready", flush=True)
sys.stdin.readline()
for number in range(200):
    row = rows[number % len(rows)]
    while True:
        current = store.example(row)
        said = current.body["messages"][0]["content"]
        fields = {"user": f"{said} {me}{number}", "split": ("train", "test")[number % 2]}
        edits = [Change(row, current.revision, fields)]
        added = [Added(row, Draft('{"messages":[{"role":"user","content":"%s%d"}]}' % (me, number), Kind.CHAT))]
        applied = store.apply(dataset_id, Edits(edits, added if number % 20 == 0 else []), me)
        if number % 20 == 0 and applied.conflicts:
            store.undo(dataset_id, me, applied.batch_id)  # the added row alone was saved: all of it once more
        if not applied.conflicts:
            break
"""


def test_two_processes_that_write_in_turn_lose_nothing_and_count_alike(store: Store, store_settings: Settings) -> None:
    dataset = make(store, [draft(f"question {n}", f"answer {n}", label=f"l{n % 2}") for n in range(5)])
    place = [str(store_settings.home), store_settings.database_url, str(dataset.id)]
    pipe = subprocess.PIPE
    people = [
        subprocess.Popen([sys.executable, "-c", TYPIST, *place, me], cwd=ROOT, stdin=pipe, stdout=pipe, text=True)
        for me in "ab"
    ]
    for process in people:
        assert process.stdout and process.stdout.readline() == "ready\n"
    for process in people:
        process.communicate("go\n")
        assert process.returncode == 0
    rows = list(store.examples(dataset.id))
    said = [row.body["messages"][0]["content"].split() for row in rows]
    for place_of, words in enumerate(words for words in said if words[0] == "question"):
        mine = {me: [word for word in words if word.startswith(me)] for me in "ab"}
        assert mine == {me: [f"{me}{n}" for n in range(200) if n % 5 == place_of] for me in "ab"}
    made = sorted(words[0] for words in said if words[0] != "question")
    assert made == sorted(f"{me}{n}" for me in "ab" for n in range(0, 200, 20))
    with store.database.read() as connection:
        assert differences(connection, dataset.id) == set()
    assert store.dataset(dataset.id).rows == len(rows) == 25
    counts, tokens = store.issue_counts(dataset.id), store.token_values(dataset.id)
    assert store.page(dataset.id, Filter(text="a199")).total == store.page(dataset.id, Filter(text="b198")).total == 1
    recounted = store.set_encoding(dataset.id, dataset.encoding)
    assert (store.issue_counts(dataset.id), store.token_values(dataset.id)) == (counts, tokens)
    steps = store.history(dataset.id, limit=10**6)
    assert recounted.revision == dataset.revision + len({step.batch_id for step in steps}) + 1
    assert len([step for step in steps if step.action == "change" and step.kind == "edit"]) == 400


@pytest.mark.parametrize("people", [4])
def test_people_who_write_at_once_all_get_their_turn(store: Store, store_settings: Settings, people: int) -> None:
    dataset = make(store, [draft(f"q{i}", f"answer {i}") for i in range(people)])
    rows = [row.id for row in store.examples(dataset.id)]
    failed: list[BaseException] = []

    def write(example_id: int) -> None:
        mine = Store.open(store_settings)
        try:
            for number in range(1, 11):
                edits = Edits([Change(example_id, number, {"user": f"{example_id}: {number}"})])
                assert mine.apply(dataset.id, edits, "x").saved == 1
                assert mine.page(dataset.id).total == people
        except BaseException as error:
            failed.append(error)
        finally:
            mine.close()

    threads = [threading.Thread(target=write, args=(id,)) for id in rows]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert failed == []
    assert [row.revision for row in store.examples(dataset.id)] == [11] * people
    assert store.dataset(dataset.id).revision == dataset.revision + 10 * people

"""Imports, pages, searches and edits of datasets from a thousand to a million rows, beside their limits.

    python benchmarks/store.py [--rows 1000 100000 1000000] [--rounds 25] [--url postgresql+psycopg://...]

Chats are made here as in the other benchmarks: Chinese titles to classify, English tickets, long answers; 1 % broken;
a million are 720 MB. They are imported as the app does it, everything checked and counted (o200k). Then each size has
its turn in every round, so that ratios are of one run; figures are medians. An edit is a new text for one row: read,
checked, counted, all totals and the history kept, committed and on the disk. Beside it stand three fdatasync-bounded
writes to the same disk: 8 KiB of a file overwritten in place and flushed; as many bytes as the edit's commit appends to
SQLite's log (24 to 52 KiB, most where the number of tokens changes), likewise; and a bare commit of as many pages to a
table of two columns, its log flushed, which is the least that a durable change of them takes here. The last line is one
JSON object.

Two cores, beside the work of several others, SQLite, milliseconds for 1,000 / 100,000 / 1,000,000 rows:

    any page by position    0.96 / 1.11 / 1.17     search, a common word                    2.1 / 6.7 / 6.9
    any page by tokens      1.02 / 2.04 / 1.57     search, a common Chinese word of two     2.4 / 9.9 / 10.2
    any page by label       0.89 / 1.14 / 1.17     search without a hit                     0.35 / 1.4 / 12
    any page of a label     0.87 / 0.93 / 1.15     the same, letters that all occur         0.60 / 12 / 152
    any page of an issue    0.90 / 1.19 / 1.15     all counts of the report                 0.44 / 0.93 / 1.00

An earlier run gave 4.03 / 3.88 / 3.86 for an edit, so that of a million rows is 0.96 of that of a thousand. Since then
an edit writes 6 pages instead of 9 (10 instead of 13 where the number of tokens changes) in three quarters of the work
(0.74 to 0.78 of the time, in pairs, where the disk is memory), and its log is flushed with fdatasync: SQLite's own
build knows only fsync, which on a slow disk waits twice, once for the times of the file. Beside eight busy processes,
among 20,000 rows: 10.1 ms beside a flush of 6.35, 1.6 such writes (6.5 beside 2.97, 2.2 of them, with fsync still).
On two quiet cores, where a flush takes 0.13 ms, an edit in a million rows takes 0.48 ms (0.60 in a thousand, which has
its turn first): 2.2 of a bare commit of as many pages (0.22), 3.8 of 8 KiB overwritten. Of 0.33 ms, among 20,000 rows,
0.14 is the flush of its own log, 0.07 SQLite's work and 0.12 Python's. Its first 150 after a start take 0.11 more, as
the log still grows. Where a flush takes 4 ms an edit is 1.0 to 1.4 of it.

A million examples (730 MB) were imported in 40 s on two quiet cores: 65 CPU seconds, about half in each of two
processes, and 447 MiB in both together; the first progress after 0.1 s.
"""

from __future__ import annotations

import argparse
import json
import os
import random
import resource
import statistics
import sys
import tempfile
import time
from collections import defaultdict
from collections.abc import Callable, Sequence
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from core import sqlite
from core.dataset.edits import Change, Edits
from core.dataset.importing import import_file
from core.settings import Settings
from core.store import Dataset, Filter, Store

CLASSES = list("科娱世车运文军旅游教农房社")
CHARACTERS = """
的一是在不了有和人这中大为上个国我以要他时来用们生到作地于出就分对成会可主发年动同工也能下过子说产种面而方后多定行学法所
民得经十三之进着等部度家电力里如水化高自二理起小物现实加量都两体制机当使点从业本去把性好应开它合还因由其些然前外天政四日
那社义事平形相全表间样与关各重新线内数正心反你明看原又么利比或但质气第向道命此变条只没结解问意建月公无系军很情者最立代想已
""".split()  # noqa: SIM905
WORDS = """
the order arrived late and my account shows a charge that did not make please cancel refund delivery card app password
invoice support parcel address update cannot login error payment subscription monthly plan device replace warranty
store receipt number email again yesterday tomorrow folder screen button window network cable router table engine price
garden winter summer music paper letter office manager school student history science animal water
""".split()  # noqa: SIM905
SEARCHES = {
    "search, a common word": ("garden", 50),
    "search, a common Chinese word of two": ("文本", 50),
    "search without a hit": ("xyzzy", 1000),
    "search without a hit, letters that all occur": ("wolf", 1000),
    "search without a hit, Chinese of two": ("魑魅", 1000),
    "search without a hit, known characters": ("的龘", 1000),
}
SMALL = 8192  # bytes
FRAME = 4_120  # bytes of SQLite's log for a page
BYTES, APART = 700, 800  # of a text in the bare table; rows from page to page, so that no two written rows share one
IMPORT_S, PAGE_MS, FLUSHES, GROWTH = 90, 5, 2.5, 1.5  # the limits of an import, a page and an edit


def line(rng: random.Random) -> str:
    """One example: 68 % titles, 20 % tickets, 12 % long answers."""
    kind, characters = rng.random(), "".join(CHARACTERS)
    if kind < 0.68:
        title = "".join(rng.choices(characters, k=rng.randint(8, 40)))
        task = f"对给定文本进行分类，类别包括：{'、'.join(CLASSES)}。\n\n给定文本：\n{title}\n"
        said = [("user", task), ("assistant", rng.choice(CLASSES))]
    elif kind < 0.88:
        ticket = " ".join(rng.choices(WORDS, k=30))
        said = [("system", "Name the topic of the ticket."), ("user", ticket), ("assistant", "billing")]
    else:
        question, answer = (" ".join(rng.choices(WORDS, k=k)) for k in (40, rng.randint(300, 700)))
        said = [("user", question), ("assistant", answer)]
    messages = [{"role": role, "content": content} for role, content in said]
    if rng.random() < 0.01:
        messages[-1]["role"] = "bot"
    return json.dumps({"messages": messages}, ensure_ascii=False)


def imported(store: Store, folder: Path, rows: int) -> tuple[Dataset, dict[str, float]]:
    """A dataset of so many rows, imported from a file, and what that cost."""
    rng, file, told = random.Random(0), folder / f"{rows}.jsonl", []
    with file.open("w", encoding="utf-8") as out:
        out.writelines(f"{line(rng)}\n" for _ in range(rows))
    before, began = cpu(), time.perf_counter()
    dataset = import_file(store, file, progress=lambda _done, _of: told.append(time.perf_counter() - began))
    cost = {"wall_s": time.perf_counter() - began, "cpu_s": cpu() - before, "first_progress_s": told[0]}
    cost |= {"last_progress_s": told[-1], "peak_mib": memory()}
    file.unlink()
    return dataset, {name: round(value, 2) for name, value in cost.items()}


def cpu() -> float:
    """CPU seconds of this process and of those that it began and that ended."""
    both = [resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)]
    return sum(one.ru_utime + one.ru_stime for one in both)


def memory() -> float:
    """MiB that this process and the largest of those that it began have held at most, together."""
    return sum(resource.getrusage(who).ru_maxrss for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)) / 1024


def milliseconds(work: Callable[[], object]) -> float:
    began = time.perf_counter()
    work()
    return (time.perf_counter() - began) * 1000


class Flush:
    """Some bytes of a file overwritten in place, until they are on the disk (fdatasync)."""

    def __init__(self, folder: Path, size: int) -> None:
        self._file = os.open(folder / f"flush of {size}", os.O_RDWR | os.O_CREAT)
        self._bytes = os.urandom(size)
        self()

    def __call__(self) -> None:
        os.pwrite(self._file, self._bytes, 0)
        os.fdatasync(self._file)


class Commit:
    """A bare commit to a SQLite database on the same disk, log flushed: a row rewritten on each of so many pages."""

    def __init__(self, folder: Path, pages: int) -> None:
        self._database = sqlite.module().connect(str(folder / "bare.db"), isolation_level=None)
        self._database.execute("PRAGMA journal_mode = WAL")
        self._database.execute("PRAGMA synchronous = NORMAL")
        self._database.execute("CREATE TABLE rows (id INTEGER PRIMARY KEY, text TEXT)")
        texts = [(n, "x" * BYTES) for n in range(pages * APART)]
        self._database.executemany("INSERT INTO rows VALUES (?, ?)", texts)
        self._log = os.open(folder / "bare.db-wal", os.O_RDWR)
        self._pages, self._times = pages, 0

    def __call__(self) -> None:
        self._times += 1
        self._database.execute("BEGIN IMMEDIATE")
        for page in range(self._pages):
            row = (f"{self._times:07}" * (BYTES // 7), page * APART)
            self._database.execute("UPDATE rows SET text = ? WHERE id = ?", row)
        self._database.execute("COMMIT")
        os.fdatasync(self._log)


def actions(store: Store, dataset: Dataset, rng: random.Random) -> dict[str, Callable[[], object]]:
    """What is timed for one dataset: any page, as the grid asks for it; searches begun anew; one edit."""
    first = store.page(dataset.id)
    label = max(store.label_counts(dataset.id))
    code = next(iter(store.issue_counts(dataset.id)))
    row = store.page(dataset.id, page=max(1, first.pages // 2)).examples[0].id
    revision = [store.example(row).revision]

    def page(filter: Filter, sort: str) -> Callable[[], object]:
        pages = store.page(dataset.id, filter).pages
        wants = {"sort": sort, "descending": rng.random() < 0.5}
        return lambda: store.page(dataset.id, filter, page=rng.randint(1, pages), **wants)  # type: ignore[arg-type]

    def search(text: str) -> Callable[[], object]:
        def begin() -> None:
            store._searches.clear()
            store.page(dataset.id, Filter(text=text))

        return begin

    def edit() -> None:
        change = Change(row, revision[0], {"user": f"新建 order {rng.random()}"})
        revision[0] = store.apply(dataset.id, Edits([change]), "me").revisions[row]

    def counts() -> None:
        store.label_counts(dataset.id), store.split_counts(dataset.id), store.issue_counts(dataset.id)
        store.token_counts(dataset.id), store.token_counts(dataset.id, answers=True)

    pages = {f"any page by {sort}": page(Filter(), sort) for sort in ("position", "tokens", "label", "split")}
    pages["any page of a label"] = page(Filter(label=label), "position")
    pages["any page of an issue"] = page(Filter(issue=code), "position")
    return {**pages, **{name: search(text) for name, (text, _) in SEARCHES.items()}, "counts": counts, "edit": edit}


def committed(store: Store, folder: Path, edit: Callable[[], object]) -> int:
    """How many bytes an edit appends to SQLite's log, in the median; 8 KiB where another database keeps the rows."""
    logs = list(folder.glob("*-wal"))
    if not logs:
        return SMALL
    sizes = []
    for _ in range(25):
        with store.database._writing.connect() as connection:
            connection.exec_driver_sql("PRAGMA wal_checkpoint(TRUNCATE)")
        edit()
        sizes.append(logs[0].stat().st_size)
    return int(statistics.median(sizes))


def limit(name: str, rows: int) -> float | None:
    """Milliseconds that an action may take at most."""
    return PAGE_MS if name.startswith("any page") else SEARCHES[name][1] if name in SEARCHES else None


def show(name: str, sizes: Sequence[int], values: Sequence[float], most: float | None) -> None:
    """One line: the figures of each size, the ratio of the last to the first, and the limit."""
    shown = "".join(f"{value:10.2f}" for value in values)
    said = "" if most is None else f"   at most {most:g} ms: {'yes' if values[-1] <= most else 'NO'}"
    print(f"{name:46}{shown} ms   x {values[-1] / values[0]:.2f}{said}", flush=True)


def main(arguments: Sequence[str] | None = None) -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rows", type=int, nargs="+", default=[1_000, 100_000, 1_000_000])
    parser.add_argument("--rounds", type=int, default=25)
    parser.add_argument("--url", default="", help="an empty database; SQLite in a temporary folder when left out")
    options = parser.parse_args(arguments)
    with tempfile.TemporaryDirectory() as place:
        folder, rng = Path(place), random.Random(1)
        store = Store.open(Settings.from_env({"LUOPAN_HOME": place, "LUOPAN_DATABASE_URL": options.url}))
        figures: dict[str, object] = {"rows": options.rows}
        datasets = []
        for rows in options.rows:
            dataset, cost = imported(store, folder, rows)
            datasets.append(dataset)
            figures[f"import of {rows}"] = cost
            said = f"   at most {IMPORT_S} s: {'yes' if cost['wall_s'] <= IMPORT_S else 'NO'}" if rows == 10**6 else ""
            print(f"import of {rows:,}: {cost}{said}", flush=True)
        sides = [actions(store, dataset, rng) for dataset in datasets]
        size = committed(store, folder, sides[-1]["edit"])
        flushes: dict[str, Callable[[], None]] = {
            "flush": Flush(folder, SMALL),
            "flush of a commit": Flush(folder, size),
            "bare commit": Commit(folder, max(1, size // FRAME)),
        }
        times = defaultdict[str, list[list[float]]](list)
        for action in sides[0]:
            rounds = options.rounds * 8 if action == "edit" else options.rounds
            for _ in range(rounds):
                times[action].append([milliseconds(side[action]) for side in sides])
                if action == "edit":
                    for name, flush in flushes.items():
                        times[name].append([milliseconds(flush)])
        medians = {
            action: [statistics.median(one) for one in zip(*turns, strict=True)] for action, turns in times.items()
        }
        for action in sides[0]:
            show(action, options.rows, medians[action], limit(action, options.rows[-1]))
        flushed, edits, bare = medians["flush"][0], medians["edit"], medians["bare commit"][0]
        print(f"{'8 KiB overwritten and flushed':46}{flushed:10.2f} ms")
        print(f"{f'{size >> 10} KiB, as a commit appends, likewise':46}{medians['flush of a commit'][0]:10.2f} ms")
        print(f"{f'a bare commit of {size // FRAME} pages, its log flushed':46}{bare:10.2f} ms")
        print(f"an edit is {edits[-1] / flushed:.2f} times the 8 KiB, {edits[-1] / bare:.2f} of such a commit ", end="")
        print(f"(at most {FLUSHES}), and ", end="")
        print(f"{edits[-1] / edits[0]:.2f} of the same among {options.rows[0]:,} rows (at most {GROWTH})")
        rounded = {action: [round(value, 3) for value in values] for action, values in medians.items()}
        print(json.dumps({**figures, **rounded}, ensure_ascii=False))
        store.close()


if __name__ == "__main__":
    main()

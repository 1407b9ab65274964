"""Rows on their way in: judged, read and counted in a process beside, while this one reads on and writes.

`prepare` does everything to a batch of drafts that needs no database. A small import does it here; a long one hands
it to a second process from its third batch on, two batches ahead at most, so that memory stays bounded. Where that
process cannot be had, or dies, the work is done here. It ends by itself when this process does.
"""

from __future__ import annotations

import gc
import pickle
import subprocess
import sys
from collections import Counter, deque
from collections.abc import Callable, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from threading import Lock
from types import TracebackType
from typing import IO, Any

from core.dataset.edits import clean
from core.dataset.examples import Draft, Kind, content_hash
from core.store import words
from core.store.part import (
    Judge,
    Judgement,
    OriginFacts,
    checks,
    facts_json,
    issues_of,
    judged_columns,
    origin_json,
    said_texts,
    shown_texts,
    text_columns,
)
from core.store.schema import GAP
from core.store.tally import Counted, Key, all_keys

ALONE = 20_000  # rows that are not worth a second process, which takes about a second to begin
SELDOM = 200_000  # objects after which it looks for cycles
AHEAD = 2  # batches that are being prepared while one is written
COLUMNS = (
    *("position", "kind", "split", "status", "revision", "tokens", "answer_tokens", "content_hash", "issues"),
    *("label", "question", "answer", "other", "origin"),
)
Facts = tuple[str, str, str, OriginFacts]  # kind, label, split and origin of a draft: plain values go over quickly


@dataclass(frozen=True)
class Batch:
    """Lines with what else is known of them, and the last place before them."""

    raws: Sequence[str]
    facts: Sequence[Facts]
    encoding: str
    kind: Kind
    last: int


@dataclass(frozen=True)
class Prepared:
    """What is written of a batch: rows in the order of COLUMNS, (row, code, severity), counts and sets of words.

    The lines themselves are not in it: who has the batch has them.
    """

    last: int
    rows: list[tuple[Any, ...]]
    issues: list[tuple[int, str, str]]
    counts: Counter[Key]
    words: dict[int, bytes]


def draft_row(draft: Draft, raw: str, judgement: Judgement) -> dict[str, Any]:
    """The columns of a new row, but for its id, dataset and position."""
    return {
        **text_columns(raw),
        **judged_columns(judgement, issues_of(judgement)),
        "kind": draft.kind.value,
        "label": clean(draft.label),
        "split": draft.split.value,
        "status": draft.status.value,
        "revision": 1,
        "origin": origin_json(draft.origin),
    }


def prepare(batch: Batch, judge: Judge = checks) -> Prepared:
    """Everything about a batch that can be known without the database."""
    rows: list[tuple[Any, ...]] = []
    issues: list[tuple[int, str, str]] = []
    counted: list[Counted] = []
    texts: list[tuple[int, str]] = []
    judged = judge(batch.raws, batch.encoding, batch.kind)
    place = batch.last
    for number, (raw, (kind, label, split, origin), found) in enumerate(
        zip(batch.raws, batch.facts, judged, strict=True)
    ):
        place += GAP
        said = getattr(found, "said", None)
        shown = shown_texts(raw) if said is None else said_texts(*said)
        codes = {finding.code: str(finding.severity) for finding in found.details}
        issues.extend((number, code, severity) for code, severity in codes.items())
        given = clean(label) if label else label
        counted.append(Counted(place, given, split, "", found.tokens, found.answer_tokens, codes))
        texts.append((place, words.searched_text({**shown, "label": given})))
        about = (place, kind, split, "", 1, found.tokens, found.answer_tokens, content_hash(raw), " ".join(codes))
        rows.append((*about, given, *shown.values(), facts_json(origin)))
    return Prepared(batch.last, rows, issues, all_keys(counted), words.sets(texts))


class Loader:
    """Prepares batches ahead and hands them on in their order. A context: leaving it ends the second process."""

    def __init__(self, judge: Judge, write: Callable[[Prepared, Batch], None]) -> None:
        self._judge = judge
        self._write = write
        self._rows = 0
        self._beside: _Beside | None = None
        self._thread = ThreadPoolExecutor(1)
        self._waiting: deque[tuple[Batch, Future[Prepared], list[Callable[[], None]]]] = deque()

    def add(self, batch: Batch) -> None:
        """Take a batch; it, or an earlier one, is written before this returns or soon after."""
        self._rows += len(batch.raws)
        if self._judge is checks and self._rows > ALONE and self._beside is None:
            self._beside = _Beside()
        if self._beside is None:
            self._write(prepare(batch, self._judge), batch)
            return
        self._waiting.append((batch, self._thread.submit(self._beside.prepare, batch), []))
        while len(self._waiting) > AHEAD:
            self._write_next()

    def when_written(self, step: Callable[[], None]) -> None:
        """Do this as soon as all batches taken so far are written."""
        if self._waiting:
            self._waiting[-1][2].append(step)
        else:
            step()

    def finish(self) -> None:
        """Write what is still being prepared."""
        while self._waiting:
            self._write_next()

    def _write_next(self) -> None:
        batch, future, steps = self._waiting.popleft()
        self._write(future.result(), batch)
        for step in steps:
            step()

    def __enter__(self) -> Loader:
        _Seldom.begin()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        _Seldom.end()
        if self._beside is not None:
            self._beside.close()
        self._thread.shutdown(cancel_futures=True)


class _Seldom:
    """Looks for cycles of objects seldom while a load goes on: there are hardly any, and it is a fifth of its time."""

    _loads = 0
    _usual = gc.get_threshold()
    _lock = Lock()

    @classmethod
    def begin(cls) -> None:
        """One more load goes on."""
        with cls._lock:
            if not cls._loads:
                cls._usual = gc.get_threshold()
                gc.set_threshold(SELDOM)
            cls._loads += 1

    @classmethod
    def end(cls) -> None:
        """One less; with the last one all is as it was."""
        with cls._lock:
            cls._loads -= 1
            if not cls._loads:
                gc.set_threshold(*cls._usual)


class _Beside:
    """The second process: a pickled Batch in, a pickled Prepared out, until its input ends."""

    def __init__(self) -> None:
        self._process: subprocess.Popen[bytes] | None = None
        try:
            self._process = subprocess.Popen(
                [sys.executable, "-c", "from core.store.loading import work; work()"],
                cwd=Path(__file__).resolve().parents[2], stdin=subprocess.PIPE, stdout=subprocess.PIPE,
            )  # fmt: skip
        except OSError:
            return

    def prepare(self, batch: Batch) -> Prepared:
        """What the other process makes of a batch; made here where it cannot."""
        if self._process is not None and self._process.stdin and self._process.stdout:
            try:
                _send(self._process.stdin, batch)
                made = pickle.load(self._process.stdout)
                if isinstance(made, Prepared):
                    return made
            except (OSError, EOFError, ValueError, pickle.UnpicklingError):
                self.close()
        return prepare(batch)

    def close(self) -> None:
        """End the process."""
        process, self._process = self._process, None
        if process is not None:
            process.kill()
            process.wait()
            for pipe in (process.stdin, process.stdout):
                with suppress(OSError):  # what was still to be sent has nobody to read it
                    pipe.close() if pipe else None


def _send(pipe: IO[bytes], value: object) -> None:
    pickle.dump(value, pipe, protocol=pickle.HIGHEST_PROTOCOL)
    pipe.flush()


def work() -> None:
    """The second process's part: batches from standard input to standard output."""
    gc.set_threshold(SELDOM)
    while True:
        try:
            _send(sys.stdout.buffer, prepare(pickle.load(sys.stdin.buffer)))
        except (EOFError, pickle.UnpicklingError, BrokenPipeError):  # all is sent, or the first process was killed
            return

"""What an editable page of rows needs to know and decide, without a screen: cells, changes, conflicts.

An editor reports changes by row position in the frame it was given. A Snapshot keeps that frame with the rows and
revisions behind it, so that a position always means the row the person saw. Its number is part of the editor's key:
a new page of rows is a new editor, and a late message of an old one can never land on other rows.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import TYPE_CHECKING, Any

from core.checks import Severity, issue_table
from core.dataset.edits import Added, Change, Edits, Removed
from core.dataset.examples import (
    Body,
    Draft,
    Example,
    Kind,
    Split,
    answer_text,
    dump,
    messages_of,
    system_text,
    user_text,
)
from pages.parts.wrapping import Wrap

if TYPE_CHECKING:
    import pandas as pd

TEXTS = ("system", "user", "assistant", "label")
EDITABLE = (*TEXTS, "split", "status")
PICKED = "picked"
OPEN = "open"
# Plain characters for the grid (it draws no icons; not every machine has colour emoji), icons elsewhere.
SIGNS = {Severity.ERROR: "✖", Severity.WARNING: "⚠"}
MARKS = {
    Severity.ERROR: ":red[:material/error:]",
    Severity.WARNING: ":orange[:material/warning:]",
    Severity.ADVICE: ":blue[:material/lightbulb:]",
}


@dataclass
class Clash:
    """An edit that was not written because somebody else had changed the row: both sides, until it is settled.

    `mine` is empty for a row that was to be deleted; `before` is the row as it was when it was edited.
    """

    example_id: int
    mine: dict[str, str]
    before: Example | None
    theirs: Example | None
    who: str
    at: datetime | None


@dataclass
class Snapshot:
    """One page of rows as an editor shows it, and what was written of it since."""

    number: int
    dataset_id: int
    view: tuple[Any, ...]
    frame: pd.DataFrame
    rows: dict[int, Example]
    total: int
    pages: int
    dataset_revision: int
    wrap: Wrap = field(default_factory=Wrap)
    exact: bool = True  # whether `total` is all of them, or there may be more
    revisions: dict[int, int] = field(default_factory=dict)
    settled: dict[tuple[int, str], str] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.revisions = {number: row.revision for number, row in self.rows.items()}

    @property
    def key(self) -> str:
        """The key of the editor that shows this page."""
        return f"grid_{self.number}"

    @property
    def ids(self) -> list[int]:
        """The ids of the rows, in the order of their positions."""
        return [int(number) for number in self.frame.index]

    def stored(self, number: int, name: str, cell: str) -> str:
        """What a cell of a row means in the store: a question gets back the words that the grid leaves out."""
        return self.wrap.outer(user_text(self.rows[number].body), cell) if name == "user" else cell


def cells(example: Example, wrap: Wrap) -> dict[str, Any]:
    """The cells of one row; the question without the words that every row has around it."""
    return {
        PICKED: False,
        OPEN: ":material/edit:",
        "issues": marks(example.issues),
        "system": system_text(example.body),
        "user": wrap.inner(user_text(example.body)),
        "assistant": answer_text(example.body),
        "label": example.label,
        "split": str(example.split),
        "status": str(example.status),
        "tokens": max(0, example.tokens),
    }


def marks(codes: Iterable[str]) -> str:
    """Errors and warnings as short signs: "✖ 1 ⚠ 2". Advice is for the form: in a grid it would stand everywhere."""
    table = issue_table()
    severities = [table.get(code, Severity.ADVICE) for code in codes]
    counts = {severity: severities.count(severity) for severity in SIGNS}
    return " ".join(f"{SIGNS[severity]} {count}" for severity, count in counts.items() if count)


def frame_of(examples: Sequence[Example], wrap: Wrap) -> pd.DataFrame:
    """The rows as a frame: the index is the row's id, text columns are strings even where all are empty."""
    import pandas as pd

    types = {PICKED: "bool", "tokens": "int64"}
    made = [cells(example, wrap) for example in examples]
    names = columns(made)
    frame = pd.DataFrame(made, columns=names, index=pd.Index([example.id for example in examples], dtype="int64"))
    return frame.astype({name: types.get(name, "string") for name in names})


def columns(rows: Sequence[Mapping[str, Any]]) -> list[str]:
    """The columns worth showing: no instruction that is the same everywhere, no label that repeats the answer."""
    shown = [PICKED, OPEN]
    shown += ["issues"] if any(row["issues"] for row in rows) else []
    shown += ["system"] if len({row["system"] for row in rows}) > 1 else []
    shown += ["user", "assistant"]
    shown += ["label"] if any(row["label"] and row["label"] != row["assistant"] for row in rows) else []
    return [*shown, "split", "status", "tokens"]


def pending(snapshot: Snapshot, edited: Mapping[Any, Mapping[str, Any]]) -> list[Change]:
    """The changes an editor holds that were neither written nor refused yet. A cell emptied with Delete is ""."""
    changes = []
    ids = snapshot.ids
    for position, fields in edited.items():
        number = ids[int(position)]
        wanted = {n: snapshot.stored(number, n, _text(value)) for n, value in fields.items() if n in EDITABLE}
        fresh = {name: value for name, value in wanted.items() if not _is_settled(snapshot, number, name, value)}
        if fresh:
            changes.append(Change(number, snapshot.revisions[number], fresh))
    return changes


def _text(value: Any) -> str:
    return "" if value is None else str(value)


def _is_settled(snapshot: Snapshot, number: int, name: str, value: str) -> bool:
    if (number, name) in snapshot.settled:
        return snapshot.settled[number, name] == value
    return snapshot.stored(number, name, str(snapshot.frame.at[number, name])) == value


def settle(snapshot: Snapshot, changes: Iterable[Change]) -> None:
    """Remember that these changes were dealt with (written or refused), so that they are not sent again."""
    for change in changes:
        for name, value in change.fields.items():
            snapshot.settled[change.example_id, name] = _text(value)


def refresh(snapshot: Snapshot, examples: Iterable[Example], revisions: Mapping[int, int]) -> None:
    """Take over rows as they are stored now. `revisions` are those that our own write made.

    They may be older than the rows: if somebody wrote right behind us, our next edit must be refused and shown,
    not laid over theirs.
    """
    frame = snapshot.frame.copy()
    for example in examples:
        if example.id not in snapshot.revisions:
            continue
        snapshot.revisions[example.id] = revisions.get(example.id, example.revision)
        snapshot.rows[example.id] = example
        row = cells(example, snapshot.wrap)
        for name in frame.columns:
            if name not in (PICKED, OPEN):
                frame.at[example.id, name] = row[name]
    snapshot.frame = frame


def picked(snapshot: Snapshot, edited: Mapping[Any, Mapping[str, Any]]) -> list[int]:
    """The ids of the rows that are ticked."""
    ids = snapshot.ids
    return [ids[int(position)] for position, fields in edited.items() if fields.get(PICKED)]


def touches(snapshot: Snapshot, edited: Mapping[Any, Mapping[str, Any]], example_id: int) -> bool:
    """Whether the editor lays its own value over a text of this row, so that a new one underneath would not show."""
    ids = snapshot.ids
    return any(ids[int(position)] == example_id and set(fields) - {PICKED} for position, fields in edited.items())


def removal(snapshot: Snapshot, ids: Iterable[int]) -> Edits:
    """The edit that deletes these rows."""
    return Edits(removed=tuple(Removed(number, snapshot.revisions[number]) for number in ids))


def addition(kind: Kind, after: Example | None, example: Example | None, locked: bool = False) -> Edits:
    """The edit that adds an empty row after another one, with the instruction that the rows around it have.

    It is in the part of the row above, but never in a test set that is locked: there it is in no part yet.
    """
    body: Body
    if kind is Kind.COMPLETION:
        body = {"prompt": "", "completion": ""}
    elif kind is Kind.PREFERENCE:
        turn = {"messages": [{"role": "user", "content": ""}]}
        answers = [{"role": "assistant", "content": ""}]
        body = {"input": turn, "preferred_output": answers, "non_preferred_output": answers}
    else:
        leading = (
            [dict(m) for m in messages_of(example.body)[:1] if m.get("role") in ("system", "developer")]
            if example
            else []
        )
        turns = [{"role": "user", "content": ""}]
        turns += [{"role": "assistant", "content": ""}] if kind is Kind.CHAT else []
        body = {"messages": [*leading, *turns]}
    split = after.split if after and not (locked and after.split is Split.TEST) else Split.NONE
    return Edits(added=(Added(after.id if after else None, Draft(dump(body), kind, split=split)),))

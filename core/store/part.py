"""What the parts of the store share: the database, the judge, and how a row is written and read."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import Any, NamedTuple, Protocol, TypeVar

import orjson
from sqlalchemy import Connection, Row, update

from core.dataset.edits import clean
from core.dataset.examples import (
    Body,
    Example,
    Kind,
    Origin,
    Split,
    Status,
    answer_text,
    content_hash,
    load,
    messages_of,
    text_of,
    user_text,
)
from core.errors import BadInput, NotFound
from core.store.database import Database, bulk_insert, insert_missing, metadata, read_json, read_moment, run, run_many
from core.store.schema import counter, dataset, example
from core.store.values import Dataset
from core.words import T

Item = TypeVar("Item")
OriginFacts = tuple[str, int, str, dict[str, str]]
Said = tuple[Sequence[str], Sequence[str]]  # the roles of a plain chat and its contents
BLIND_TO_SPLITS = ("label_report", "privacy_scan")  # results of looks that change with the texts of the rows alone
LOOKS = (*BLIND_TO_SPLITS, "relation_report")
CHUNK = 500  # rows that are asked for at once by their ids


class Finding(Protocol):
    """An issue, as far as the store looks at it."""

    @property
    def code(self) -> str: ...
    @property
    def severity(self) -> str: ...


class Judgement(Protocol):
    """What the checks say of one line."""

    @property
    def tokens(self) -> int: ...
    @property
    def answer_tokens(self) -> int: ...
    @property
    def details(self) -> Sequence[Finding]: ...


Judge = Callable[[Sequence[str], str, Kind], Sequence[Judgement]]  # lines, encoding, the dataset's kind

_EXAMPLE_COLUMNS = (
    *("id", "dataset_id", "position", "kind", "raw", "label", "split", "status", "revision"),
    *("tokens", "answer_tokens", "issues", "content_hash", "origin"),
)
_EXAMPLE = f"SELECT {', '.join(_EXAMPLE_COLUMNS)} FROM example WHERE dataset_id IS NOT NULL AND id IN "
_HELD = ("id", "name", "kind", "encoding", "rows", "state", "answers_closed")
_HOLD = f"SELECT {', '.join(_HELD)} FROM dataset WHERE id = ?"
_KINDS = {str(one): one for one in Kind}  # sooner asked than the enumeration itself
_SPLITS = {str(one): one for one in Split}
_STATUSES = {str(one): one for one in Status}
_DATASET = f"SELECT {', '.join(column.name for column in dataset.columns)} FROM dataset WHERE id = ?"


class Part:
    """A part of the store. Safe to share between threads."""

    def __init__(self, database: Database, judge: Judge | None = None) -> None:
        self.database = database
        self._judge = judge or checks


def checks(raws: Sequence[str], encoding: str, kind: Kind) -> Sequence[Judgement]:
    """The judge of every store that is given no other: the rules of core.checks."""
    from core.checks import judge  # here, so that opening a store loads no tokenizer

    return judge(raws, encoding, kind)


def judged(judge: Judge, raws: Sequence[str], encoding: str, kind: Kind) -> list[Judgement]:
    """What the checks say of lines that a person writes.

    Where the tokenizer that the dataset is counted with is gone, these rows are saved without being counted (-1):
    another one would give numbers that mean something else than those of the other rows.
    """
    try:
        return list(judge(raws, encoding, kind))
    except (BadInput, NotFound):
        return list(judge(raws, "", kind))


def chunks(items: Sequence[Item], size: int = CHUNK) -> Iterator[Sequence[Item]]:
    """The items in pieces of this size."""
    for start in range(0, len(items), size):
        yield items[start : start + size]


def load_dataset(connection: Connection, dataset_id: int, *, lock: bool = False) -> Dataset:
    """The dataset; with `lock` nobody else writes to it until the transaction ends. NotFound where it is gone."""
    locked = lock and connection.dialect.name != "sqlite"  # SQLite has one writer at a time
    rows = run(connection, _DATASET + " FOR UPDATE" * locked, (dataset_id,))
    if not rows:
        raise _gone()
    number, name, kind, encoding, revision, count, state, at, origin, closed, recipe = rows[0]
    about = (number, name, Kind(kind), encoding, revision, count, state, read_moment(at))
    return Dataset(*about, origin, bool(closed), read_json(recipe))


class Held(NamedTuple):
    """What of a dataset a batch of edits looks at."""

    id: int
    name: str
    kind: Kind
    encoding: str
    rows: int
    state: str
    answers_closed: bool


def hold_dataset(connection: Connection, dataset_id: int) -> Held:
    """The dataset, to which nobody else writes until the transaction ends. NotFound where it is gone."""
    rows = run(connection, _HOLD + " FOR UPDATE" * (connection.dialect.name != "sqlite"), (dataset_id,))
    if not rows:
        raise _gone()
    number, name, kind, encoding, count, state, closed = rows[0]
    return Held(number, name, _KINDS[kind], encoding, count, state, bool(closed))


def _gone() -> NotFound:
    return NotFound(T("This dataset does not exist any more."), T("Choose another one from the list."))


def to_dataset(row: Row[Any]) -> Dataset:
    """The value of a row of the dataset table."""
    return Dataset(**{**row._mapping, "kind": Kind(row.kind)})


def load_examples(connection: Connection, ids: Sequence[int]) -> dict[int, Example]:
    """The living rows among these ids."""
    found: dict[int, Example] = {}
    for some in chunks(ids):
        rows = run(connection, f"{_EXAMPLE}({', '.join('?' * len(some))})", some)
        found.update((row[0], _to_example(row)) for row in rows)
    return found


class Seen(NamedTuple):
    """What of a row a batch of edits looks at, as it stands before the batch."""

    id: int
    kind: Kind
    split: Split
    status: Status
    revision: int
    position: int
    tokens: int
    answer_tokens: int
    issues: str
    label: str
    question: str
    answer: str
    other: str
    raw: str


_SEEN = f"SELECT {', '.join(Seen._fields)} FROM example WHERE dataset_id = ? AND id IN "


def seen_rows(connection: Connection, dataset_id: int, ids: Sequence[int]) -> dict[int, Seen]:
    """Those among these rows that are in the dataset."""
    found = {}
    for some in chunks(ids):
        rows = run(connection, f"{_SEEN}({', '.join('?' * len(some))})", (dataset_id, *some))
        for id, kind, split, status, *others in rows:
            found[id] = Seen(id, _KINDS[kind], _SPLITS[split], _STATUSES[status], *others)
    return found


def _to_example(row: tuple[Any, ...]) -> Example:
    """The value of a row with the columns of _EXAMPLE."""
    number, dataset_id, position, kind, raw, label, split, status, revision, *counts, issues, digest, origin = row
    file, line, sheet, fields = read_json(origin) or ("", 0, "", {})
    return Example(
        *(number, dataset_id, position, _KINDS[kind], raw, label, _SPLITS[split], _STATUSES[status], revision),
        *(*counts, tuple(issues.split()), digest, Origin(file, line, sheet, fields)),
    )


def reserve_ids(connection: Connection, count: int) -> range:
    """Ids for new rows, never given out before."""
    taken = update(counter).where(counter.c.name == "example").values(last=counter.c.last + count)
    last = connection.execute(taken.returning(counter.c.last)).scalar_one_or_none()
    if last is None:
        connection.execute(insert_missing(connection, counter).values(name="example", last=0))
        last = connection.execute(taken.returning(counter.c.last)).scalar_one()
    return range(last - count + 1, last + 1)


def text_columns(raw: str, said: Said | None = None) -> dict[str, str]:
    """The columns that are read from a line: what is asked, what is answered, all its other text, and its hash."""
    shown = said_texts(*said) if said else shown_texts(raw)
    return {**shown, "raw": raw, "content_hash": content_hash(raw)}


def shown_texts(raw: str) -> dict[str, str]:
    """What is asked in a line, what is answered, and all its other text."""
    body = load(raw)
    question, answer = user_text(body), answer_text(body)
    other = "\n".join(text for text in _texts(body) if text and text != question and text != answer)
    texts = {"question": question, "answer": answer, "other": other}
    if "\\u0000" in raw:
        texts = {name: clean(text) for name, text in texts.items()}
    return texts


def said_texts(roles: Sequence[str], contents: Sequence[str]) -> dict[str, str]:
    """The same of a plain chat that has been read already."""
    if roles == ("user", "assistant"):
        return {"question": contents[0], "answer": contents[1], "other": ""}
    last = dict(zip(roles, contents, strict=True))
    question, answer = last.get("user", ""), last.get("assistant", "")
    other = "\n".join(text for text in contents if text != question and text != answer)
    return {"question": question, "answer": answer, "other": other}


def _texts(body: Body) -> Iterator[str]:
    for message in messages_of(body):
        yield text_of(message.get("content"))
    if "messages" not in body:
        given = body.get("input")
        groups = [given.get("messages") if isinstance(given, dict) else None]
        for group in [*groups, body.get("preferred_output"), body.get("non_preferred_output")]:
            yield from (text_of(m.get("content")) for m in group or () if isinstance(m, dict))


def issues_of(judgement: Judgement) -> dict[str, str]:
    """The codes of what was found, each with its severity."""
    return {finding.code: str(finding.severity) for finding in judgement.details}


def judged_columns(judgement: Judgement, issues: Iterable[str]) -> dict[str, Any]:
    """The columns that the checks fill; `issues` are the codes of what was found."""
    return {"tokens": judgement.tokens, "answer_tokens": judgement.answer_tokens, "issues": " ".join(issues)}


def insert_issues(connection: Connection, dataset_id: int, judged: Iterable[tuple[int, Judgement]]) -> None:
    """Note the issues of rows that have none noted."""
    found = {
        (example_id, finding.code): (finding.code, str(finding.severity), dataset_id, example_id)
        for example_id, judgement in judged
        for finding in judgement.details
    }
    placed = "SELECT id, ?, ?, ?, position FROM example WHERE id = ?"
    names = "example_id, code, severity, dataset_id, position"
    run_many(connection, f"INSERT INTO example_issue ({names}) {placed}", list(found.values()))


def insert_examples(connection: Connection, rows: Sequence[dict[str, Any]]) -> None:
    """Write whole new rows."""
    names = [column.name for column in example.columns]
    bulk_insert(connection, example, names, [tuple(map(row.get, names)) for row in rows])


def origin_json(origin: Origin) -> str:
    """Where a row came from, as it is kept."""
    return facts_json((origin.file, origin.row, origin.sheet, origin.fields))


def facts_json(facts: OriginFacts) -> str:
    """The same of the parts of an Origin."""
    try:
        return orjson.dumps(facts).decode()
    except TypeError:
        file, row, sheet, fields = facts
        named = {clean(str(name)): clean(str(value)) for name, value in fields.items()}
        return orjson.dumps([clean(file), int(row), clean(sheet), named]).decode()


def keep_looks(connection: Connection, after: Dataset, looks: Sequence[str] = LOOKS) -> None:
    """What was found in the rows of the revision before holds for this one too, since no text has changed."""
    for table in (metadata.tables[name] for name in looks):
        mine = (table.c.dataset_id == after.id, table.c.revision == after.revision - 1)
        connection.execute(update(table).where(*mine).values(revision=after.revision))

"""Small rows and datasets for the tests of the store."""

from __future__ import annotations

import json
from collections.abc import Sequence

from core.dataset.edits import Applied, Change, Edits
from core.dataset.examples import Draft, Kind, Origin, Split
from core.store import Dataset, Store


def line(question: str, answer: str, system: str = "") -> str:
    """The JSON line of a chat with one question."""
    messages = [{"role": "system", "content": system}] if system else []
    messages += [{"role": "user", "content": question}, {"role": "assistant", "content": answer}]
    return json.dumps({"messages": messages}, ensure_ascii=False)


def draft(question: str, answer: str = "yes", *, label: str = "", split: Split = Split.NONE) -> Draft:
    """A chat that comes from line 7 of a file."""
    return Draft(line(question, answer), Kind.CHAT, label, split, Origin("news.csv", 7, "", {"title": question}))


def make(store: Store, drafts: Sequence[Draft], name: str = "News") -> Dataset:
    """A ready dataset of these drafts."""
    dataset = store.create_dataset(name, Kind.CHAT)
    store.add_drafts(dataset.id, drafts)
    return store.finish_import(dataset.id)


def questions(store: Store, dataset: Dataset) -> list[str]:
    """The questions of a dataset, in order."""
    return [example.body["messages"][-2]["content"] for example in store.examples(dataset.id)]


def change(store: Store, example_id: int, who: str = "ann", **fields: str | None) -> Applied:
    """Change a row as somebody does who sees its present revision."""
    row = store.example(example_id)
    return store.apply(row.dataset_id, Edits(changed=[Change(example_id, row.revision, fields)]), who)

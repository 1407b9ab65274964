"""Rows that an import left out, mended by a person: those that are good now join the dataset at their place."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

from core.dataset import mapping
from core.dataset.edits import Added, Applied, Edits, one_line
from core.dataset.examples import Draft
from core.dataset.readers import Reject, Row, objects
from core.dataset.recipes import Recipe, Sample
from core.errors import BadInput
from core.words import T, Text

if TYPE_CHECKING:
    from core.store import Dataset, Store
    from core.store.values import Rejected

Content = str | dict[str, str]  # a line, or cells by their columns

_UNREADABLE = ("\ufffd", "\u2400")  # what a damaged byte and a NUL are shown as


@dataclass(frozen=True)
class Outcome:
    """What became of mended rows: the batch that added some, and how many are left for which reason."""

    applied: Applied = field(default_factory=Applied)
    left: Mapping[int, Text] = field(default_factory=dict)


def mendable(dataset: Dataset) -> bool:
    """Whether single rows can be added: the rows of a conversation stand together, and go in together."""
    return bool(dataset.recipe) and Recipe.from_dict(dataset.recipe).conversation_column is None


def add(store: Store, dataset_id: int, contents: Mapping[int, Content], who: str) -> Outcome:
    """Try rejected rows again with what a person wrote, by their ids; the good ones are added as one batch."""
    dataset = store.dataset(dataset_id)
    if not mendable(dataset):
        raise BadInput(
            T("Rows of conversations cannot be added one by one."), T("Mend them in the file and import it again.")
        )
    recipe = replace(Recipe.from_dict(dataset.recipe), sample=Sample())
    added: list[Added] = []
    left: dict[int, Text] = {}
    for item in store.rejects_of(dataset_id, contents):
        made = _made(recipe, item, contents[item.id])
        if isinstance(made, Text):
            left[item.id] = made
        else:
            added += [Added(item.after, draft, item.id) for draft in made]
    applied = store.apply(dataset_id, Edits(added=added), who) if added else Applied()
    store.explain_rejects({reject_id: (reason, contents[reject_id]) for reject_id, reason in left.items()})
    return Outcome(applied, left)


def _made(recipe: Recipe, item: Rejected, content: Content) -> list[Draft] | Text:
    """The examples that a mended row gives, or the first reason why it gives none."""
    if any(sign in _all(item.kept or "") and sign in _all(content) for sign in _UNREADABLE):
        return T("Signs that could not be read (� or ␀) still stand in it. Write what belongs there.")
    drafts = []
    for row in _rows(recipe, item, content):
        made = next(iter(mapping.apply(recipe, [row])), None)
        if made is None:
            return T("Its class is one of those that were left out.")
        if isinstance(made, Reject):
            return made.reason
        drafts.append(made)
    return drafts or T("Nothing stands there.")


def _all(content: Content) -> str:
    return content if isinstance(content, str) else "\n".join(content.values())


def _rows(recipe: Recipe, item: Rejected, content: Content) -> list[Row | Reject]:
    if isinstance(content, str):
        found = [objects.parse_line(item.row, line) for line in _lines(content)]
        names: dict[str, str] = {}
        columns = tuple(recipe.roles)
        rows = [objects.row_of(it, columns, names) if isinstance(it, objects.Item) else it for it in found if it]
        return [row._replace(file=item.file) if isinstance(row, Row) else row for row in rows]
    extra = next((c for c in content if recipe.roles and c not in recipe.roles and content[c].strip()), None)
    if extra is not None:
        reason = T('The header has no column "{column}". Move the text to a column that is there.', column=extra)
        return [Reject(item.row, extra, reason)]
    return [
        Row(item.row, {c: text for c, text in content.items() if not recipe.roles or c in recipe.roles}, "", item.file)
    ]


def _lines(text: str) -> list[str]:
    """One object over several lines is one line; else every line stands for itself."""
    try:
        return [one_line(text)]
    except BadInput:
        return text.splitlines()

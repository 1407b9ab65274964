"""What was imported is exported as it was: JSON Lines byte for byte, tables with the very texts."""

from __future__ import annotations

import json
import tempfile
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from core.dataset import mapping
from core.dataset.examples import Kind
from core.dataset.export import to_csv, to_jsonl, to_xlsx
from core.dataset.importing import import_file
from core.dataset.readers import sniff
from core.dataset.recipes import Recipe
from core.dataset.vocabulary import Role
from core.store import Store

FEW = settings(
    max_examples=40,
    deadline=None,
    phases=[Phase.explicit, Phase.reuse, Phase.generate],
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)
letters = st.characters(codec="utf-8", exclude_characters="\0")
texts = st.text(letters, max_size=30)
said = st.sampled_from(["user", "assistant", "system"])
messages = st.lists(st.fixed_dictionaries({"role": said, "content": texts}), min_size=1, max_size=4)
numbers = st.sampled_from(["1.50", "1e5", "-0.0", "12345678901234567", "1E+2", "0.1000"])


@st.composite
def body(draw: st.DrawFn, kind: Kind) -> dict[str, Any]:
    """A body of a kind, with keys that nobody knows before and behind."""
    others = draw(st.dictionaries(st.text(letters, max_size=4).map("x_".__add__), st.none() | texts, max_size=2))
    if kind is Kind.COMPLETION:
        return {**others, "prompt": draw(texts), "completion": draw(texts)}
    if kind is Kind.PREFERENCE:
        answer = [{"role": "assistant", "content": draw(texts)}]
        asked = {"messages": draw(messages)}
        return {"input": asked, **others, "preferred_output": answer, "non_preferred_output": answer}
    if kind is Kind.REINFORCEMENT:
        return {"messages": [*draw(messages), {"role": "user", "content": draw(texts)}], "reference": "x", **others}
    return {"messages": [*draw(messages), {"role": "assistant", "content": draw(texts)}]}


@st.composite
def line(draw: st.DrawFn, kind: Kind) -> str:
    """A line of a kind as some program might write it: odd blanks, escapes, number formats."""
    blanks = st.sampled_from(["", " ", "  ", "\t"])
    separators = (draw(blanks) + "," + draw(blanks), draw(blanks) + ":" + draw(blanks))
    written = json.dumps(draw(body(kind)), ensure_ascii=draw(st.booleans()), separators=separators)
    if draw(st.booleans()) and kind is not Kind.CHAT:
        written = written[:-1] + f', "x_number": {draw(numbers)}' + "}"
    return draw(blanks) + written + draw(blanks)


@pytest.mark.parametrize("kind", Kind)
@given(data=st.data())
@FEW
def test_json_lines_come_out_byte_for_byte(store: Store, kind: Kind, data: st.DataObject) -> None:
    content = "".join(f"{one}\n" for one in data.draw(st.lists(line(kind), min_size=2, max_size=5))).encode()
    with tempfile.TemporaryDirectory() as folder:
        path, out = Path(folder) / "in.jsonl", Path(folder) / "out.jsonl"
        path.write_bytes(content)
        source = sniff(path)
        # Random letters may look garbled; mending them is a choice of its own.
        dataset = import_file(store, source, replace(mapping.suggest(source), mend=False))
        assert (dataset.kind, store.rejects(dataset.id)) == (kind, [])
        to_jsonl(store.examples(dataset.id), out)
        assert out.read_bytes() == content


ROLES = {"system": Role.SYSTEM, "user": Role.USER, "assistant": Role.ASSISTANT, "label": Role.LABEL}
ODD = [
    "=1+1",
    "007",
    "1.0",
    "TRUE",
    " blanks ",
    "two\nlines",
    'a "quoted", cell',
    "'",
    "中文，标点",
    "🙂",
    "#N/A",
    "1e5",
    "a\tb",
]
cells = st.sampled_from(ODD) | st.text(st.characters(codec="utf-8", exclude_categories=["Cc", "Cs"]), max_size=20)
# Sheets cannot hold code points that are no characters, and know no lone carriage return.
sheet_cells = cells.filter(lambda text: not any(ord(c) & 0xFFFE == 0xFFFE for c in text))


@pytest.mark.parametrize(("write", "ending", "kept"), [(to_csv, "csv", cells), (to_xlsx, "xlsx", sheet_cells)])
@given(data=st.data())
@settings(FEW, max_examples=20)
def test_a_table_brings_back_the_very_texts(
    store: Store, write: Callable[..., int], ending: str, kept: st.SearchStrategy[str], data: st.DataObject
) -> None:
    filled = kept.filter(lambda text: bool(text.strip()))
    rows = data.draw(st.lists(st.tuples(filled, filled, filled), min_size=1, max_size=5))
    roles = ("system", "user", "assistant")
    bodies = [{"messages": [{"role": r, "content": t} for r, t in zip(roles, row, strict=True)]} for row in rows]
    with tempfile.TemporaryDirectory() as folder:
        first, second = Path(folder) / "in.jsonl", Path(folder) / f"out.{ending}"
        first.write_text("".join(json.dumps(one) + "\n" for one in bodies), "utf-8")
        dataset = import_file(store, first, Recipe(as_is=True))
        write(store.examples(dataset.id), second)
        source = sniff(second, header=True)
        again = import_file(store, source, Recipe(roles=ROLES, strip=False))
        assert [example.body for example in store.examples(again.id)] == bodies

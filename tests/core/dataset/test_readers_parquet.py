"""Parquet: each row an object as in JSON Lines, whatever the types of its columns."""

from __future__ import annotations

import datetime
import decimal
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from damaging import read_damaged
from hypothesis import given, settings
from hypothesis import strategies as st

from core.dataset import mapping
from core.dataset.examples import Draft, Kind
from core.dataset.readers import Format, Row, read, sniff
from core.errors import BadInput


def written(path: Path, **columns: Any) -> Path:
    pq.write_table(pa.table(columns), path)
    return path


def test_a_table_is_read_under_its_columns(tmp_path: Path) -> None:
    source = sniff(written(tmp_path / "x", question=["你好", "b"], answer=["Hello", None], n=[1, 2]))
    assert (source.format, source.columns, source.rows_estimate) == (Format.PARQUET, ("question", "answer", "n"), 2)
    rows = [row for row in read(source) if isinstance(row, Row)]
    assert [(row.number, row.cells) for row in rows] == [
        (1, {"question": "你好", "answer": "Hello", "n": "1"}),
        (2, {"question": "b", "answer": "", "n": "2"}),
    ]


def test_messages_are_training_examples_without_the_empty_fields_of_the_table(tmp_path: Path) -> None:
    said = [{"role": "user", "content": "a", "name": None}, {"role": "assistant", "content": "b", "name": None}]
    source = sniff(written(tmp_path / "x", messages=[said, said]))
    assert source.training is Kind.CHAT
    draft = mapping.preview(mapping.suggest(source), source.sample[0], source=source)
    assert isinstance(draft, Draft)
    assert draft.raw == '{"messages":[{"role":"user","content":"a"},{"role":"assistant","content":"b"}]}'


@pytest.mark.parametrize(
    ("value", "shown"),
    [
        (datetime.datetime(2026, 3, 4, 5, 6), "2026-03-04 05:06:00"),
        (datetime.date(2026, 3, 4), "2026-03-04"),
        (decimal.Decimal("1.10"), "1.10"),
        (b"text", "text"),
        (b"\xff\xfe", "//4="),
        (float("nan"), ""),
        (True, "true"),
        (["a", "b"], '["a","b"]'),
        ({"a": 1, "b": None}, '{"a":1}'),
    ],
)
def test_values_become_text(value: object, shown: str, tmp_path: Path) -> None:
    source = sniff(written(tmp_path / "x", text=["t"], value=[value]))
    assert next(row for row in read(source) if isinstance(row, Row)).cells["value"] == shown


def test_a_column_that_is_empty_at_first_is_there(tmp_path: Path) -> None:
    source = sniff(written(tmp_path / "x", a=[None] * 3_000 + ["x"], b=["y"] * 3_001))
    assert source.columns == ("a", "b")
    assert [row.cells["a"] for row in read(source) if isinstance(row, Row)][-1] == "x"


def test_an_empty_table_says_so(tmp_path: Path) -> None:
    with pytest.raises(BadInput, match="no rows"):
        sniff(written(tmp_path / "x", a=pa.array([], pa.string())))


@pytest.mark.parametrize("data", [b"PAR1", b"PAR1PAR1", b"PAR1" + bytes(100) + b"PAR1"])
def test_a_broken_file_is_said(data: bytes, tmp_path: Path) -> None:
    (tmp_path / "x").write_bytes(data)
    with pytest.raises(BadInput, match="cannot be opened as Parquet"):
        sniff(tmp_path / "x")


@settings(deadline=None, max_examples=6)
@given(st.integers(4, 900), st.binary(min_size=1, max_size=30))
def test_a_damaged_file_gives_rows_or_a_sentence(
    tmp_path_factory: pytest.TempPathFactory, place: int, damage: bytes
) -> None:
    path = written(tmp_path_factory.mktemp("parquet") / "x", question=["a"] * 50, answer=["b"] * 50)
    read_damaged(path, place, damage)

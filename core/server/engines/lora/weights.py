"""What the weights of an open model say about themselves, read from their headers alone: no library, no tensor."""

from __future__ import annotations

import json
from dataclasses import dataclass
from itertools import pairwise
from math import prod
from pathlib import Path
from typing import Any

from core.words import T, Text

SINGLE, INDEX = "model.safetensors", "model.safetensors.index.json"
HEADER_LIMIT = 16 << 20  # bytes; those of the largest models have less than one million
JSON_LIMIT = 4 << 20
INDEX_LIMIT = 16 << 20
# Bits of one number.
DTYPES = {"BOOL": 8, "F4": 4, "F6_E2M3": 6, "F6_E3M2": 6, "U8": 8, "I8": 8, "F8_E5M2": 8, "F8_E4M3": 8, "F8_E8M0": 8}
DTYPES |= {"F8_E4M3FNUZ": 8, "F8_E5M2FNUZ": 8, "I16": 16, "U16": 16, "F16": 16, "BF16": 16, "I32": 32, "U32": 32}
DTYPES |= {"F32": 32, "C64": 64, "F64": 64, "I64": 64, "U64": 64}


class UnsafeModel(Exception):
    """A model folder that is not opened, and why."""

    def __init__(self, message: Text) -> None:
        super().__init__(message)
        self.message = message

    def __str__(self) -> str:
        return str(self.message)


@dataclass(frozen=True)
class Tensor:
    """One tensor of a file of weights."""

    dtype: str
    shape: tuple[int, ...]

    @property
    def numbers(self) -> int:
        return prod(self.shape)


def read_json(path: Path, limit: int = JSON_LIMIT) -> dict[str, Any]:
    """A JSON object of bearable size. Raises UnsafeModel."""
    try:
        if path.stat().st_size > limit:
            raise UnsafeModel(
                T("{file} has more than {most} MB, which no model needs.", file=path.name, most=limit >> 20)
            )
        found = json.loads(path.read_bytes().decode("utf-8-sig"))
    except FileNotFoundError:
        raise UnsafeModel(T("The model folder holds no {file}.", file=path.name)) from None
    except (OSError, ValueError, RecursionError) as error:
        raise UnsafeModel(T("{file} cannot be read: {reason}.", file=path.name, reason=str(error)[:120])) from None
    if not isinstance(found, dict):
        raise UnsafeModel(T("{file} is no JSON object.", file=path.name))
    return found


def weight_files(folder: Path) -> list[Path]:
    """The files of weights that would be opened. Raises UnsafeModel where there are none, or they lie elsewhere."""
    if not (folder / INDEX).exists():
        if not (folder / SINGLE).exists():
            raise UnsafeModel(T("The model folder holds no {file}.", file=SINGLE))
        return [folder / SINGLE]
    mapped = read_json(folder / INDEX, INDEX_LIMIT).get("weight_map")
    if not isinstance(mapped, dict) or not mapped:
        raise UnsafeModel(T("{file} does not say which file holds which weights.", file=INDEX))
    names = sorted({str(name) for name in mapped.values()})
    for name in names:
        if name != Path(name).name or "\\" in name or not name.endswith(".safetensors"):
            raise UnsafeModel(T("{file} names a file outside the folder: {name}.", file=INDEX, name=name[:120]))
        if not (folder / name).is_file():
            raise UnsafeModel(T("{file} names {name}, which is not there.", file=INDEX, name=name[:120]))
    headers = {name: read_header(folder / name) for name in names}
    for tensor, name in mapped.items():
        if tensor not in headers[str(name)]:
            raise UnsafeModel(T("{file} looks for {tensor} in {name}, which does not hold it.",
                                file=INDEX, tensor=str(tensor)[:120], name=name))  # fmt: skip
    return [folder / name for name in names]


def read_header(path: Path) -> dict[str, Tensor]:
    """The tensors of a safetensors file by name. Raises UnsafeModel where the header is not true to the file."""
    size = path.stat().st_size
    with path.open("rb") as file:
        length = int.from_bytes(file.read(8), "little")
        if size < 8 or length > min(size - 8, HEADER_LIMIT):
            raise _lies(path, T("its header is longer than may be"))
        head = file.read(length)
    try:
        values = json.loads(head.decode(), object_pairs_hook=_once)
    except (ValueError, RecursionError) as error:
        raise _lies(path, str(error)[:120]) from None
    if not isinstance(values, dict):
        raise _lies(path, T("its header is no JSON object"))
    values.pop("__metadata__", None)
    found = {name: _tensor(path, name, value) for name, value in values.items()}
    spans = sorted(span for _tensor, span in found.values())
    bounds = [(0, 0), *spans, (size - 8 - length, 0)]
    if any(before[1] != after[0] for before, after in pairwise(bounds)):
        raise _lies(path, T("its tensors overlap, leave holes, or reach beyond its end"))
    return {name: tensor for name, (tensor, _span) in found.items()}


def _tensor(path: Path, name: str, value: Any) -> tuple[Tensor, tuple[int, int]]:
    try:
        shape, (begin, end), bits = tuple(value["shape"]), value["data_offsets"], DTYPES[value["dtype"]]
        sound = all(type(number) is int and number >= 0 for number in (*shape, begin, end))
        if not sound or (end - begin) * 8 != prod(shape) * bits:
            raise ValueError
    except (KeyError, TypeError, ValueError):
        raise _lies(path, T("the tensor {name} is not as large as it says", name=name[:120])) from None
    return Tensor(value["dtype"], shape), (begin, end)


def _once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    if len(dict(pairs)) != len(pairs):
        raise ValueError("a name stands there twice")
    return dict(pairs)


def _lies(path: Path, why: Text | str) -> UnsafeModel:
    return UnsafeModel(T("{file} is not what it says: {why}.", file=path.name, why=why))

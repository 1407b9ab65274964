"""The encodings, built offline from the rank data that Luopan carries (where it comes from: data/README.md)."""

from __future__ import annotations

import zlib
from functools import cache
from pathlib import Path
from threading import Lock

import tiktoken

from core.errors import BadInput
from core.words import T

DATA = Path(__file__).parent / "data"
DEFAULT = "o200k_base"

# The patterns and special tokens are those of tiktoken_ext.openai_public; a test holds them equal.
_CL100K_PATTERN = (
    r"""'(?i:[sdmt]|ll|ve|re)|[^\r\n\p{L}\p{N}]?+\p{L}++|\p{N}{1,3}+| ?[^\s\p{L}\p{N}]++[\r\n]*+"""
    r"""|\s++$|\s*[\r\n]|\s+(?!\S)|\s"""
)
_O200K_PATTERN = "|".join(
    [
        r"""[^\r\n\p{L}\p{N}]?[\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}]*[\p{Ll}\p{Lm}\p{Lo}\p{M}]+(?i:'s|'t|'re|'ve|'m|'ll|'d)?""",
        r"""[^\r\n\p{L}\p{N}]?[\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}]+[\p{Ll}\p{Lm}\p{Lo}\p{M}]*(?i:'s|'t|'re|'ve|'m|'ll|'d)?""",
        r"""\p{N}{1,3}""",
        r""" ?[^\s\p{L}\p{N}]+[\r\n/]*""",
        r"""\s*[\r\n]+""",
        r"""\s+(?!\S)""",
        r"""\s+""",
    ]
)
_CL100K_SPECIAL = {
    "<|endoftext|>": 100257,
    "<|fim_prefix|>": 100258,
    "<|fim_middle|>": 100259,
    "<|fim_suffix|>": 100260,
    "<|endofprompt|>": 100276,
}
_O200K_SPECIAL = {"<|endoftext|>": 199999, "<|endofprompt|>": 200018}
_HARMONY_SPECIAL = {
    **_O200K_SPECIAL,
    "<|startoftext|>": 199998,
    "<|return|>": 200002,
    "<|constrain|>": 200003,
    "<|channel|>": 200005,
    "<|start|>": 200006,
    "<|end|>": 200007,
    "<|message|>": 200008,
    "<|call|>": 200012,
    **{f"<|reserved_{i}|>": i for i in (200000, 200001, 200004, 200009, 200010, 200011, *range(200013, 201088))},
}
# name -> (file of ranks, pattern, special tokens)
_ENCODINGS = {
    "cl100k_base": ("cl100k_base", _CL100K_PATTERN, _CL100K_SPECIAL),
    "o200k_base": ("o200k_base", _O200K_PATTERN, _O200K_SPECIAL),
    "o200k_harmony": ("o200k_base", _O200K_PATTERN, _HARMONY_SPECIAL),
}
_building = Lock()


def encoding_names() -> list[str]:
    """The names that `encoding` knows, the default one first."""
    return sorted(_ENCODINGS, key=lambda name: name != DEFAULT)


def encoding(name: str) -> tiktoken.Encoding:
    """The encoding of this name, built once (about 0.3 s). Raises BadInput for a name that is not known."""
    if name not in _ENCODINGS:
        raise BadInput(
            T("The encoding “{name}” is not known.", name=name),
            T("Choose one of these: {names}.", names=", ".join(encoding_names())),
        )
    with _building:
        return _build(name)


@cache
def _build(name: str) -> tiktoken.Encoding:
    ranks, pattern, special = _ENCODINGS[name]
    return tiktoken.Encoding(name, pat_str=pattern, mergeable_ranks=load_ranks(ranks), special_tokens=special)


def load_ranks(name: str) -> dict[bytes, int]:
    """The tokens of data/<name>.ranks.zlib, each with its rank: its place in the file."""
    data = zlib.decompress((DATA / f"{name}.ranks.zlib").read_bytes())
    tokens = []
    at = 0
    while at < len(data):
        end = at + 1 + data[at]
        tokens.append(data[at + 1 : end])
        at = end
    return {token: rank for rank, token in enumerate(tokens)}


# Tried in order; the first that a base model's name begins with. Newer names stand before the older they begin with.
_PREFIXES = (
    ("gpt-oss", "o200k_harmony"),
    ("gpt-4.1", "o200k_base"),
    ("gpt-4.5", "o200k_base"),
    ("gpt-4o", "o200k_base"),
    ("gpt-4", "cl100k_base"),
    ("gpt-3.5", "cl100k_base"),
    ("gpt-35", "cl100k_base"),
    ("babbage-002", "cl100k_base"),
    ("davinci-002", "cl100k_base"),
    ("text-embedding-", "cl100k_base"),
)


def base_of(model: str) -> str:
    """The base model of a fine-tuned one: of `ft:<base>:…` and of Azure's `<base>.ft-<job>`; others as they are."""
    if model.startswith("ft:"):
        return model.split(":")[1]
    return model.split(".ft-")[0]


def encoding_name_for(model: str) -> str:
    """The encoding of a model, through its base (`ft:gpt-4.1…` is no gpt-4); o200k_base for names not known."""
    return known_encoding(model) or DEFAULT


def known_encoding(model: str) -> str | None:
    """The encoding of a model, through its base; None where its name tells none."""
    base = base_of(model).rpartition("/")[2]
    return next((name for prefix, name in _PREFIXES if base.startswith(prefix)), None)

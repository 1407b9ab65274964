"""Templates of a role's text: `{column}` stands for a cell, `{{` and `}}` for the braces themselves."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache

from core.errors import BadInput
from core.words import T, Text

_PIECE = re.compile(r"\{\{|\}\}|\{([^{}]*)\}|[{}]")
_DOUBLE = T('Write "{{" and "}}" for braces that belong to the text.')


@dataclass(frozen=True)
class Template:
    """A parsed template: literal texts between the names of columns; one text more than names."""

    texts: tuple[str, ...]
    columns: tuple[str, ...]

    def render(self, cells: Mapping[str, str]) -> str:
        """The text with each column's cell in its place; a column the row lacks is empty."""
        pieces = [self.texts[0]]
        for column, text in zip(self.columns, self.texts[1:], strict=True):
            pieces.append(cells.get(column, ""))
            pieces.append(text)
        return "".join(pieces)


@lru_cache(maxsize=256)
def parse(text: str) -> Template:
    """Read a template. Raises BadInput with the place of a brace that is alone."""
    texts, columns, literal, end = [], [], "", 0
    for piece in _PIECE.finditer(text):
        literal += text[end : piece.start()]
        end = piece.end()
        if piece[0] in ("{{", "}}"):
            literal += piece[0][0]
        elif piece[1] is None or not piece[1].strip():
            raise BadInput(_lone_brace(piece), _DOUBLE)
        else:
            texts.append(literal)
            columns.append(piece[1].strip())
            literal = ""
    texts.append(literal + text[end:])
    return Template(tuple(texts), tuple(columns))


def check(text: str, columns: Sequence[str], where: str = "") -> Template:
    """A template whose columns all exist. Raises BadInput naming the one that does not, and those there are."""
    template = parse(text)
    for column in template.columns:
        if column not in columns:
            message = T('The template{where} asks for a column "{column}".', where=where, column=column)
            there = T('The columns are: {columns}. Write "{{{{" for a brace.', columns=", ".join(columns))
            raise BadInput(message, there)
    return template


def escape(text: str) -> str:
    """The template that renders to exactly this text."""
    return text.replace("{", "{{").replace("}", "}}")


def _lone_brace(piece: re.Match[str]) -> Text:
    return T('The template has "{seen}" at character {place}.', seen=piece[0], place=piece.start() + 1)

"""A recipe: how the rows of a file become examples. A value, and a small file that can be applied again."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any, TypeVar

from core.dataset.examples import Kind
from core.dataset.shapes import KINDS, Shape
from core.dataset.vocabulary import Role
from core.errors import BadInput
from core.words import T, Text

VERSION = 1
_MARK = "luopan-recipe"
_WRITABLE = (Role.SYSTEM, Role.USER, Role.ASSISTANT)
_Choice = TypeVar("_Choice", bound=StrEnum)


class Mode(StrEnum):
    """Which rows are taken."""

    ALL = "all"
    FIRST = "first"
    LAST = "last"
    RANDOM = "random"


@dataclass(frozen=True)
class Sample:
    """How many of the rows that are left after dropping classes."""

    mode: Mode = Mode.ALL
    n: int = 0
    seed: int = 0


@dataclass(frozen=True)
class Recipe:
    """How rows become examples.

    A role's text is its template, else its constant, else its columns joined by a line break. Where nothing gives the
    assistant's text, the label does. `as_is` takes lines that are examples already, byte for byte; with a `shape` they
    are another tool's and are converted. `label_names` renames labels; `dropped` names the labels (as in the file)
    whose rows are left out. Rows that share the value of a conversation column become one example. `mend` brings back
    letters that are UTF-8 read as something else.
    """

    kind: Kind = Kind.CHAT
    as_is: bool = False
    roles: Mapping[str, Role] = field(default_factory=dict)
    templates: Mapping[Role, str] = field(default_factory=dict)
    constants: Mapping[Role, str] = field(default_factory=dict)
    label_names: Mapping[str, str] = field(default_factory=dict)
    dropped: tuple[str, ...] = ()
    sample: Sample = Sample()
    strip: bool = True
    shape: Shape | None = None
    mend: bool = False

    def columns_for(self, role: Role) -> tuple[str, ...]:
        """The columns that have this role, in their order."""
        return tuple(column for column, given in self.roles.items() if given is role)

    @property
    def label_column(self) -> str | None:
        """The column that holds the class; the first if several are marked."""
        return next(iter(self.columns_for(Role.LABEL)), None)

    @property
    def conversation_column(self) -> str | None:
        """The column whose value the rows of one conversation share."""
        return next(iter(self.columns_for(Role.CONVERSATION)), None)

    def as_dict(self) -> dict[str, Any]:
        """Plain JSON values, the file's content."""
        return {
            _MARK: VERSION,
            "kind": self.kind.value,
            "as_is": self.as_is,
            "roles": {column: role.value for column, role in self.roles.items()},
            "templates": {role.value: text for role, text in self.templates.items()},
            "constants": {role.value: text for role, text in self.constants.items()},
            "label_names": dict(self.label_names),
            "dropped": list(self.dropped),
            "sample": {"mode": self.sample.mode.value, "n": self.sample.n, "seed": self.sample.seed},
            "strip": self.strip,
            "shape": self.shape.value if self.shape else "",
            "mend": self.mend,
        }

    def to_json(self) -> str:
        """The recipe as a small file's text."""
        return json.dumps(self.as_dict(), ensure_ascii=False, indent=2) + "\n"

    @classmethod
    def from_json(cls, text: str | bytes, name: str = "recipe.json") -> Recipe:
        """Read a recipe file. Raises BadInput naming the field that is wrong."""
        try:
            content = json.loads(text)
        except (ValueError, RecursionError) as error:
            raise BadInput(T("{file} is no valid JSON: {error}", file=name, error=str(error)), _SAVE_ONE) from error
        return cls.from_dict(content, name)

    @classmethod
    def from_dict(cls, content: Any, name: str = "recipe.json") -> Recipe:
        """Read a recipe's JSON values. Raises BadInput naming the field that is wrong."""
        if not isinstance(content, dict) or _MARK not in content:
            raise BadInput(T("{file} is no recipe.", file=name), _SAVE_ONE)
        if content[_MARK] != VERSION:
            message = T("{file} is a recipe of version {seen}.", file=name, seen=str(content[_MARK]))
            raise BadInput(message, T("This Luopan reads version {wanted}.", wanted=VERSION))
        return _Fields(content, name).recipe()


_SAVE_ONE = T("Save one from the import page, or with `python -m core prepare`.")


class _Fields:
    """The fields of a recipe file, each checked on the way out."""

    def __init__(self, content: dict[str, Any], name: str) -> None:
        self._content = content
        self._name = name

    def recipe(self) -> Recipe:
        defaults = Recipe().as_dict()
        unknown = next((key for key in self._content if key not in defaults), None)
        if unknown is not None:
            raise self._wrong(unknown, unknown, T("There is no such field."))
        shape = self._shape()
        return Recipe(
            kind=KINDS[shape] if shape in KINDS else self._choice("kind", self._content.get("kind", "chat"), Kind),
            as_is=self._flag("as_is", False),
            roles={c: self._choice(f"roles.{c}", r, Role) for c, r in self._texts("roles").items()},
            templates=self._role_texts("templates"),
            constants=self._role_texts("constants"),
            label_names=self._texts("label_names"),
            dropped=self._list("dropped"),
            sample=self._sample(),
            strip=self._flag("strip", True),
            shape=shape,
            mend=self._flag("mend", False),
        )

    def _shape(self) -> Shape | None:
        given = self._content.get("shape", "")
        return None if given == "" else self._choice("shape", given, Shape)

    def _role_texts(self, key: str) -> dict[Role, str]:
        texts = {}
        for name, text in self._texts(key).items():
            role = self._choice(f"{key}.{name}", name, Role)
            if role not in _WRITABLE:
                raise self._wrong(f"{key}.{name}", name, T("Only {names} can have a text.", names=", ".join(_WRITABLE)))
            texts[role] = text
        return texts

    def _texts(self, key: str) -> dict[str, str]:
        value = self._content.get(key, {})
        if not isinstance(value, dict):
            raise self._wrong(key, value, T("It must be an object of texts."))
        for name, text in value.items():
            if not isinstance(text, str):
                raise self._wrong(f"{key}.{name}", text, T("It must be a text."))
        return value

    def _list(self, key: str) -> tuple[str, ...]:
        value = self._content.get(key, [])
        if not isinstance(value, list) or not all(isinstance(item, str) for item in value):
            raise self._wrong(key, value, T("It must be a list of texts."))
        return tuple(value)

    def _sample(self) -> Sample:
        value = self._content.get("sample", {})
        if not isinstance(value, dict):
            raise self._wrong("sample", value, T("It must be an object with mode, n and seed."))
        mode = self._choice("sample.mode", value.get("mode", "all"), Mode)
        n, seed = value.get("n", 0), value.get("seed", 0)
        if not _is_whole(n) or n < 0 or (mode is not Mode.ALL and n == 0):
            raise self._wrong("sample.n", n, T("It must be a whole number above 0."))
        if not _is_whole(seed):
            raise self._wrong("sample.seed", seed, T("It must be a whole number."))
        return Sample(mode, n, seed)

    def _flag(self, key: str, default: bool) -> bool:
        value = self._content.get(key, default)
        if not isinstance(value, bool):
            raise self._wrong(key, value, T("It must be true or false."))
        return value

    def _choice(self, key: str, value: Any, choices: type[_Choice]) -> _Choice:
        if value not in [choice.value for choice in choices]:
            raise self._wrong(key, value, T("It must be one of: {names}.", names=", ".join(choices)))
        return choices(value)

    def _wrong(self, key: str, seen: Any, hint: Text) -> BadInput:
        shown = json.dumps(seen, ensure_ascii=False)[:80]
        return BadInput(T("{file}: the field {field} is {seen}.", file=self._name, field=key, seen=shown), hint)


def _is_whole(value: Any) -> bool:
    return isinstance(value, int) and not isinstance(value, bool)

"""Chat templates of open-weight models, rendered as what they are: programs from a stranger.

A template runs in jinja2's immutable sandbox. On top of that every turn of a loop and every call is counted, the time
is bounded, and so is every text that it makes; filters and methods that could make a text of any length are gone.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator
from datetime import datetime
from time import monotonic
from typing import Any

from jinja2 import TemplateError, nodes, pass_context
from jinja2.ext import Extension, loopcontrols
from jinja2.parser import Parser
from jinja2.sandbox import ImmutableSandboxedEnvironment

from core.errors import BadInput
from core.words import T

SECONDS = 2.0  # for one example
STEPS = 300_000  # turns of loops and calls, for one example
SIZE = 8_000_000  # characters that are written for one example, and characters of any one value
SOURCE = 256 * 1024  # characters of a template
_FILTERS = """
abs capitalize count d default dictsort first float int items last length list lower map max min reject rejectattr
reverse safe select selectattr sort string sum title trim unique upper
"""
_METHODS = """
capitalize casefold count endswith find index isalnum isalpha isdigit islower isnumeric isspace istitle isupper join
lower lstrip partition removeprefix removesuffix replace rfind rindex rpartition rsplit rstrip split splitlines
startswith strip swapcase title upper
"""


class _Spent(TemplateError):
    """The template took more steps, time or room than it may."""


class _Budget:
    """What one rendering may still use."""

    def __init__(self) -> None:
        self.steps, self.until, self.size = STEPS, monotonic() + SECONDS, SIZE

    def step(self) -> None:
        self.steps -= 1
        if self.steps < 0 or (self.steps % 256 == 0 and monotonic() > self.until):
            raise _Spent("steps")

    def write(self, text: str) -> None:
        self.size -= len(text)
        if self.size < 0:
            raise _Spent("size")


class _Counted(list[Any]):
    """The values of a loop; each turn is counted."""

    def __init__(self, values: Iterable[Any], budget: _Budget) -> None:
        super().__init__(values)
        self._budget = budget

    def __iter__(self) -> Iterator[Any]:
        for value in super().__iter__():
            self._budget.step()
            yield value


class _Generation(Extension):
    """`{% generation %}…{% endgeneration %}`, which some templates put around what is learnt: its inside alone."""

    tags = {"generation"}  # noqa: RUF012

    def parse(self, parser: Parser) -> list[nodes.Node]:
        next(parser.stream)
        return parser.parse_statements(("name:endgeneration",), drop_needle=True)


class _Sandbox(ImmutableSandboxedEnvironment):
    """jinja2's sandbox with a budget, and without what makes a text of any length in one step."""

    intercepted_binops = frozenset(("*", "**", "%", "+"))

    def __init__(self) -> None:
        super().__init__(trim_blocks=True, lstrip_blocks=True, extensions=[_Generation, loopcontrols])
        self.budget = _Budget()
        self.filters = {name: known for name, known in self.filters.items() if name in _FILTERS.split()}
        self.filters |= {"replace": _replace, "join": _join, "indent": _indent, "tojson": _tojson}
        self.filters |= {"_turns": self._turns, "_sized": self._sized, "_written": self._written}
        kept = {name: self.globals[name] for name in ("dict", "namespace")}
        self.globals = {**kept, "range": _range, "raise_exception": _refuse, "strftime_now": _now}

    def is_safe_attribute(self, obj: Any, attr: str, value: Any) -> bool:
        """Whether a template may reach this attribute."""
        return (not isinstance(obj, str) or attr in _METHODS.split()) and super().is_safe_attribute(obj, attr, value)

    def wrap_str_format(self, value: Any) -> None:
        """No `format`: a width in it makes a text of any length."""

    def call(self, __context: Any, __obj: Any, *args: Any, **kwargs: Any) -> Any:
        """Call what the template calls, one step of the budget each time."""
        self.budget.step()
        owner, name = getattr(__obj, "__self__", None), getattr(__obj, "__name__", "")
        if isinstance(owner, str) and name == "replace":
            return _replace(owner, *args)
        if isinstance(owner, str) and name == "join":
            return _join(args[0] if args else (), owner)
        return _measured(super().call(__context, __obj, *args, **kwargs))

    def call_binop(self, context: Any, operator: str, left: Any, right: Any) -> Any:
        """Compute, but for what grows without bounds."""
        self.budget.step()
        if operator == "**" or (operator == "%" and isinstance(left, str)):
            raise _Spent(operator)
        if operator == "*":
            for many, times in ((left, right), (right, left)):
                if isinstance(many, str | list | tuple) and isinstance(times, int) and len(many) * times > SIZE:
                    raise _Spent(operator)
        return _measured(super().call_binop(context, operator, left, right))

    # They take the context so that jinja2 does not work them out beforehand, when nothing is counted.
    @staticmethod
    @pass_context
    def _turns(context: Any, values: Any) -> list[Any]:
        return _Counted(values, context.environment.budget)

    @staticmethod
    @pass_context
    def _sized(_context: Any, value: Any) -> Any:
        return _measured(value)

    @staticmethod
    @pass_context
    def _written(context: Any, value: Any) -> str:
        text = str(_measured(value))
        context.environment.budget.write(text)
        return text


class Template:
    """A chat template that was read and can be rendered for any example. Raises BadInput where it is none."""

    def __init__(self, source: str, constants: dict[str, Any] | None = None) -> None:
        if len(source) > SOURCE:
            raise BadInput(T("The chat template is too long."), T("Use the one that came with the model."))
        self._sandbox = _Sandbox()
        self._constants = constants or {}
        try:
            self._template = self._sandbox.from_string(_guarded(self._sandbox.parse(source)))
        except (TemplateError, RecursionError, ValueError, SyntaxError) as error:
            told = T("The chat template cannot be read: {reason}.", reason=str(error)[:120])
            raise BadInput(told, T("Use the one that came with the model.")) from None

    def render(self, messages: list[dict[str, Any]], tools: Any = None, *, ask: bool = False) -> str:
        """The text that the model sees; `ask` opens its answer. Raises BadInput where the template refuses it."""
        self._sandbox.budget = _Budget()
        given = {"messages": messages, "tools": tools or None, "documents": None, "add_generation_prompt": ask}
        try:
            return self._template.render(**given, **self._constants)
        except (_Spent, MemoryError, RecursionError):
            told = T("The chat template takes too long or writes too much.")
            raise BadInput(told, T("Use the one that came with the model.")) from None
        except Exception as error:  # whatever a stranger's program does: it cannot be used for this example
            told = T("The chat template refuses this example: {reason}.", reason=str(error)[:120])
            raise BadInput(told, T("Look whether its roles come in the order that the model expects.")) from None


def _guarded(tree: nodes.Template) -> nodes.Template:
    """Let every loop count its turns, and everything that is joined, kept or written be measured."""

    def through(name: str, node: Any) -> nodes.Expr:
        return nodes.Filter(node, name, [], [], None, None)

    for loop in list(tree.find_all(nodes.For)):
        loop.iter = through("_turns", loop.iter)
    for assigned in list(tree.find_all(nodes.Assign)):
        assigned.node = through("_sized", assigned.node)
    for joined in list(tree.find_all(nodes.Concat)):
        joined.nodes = [through("_sized", node) for node in joined.nodes]
    for output in list(tree.find_all(nodes.Output)):
        plain = [nodes.Const(n.data) if isinstance(n, nodes.TemplateData) else n for n in output.nodes]
        output.nodes = [through("_written", node) for node in plain]
    return tree


def _measured(value: Any) -> Any:
    """The value, if it is of bearable size with all that it holds."""
    waiting, left = [value], SIZE
    while waiting:
        item = waiting.pop()
        if isinstance(item, str):
            left -= len(item)
        elif isinstance(item, int) and item.bit_length() > 4096:
            left = -1
        elif isinstance(item, dict):
            waiting.extend(item.values())
        elif isinstance(item, list | tuple) and not isinstance(item, _Counted):
            waiting.extend(item)
        left -= 8
        if left < 0 or len(waiting) > SIZE:
            raise _Spent("size")
    return value


def _replace(value: Any, old: Any, new: Any, count: int | None = None) -> str:
    text, gone, come = str(value), str(old), str(new)
    times = text.count(gone) if gone else len(text) + 1
    if len(text) + times * len(come) > SIZE:
        raise _Spent("replace")
    return text.replace(gone, come, -1 if count is None else count)


def _join(values: Any, between: Any = "", attribute: str | None = None) -> str:
    items = [value.get(attribute) if attribute and isinstance(value, dict) else value for value in values]
    parts = [str(item) for item in _measured(items)]
    if len(parts) * len(str(between)) > SIZE:
        raise _Spent("join")
    return str(between).join(parts)


def _indent(text: Any, width: int | str = 4, first: bool = False, blank: bool = False) -> str:
    margin = width if isinstance(width, str) else " " * min(int(width), 64)
    lines = str(text).splitlines(keepends=True)
    if len(lines) * len(margin) > SIZE:
        raise _Spent("indent")
    kept = (line if (not at and not first) or (not line.strip() and not blank) else margin + line
            for at, line in enumerate(lines))  # fmt: skip
    return "".join(kept)


def _tojson(value: Any, indent: int | None = None, **_more: Any) -> str:
    deep = None if indent is None else min(int(indent), 8)
    text: str = json.dumps(_measured(value), ensure_ascii=False, indent=deep)
    return text


def _range(*bounds: int) -> range:
    found = range(*bounds)
    if len(found) > STEPS:
        raise _Spent("range")
    return found


def _refuse(reason: str = "") -> str:
    raise TemplateError(str(reason))


def _now(form: str = "%Y-%m-%d") -> str:
    return datetime.now().strftime(str(form)[:100])

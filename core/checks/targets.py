"""What a model and its provider do not take: one list of issues for the Check page, `check --model` and the launch."""

from __future__ import annotations

import mmap
from codecs import BOM_UTF8
from collections.abc import Iterable, Iterator
from contextlib import suppress
from dataclasses import dataclass
from datetime import date
from pathlib import Path

import orjson

from core.checks.issues import Issue, make
from core.checks.parts import count_images
from core.checks.rule import Severity
from core.checks.table import RULES
from core.dataset.examples import Body, Kind, messages_of
from core.tokens import Price
from core.tokens.tools import functions_of

SOON = 60  # days before an end from which on it is said
MAX_WITH_IMAGES = 50_000
MARKS = ('"tools"', '"functions"', '"image_url"')  # a row without these words has neither tools nor images


def method_of(kind: Kind | None) -> str:
    """How examples of this format are trained."""
    return "dpo" if kind == Kind.PREFERENCE else "reinforcement" if kind == Kind.REINFORCEMENT else "supervised"


@dataclass(frozen=True)
class Extras:
    """How many examples offer tools, how many show images, and those images: in low detail and in any other."""

    tools: int = 0
    images: int = 0
    low: int = 0
    high: int = 0


@dataclass(frozen=True)
class Contents:
    """What a set holds, as far as a model minds. `over`: examples longer than it reads; None: not known."""

    kind: Kind | None
    examples: int
    extras: Extras = Extras()
    over: int = 0
    size: int = 0  # bytes
    validation: int | None = None  # examples held out


def extras_of(lines: Iterable[str | bytes]) -> Extras:
    """Count tools and images; give only the lines that hold one of MARKS, to be quick. Broken lines count nothing."""
    tools = images = low = high = 0
    for body in _bodies(lines):
        given = body.get("input")
        tools += bool(functions_of(body) or (isinstance(given, dict) and functions_of(given)))
        details = list(_details(body))
        images += bool(details)
        low += details.count("low")
        high += len(details) - details.count("low")
    return Extras(tools, images, low, high)


def _details(body: Body) -> Iterator[object]:
    for message in messages_of(body):
        if count_images([message]):
            for part in message["content"]:
                if isinstance(part, dict) and part.get("type") == "image_url":
                    image = part.get("image_url")
                    yield image.get("detail") if isinstance(image, dict) else None


def extras_of_file(path: Path) -> Extras:
    """Count tools and images in a JSON Lines file; lines without a trace of them are passed over."""
    if not path.stat().st_size:
        return Extras()
    with path.open("rb") as file, mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as data:
        marks = [mark.encode() for mark in MARKS]
        if all(data.find(mark) < 0 for mark in marks):
            return Extras()
        return extras_of(line for line in file if any(mark in line for mark in marks))


def _bodies(lines: Iterable[str | bytes]) -> Iterator[Body]:
    for line in lines:
        with suppress(ValueError):
            text = line.removeprefix(BOM_UTF8) if isinstance(line, bytes) else line
            body = orjson.loads(text)
            if isinstance(body, dict):
                yield body


def minded(code: str, price: Price | None) -> bool:
    """Whether a finding counts for this target: a warning may be one that it accepts, an error never is."""
    return price is None or code not in price.accepts or RULES[code].severity is Severity.ERROR


def check_target(price: Price | None, contents: Contents, today: date, *, suffix: str = "") -> list[Issue]:
    """What this model and provider do not take of a set; None for a model that nobody has described."""
    issues = [*_images(contents), *_reinforcement(contents)]
    if price is not None:
        issues = [*_ends(price, today), *_formats(price, contents), *issues, *_sizes(price, contents, suffix)]
    return issues


def _named(price: Price) -> str:
    """What is taken or not: the model, or its provider where the row stands for all other models."""
    return price.provider if price.model == "*" else price.model


def _ends(price: Price, today: date) -> Iterator[Issue]:
    if price.jobs_end and today >= price.jobs_end:
        yield make("target_closed", "", price.jobs_end.isoformat(), model=_named(price), provider=price.provider)
    elif price.answers_end and today >= price.answers_end:
        yield make("target_silent", "", price.answers_end.isoformat(), model=_named(price))
    else:
        if price.jobs_end and (price.jobs_end - today).days < SOON:
            left = (price.jobs_end - today).days
            yield make("target_closing", "", price.jobs_end.isoformat(), model=_named(price), number=left)
        if price.answers_end and (price.answers_end - today).days < SOON:
            yield make("target_answers_end", "", price.answers_end.isoformat(), model=_named(price))


def _formats(price: Price, contents: Contents) -> Iterator[Issue]:
    taken, kind = price.formats, contents.kind
    if kind and taken and kind not in taken:
        yield make("target_format", "", str(kind), model=_named(price), formats=", ".join(taken))
    elif kind and (method := method_of(kind)) not in price.methods:
        yield make("target_method", "", method, model=_named(price), methods=", ".join(price.methods))
    if taken and contents.extras.tools and "tools" not in taken:
        yield make("target_tools", "", contents.extras.tools, model=_named(price), number=contents.extras.tools)
    if taken and contents.extras.images and "images" not in taken:
        yield make("target_images", "", contents.extras.images, model=_named(price), number=contents.extras.images)


def _images(contents: Contents) -> Iterator[Issue]:
    if contents.extras.images:
        yield make("images_may_be_skipped", "", contents.extras.images, number=contents.extras.images)
        if contents.examples > MAX_WITH_IMAGES:
            yield make("too_many_with_images", "", contents.examples, number=contents.examples, limit=MAX_WITH_IMAGES)


def _reinforcement(contents: Contents) -> Iterator[Issue]:
    if contents.kind is Kind.REINFORCEMENT and contents.validation == 0:
        yield make("validation_missing")


def _sizes(price: Price, contents: Contents, suffix: str) -> Iterator[Issue]:
    if price.file_mb and contents.size > price.file_mb << 20:
        yield make("target_file_too_large", "", contents.size >> 20, model=_named(price), limit=price.file_mb)
    if contents.over:
        limit = price.context or 0
        yield make("target_context", "", contents.over, model=_named(price), number=contents.over, limit=limit)
    if price.suffix == 0 and suffix:
        yield make("target_no_suffix", "suffix", suffix, provider=price.provider)
    elif price.suffix is not None and len(suffix) > price.suffix:
        yield make("target_suffix", "suffix", suffix, model=_named(price), number=len(suffix), limit=price.suffix)

"""Ready or not: everything that is known before a launch, each point in one sentence."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime
from typing import TYPE_CHECKING, Any
from weakref import WeakKeyDictionary

from core import words
from core.dataset.examples import Kind, Split, load
from core.errors import AppError
from core.graders import fields_of
from core.jobs.billing import load_of, ratios, train_split
from core.jobs.intent import check_draft, method_for
from core.jobs.judging import refusal
from core.jobs.values import JobDraft
from core.provider import Connection, connect
from core.provider.outcome import Outcome
from core.settings import Settings
from core.tokens import Catalogue, Cost, Money, Price, cost
from core.tokens.estimates import LEAST
from core.words import T, Text

if TYPE_CHECKING:
    from core.checks.targets import Contents, Extras
    from core.store import Store, Version

FEWEST, THIN = 10, 50
PRICES = "prices"  # the preference that holds a person's own price table
_known: WeakKeyDictionary[Store, dict[tuple[int, int, Split], tuple[Extras, int]]] = WeakKeyDictionary()


@dataclass(frozen=True)
class Item:
    """One point. `blocking`: a launch makes no sense while it is not ok."""

    ok: bool
    blocking: bool
    text: Text | str
    hint: Text | str = ""


@dataclass(frozen=True)
class Readiness:
    """All points; `price` is what the training may cost, where that is known."""

    items: tuple[Item, ...]
    price: Money | None = None

    @property
    def ready(self) -> bool:
        """Whether nothing stands against a launch."""
        return all(item.ok or not item.blocking for item in self.items)


def readiness(store: Store, settings: Settings, draft: JobDraft, *, today: date | None = None) -> Readiness:
    """Everything to know before this draft is launched. Raises NotFound where its parts are gone."""
    connection = store.jobs.connection(draft.connection_id)
    day = today or datetime.now(UTC).date()
    catalogue = Catalogue.load(store.preferences.get(PRICES, None))
    price = catalogue.price(draft.model, str(connection.kind)) if draft.model.strip() else None
    items, known = _provider(settings, connection, draft)
    if known.shutdown:
        price = replace(price or Price(str(connection.kind), draft.model), answers_end=known.shutdown)
    choices = list(_choices(draft, connection))
    version = None if draft.version_id is None else store.version(draft.version_id)
    contents = contents_of(store, version.dataset_id, version.by_split, price) if version else None
    target = _target(contents, price, "" if choices else draft.suffix, day)
    if known.listed and all(item.ok or not item.blocking for item in target):
        items.append(Item(True, True, T("{model} can be trained.", model=draft.model)))
    items += [*target, *choices]
    if version is None or contents is None:
        items.append(Item(False, True, T("No data is chosen."), T("Choose a dataset.")))
        return Readiness(tuple(items))
    items += _rows(store, version, (price and price.minimum) or FEWEST)
    items += _judged(store, version, draft, known.models)
    items += _forecast(settings, connection, draft, known, (store, version))
    found = None
    if price is not None:
        epochs = None if draft.epochs == "auto" else int(draft.epochs)
        load = load_of(store, version.dataset_id, version.by_split, contents.extras, epochs)
        found = cost(price, load, ratios(store, catalogue).get(price.name))
    return Readiness((*items, *_price_lines(connection, found)), found.training if found else None)


def _choices(draft: JobDraft, connection: Connection) -> Iterator[Item]:
    try:
        check_draft(draft, connection)
    except AppError as error:
        yield Item(False, True, error.message, error.hint)


@dataclass(frozen=True)
class _Known:
    """What the provider says of the model: whether it can be had, and the day on which it goes."""

    listed: bool = False
    shutdown: date | None = None
    models: tuple[dict[str, Any], ...] = ()  # as the local provider lists them


def _provider(settings: Settings, connection: Connection, draft: JobDraft) -> tuple[list[Item], _Known]:
    name = connection.shown
    if connection.refused:
        told = T("Choose another connection; the data stays as it is.")
        return [Item(False, True, connection.refused, told)], _Known()
    items = []
    if not connection.key_source:
        items.append(Item(False, False, T("No key is set for {name}.", name=name), T("Most providers ask for one.")))
    try:
        client = connect(settings, connection, patience=2)
    except AppError as error:
        return [*items, Item(False, True, error.message, error.hint)], _Known()
    with client:
        asked = client.list_jobs(limit=1)
        if not asked.ok:
            return [*items, Item(False, True, asked.message, asked.hint)], _Known()
        items.append(Item(True, True, T("{name} answers and takes training jobs.", name=name)))
        listed = client.models()
    found = next((model for model in listed.value or [] if model.get("id") == draft.model), None)
    if found is not None or listed.outcome != Outcome.OK:
        models = tuple(listed.value or ()) if connection.is_local else ()
        return items, _Known(True, _day((found or {}).get("shutdown_date")), models)
    if draft.model.strip():
        told = T("{name} does not list a model “{model}”.", name=name, model=draft.model)
        items.append(Item(False, connection.is_local, told, T("Choose one that it offers.")))
    return items, _Known()


def _target(contents: Contents | None, price: Price | None, suffix: str, day: date) -> list[Item]:
    """What the model and its provider do not take of these data, as the Check page says it too."""
    from core.checks import Severity
    from core.checks.targets import Contents, check_target

    return [
        Item(False, issue.severity is Severity.ERROR, issue.found, issue.advice)
        for issue in check_target(price, contents or Contents(None, 0), day, suffix=suffix)
        if issue.severity is not Severity.ADVICE
    ]


def contents_of(store: Store, dataset_id: int, by_split: Mapping[str, int], price: Price | None) -> Contents:
    """What the rows that would train hold, as far as a model minds."""
    from core.checks.targets import Contents

    split = train_split(by_split)
    tokens, _answers = store.token_values(dataset_id, split)
    limit = price.context if price else None
    extras, size = _extras(store, dataset_id, split)
    return Contents(
        kind=store.dataset(dataset_id).kind,
        examples=by_split.get(split, 0),
        extras=extras,
        over=sum(count > limit for count in tokens) if limit else 0,
        size=size,
        validation=by_split.get(Split.VALIDATION, 0),
    )


def _extras(store: Store, dataset_id: int, split: Split) -> tuple[Extras, int]:
    """Tools, images and size of rows. Every line is read for that, so it is remembered until a row changes."""
    from core.checks.targets import MARKS, extras_of

    known = _known.setdefault(store, {})
    state = (dataset_id, store.dataset(dataset_id).revision, split)
    if state not in known:
        found = extras_of(store.contents.holding(dataset_id, MARKS, split))
        if len(known) >= 16:
            known.clear()
        known[state] = found, store.contents.characters(dataset_id, split)
    return known[state]


def _day(text: object) -> date | None:
    try:
        return date.fromisoformat(text) if isinstance(text, str) else None
    except ValueError:
        return None


def _rows(store: Store, version: Version, fewest: int) -> Iterator[Item]:
    from core.checks import Severity, issue_table

    rows = version.by_split.get(train_split(version.by_split), 0)
    if rows < fewest:
        told = T(
            "There {rows:is|are} {rows} {rows:row|rows} to train with; {fewest} {fewest:is|are} needed.",
            rows=rows,
            fewest=fewest,
        )
        yield Item(False, True, told, T("Add rows, or put more of them into the train part."))
    elif rows < THIN:
        told = T("{rows} {rows:row is|rows are} few: gains are seen from 50 to 100 on.", rows=rows)
        yield Item(False, False, told, T("Add more rows if you can."))
    else:
        yield Item(True, True, T("{rows} {rows:row|rows} to train with.", rows=f"{rows:,}"))
    severities = issue_table()
    counts = store.issue_counts(version.dataset_id)
    errors = sum(count for code, count in counts.items() if severities.get(code) == Severity.ERROR)
    if errors:
        told = T("The rows have {errors} {errors:error|errors}; a provider would refuse them.", errors=errors)
        yield Item(False, True, told, T("Open the report of the check: each leads to its row."))
    else:
        yield Item(True, True, T("No row has an error."))
    held_out = version.by_split.get(Split.VALIDATION, 0)
    if held_out:
        yield Item(True, False, T("{rows} {rows:row is|rows are} kept for validation.", rows=f"{held_out:,}"))
    elif store.dataset(version.dataset_id).kind is not Kind.REINFORCEMENT:  # there it is said as an error already
        told = T("No rows are kept for validation: nobody will see whether the model memorises.")
        yield Item(False, False, told, T("Split the data before you launch."))


def _judged(store: Store, version: Version, draft: JobDraft, listed: Sequence[Mapping[str, Any]]) -> Iterator[Item]:
    """Whether a reinforcement training has a grader that the model can be judged by, and that finds what it reads in
    every row."""
    try:
        method_for(store.dataset(version.dataset_id).kind, draft.grader)
    except AppError as error:
        yield Item(False, True, error.message, error.hint)
        return
    if store.dataset(version.dataset_id).kind != Kind.REINFORCEMENT:
        return
    split = train_split(version.by_split)
    bodies = (load(row.raw) for row in store.version_rows(version.id, split))
    refused = refusal(draft.model, listed, draft.grader or {}, bodies) if listed else None
    if refused is not None:
        yield Item(False, True, refused.message, refused.hint)
        return
    wanted = fields_of(draft.grader)
    missing = next(
        ((row.position, name) for row in store.version_rows(version.id) for name in wanted - set(load(row.raw))), None
    )
    if missing is None:
        yield Item(True, True, T("The grader finds what it reads in every row."))
    else:
        told = T("The grader reads the field {field}, which row {row} does not have.", row=missing[0], field=missing[1])
        yield Item(False, True, told, T("Add it to the row, or let the grader read another field."))


def _forecast(
    settings: Settings, connection: Connection, draft: JobDraft, known: _Known, data: tuple[Store, Version]
) -> Iterator[Item]:
    """What the training would take of this computer, where the local provider can tell."""
    store, version = data
    if not known.models:
        return
    from core.checks.targets import method_of

    split, kind = train_split(version.by_split), store.dataset(version.dataset_id).kind
    tokens = [count for count in store.token_values(version.dataset_id, split)[0] if count > 0]
    size = {"rows": len(tokens), "tokens": sum(tokens), "longest": max(tokens, default=0), "method": method_of(kind)}
    size |= {"n_epochs": draft.epochs, "batch_size": draft.batch_size}
    try:
        with connect(settings, connection, patience=0) as client:
            found = (client.model(draft.model, size).value or {}).get("training") if tokens else None
    except AppError:
        return
    if not isinstance(found, dict):
        return
    fits, text = found.get("fits"), words.told(found) or str(found.get("message", ""))
    hint = T("Take a smaller model, a smaller batch size, shorter rows or fewer epochs.")
    if fits == "unknown":
        hint = T("See that the workers of the cluster have that much.")
    yield Item(fits == "yes", fits == "no", text, "" if fits == "yes" else hint)


def _price_lines(connection: Connection, found: Cost | None) -> Iterator[Item]:
    if connection.is_local:
        yield Item(True, False, T("It costs nothing: it is trained on this computer."))
        return
    if found is None or found.training is None:
        if found is not None and found.price.training_hour:
            each = f"{found.price.training_hour:,.2f}"
            told = T("It is billed by the time it takes: {each} US dollars an hour.", each=each)
            yield Item(False, False, told, T("How long it takes is not known beforehand."))
            return
        told = T("What it costs is not known.")
        yield Item(False, False, told, T("Enter the price of this model in Settings, Prices."))
        return
    money, checked = found.training, found.price.checked_on
    told = T(
        "It costs about {low} to {high} US dollars for {tokens} tokens (prices checked on {day}).",
        low=_amount(money.low, money.high),
        high=_amount(money.high, money.high),
        tokens=f"{money.high_tokens:,}",
        day=checked.isoformat() if checked else "–",
    )
    yield Item(True, False, told)
    if found.ratio:
        low, high, jobs = f"{found.ratio.low:.2f}", f"{found.ratio.high:.2f}", found.ratio.jobs
        told = T("Finished jobs ({jobs}) were billed {low} to {high} times what is counted here, and so is this.",
                 jobs=jobs, low=low, high=high)  # fmt: skip
        yield Item(True, False, told)
    if found.validation and found.validation.high:
        low, high = (_amount(value, found.validation.high) for value in (found.validation.low, found.validation.high))
        yield Item(True, False, T("The held-out rows are billed too: {low} to {high} US dollars.", low=low, high=high))
    if found.hosting:
        told = T("Keeping the model ready costs about {month} US dollars a month, also while nobody asks it.",
                 month=f"{found.hosting:,.0f}")  # fmt: skip
        yield Item(False, False, told, T("Take it down when you do not need it."))


def _amount(dollars: float, most: float) -> str:
    """Dollars to the cent; to a hundredth of it where all is less than one."""
    return f"{dollars:,.2f}" if most >= LEAST or not most else f"{dollars:.4f}"

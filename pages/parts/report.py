"""The report of a dataset: figures, what the checks found, how labels and tokens are spread, what training costs."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import UTC, date, datetime

import streamlit as st

from core import privacy
from core.checks import DEFAULT_LIMIT, MIN_EXAMPLES, Issue, Severity, check_set, issue_table, sentence_of
from core.checks.labels import Slip
from core.checks.privacy.characters import visible
from core.checks.targets import Contents, check_target, minded
from core.dataset.examples import Kind, Split, user_text
from core.store import Dataset
from core.store.aggregates import Repeats
from core.store.relations import slip_mark
from core.tokens import (
    DEFAULT,
    Distribution,
    Money,
    Price,
    default_epochs,
    distribution,
    in_dollars,
    known_encoding,
)
from core.tokens.catalogue import CLASSIC
from core.tokens.folders import INSTALLED, at_hand, is_own
from core.words import _
from pages.parts import charts, frame, grid, progress, resources, state, tabs, tokenisers
from pages.parts.snapshot import MARKS
from pages.parts.text import escape

FIRST_ROWS = 5
NONE_REPEATED = Repeats(0, 0, ())


@dataclass(frozen=True)
class Figures:
    """What the report says in numbers. Tokens to train on are those of the rows that train."""

    rows: int
    issues: dict[str, int]
    tokens: list[int]
    answers: list[int]
    trained: list[int]
    limit: int
    whole: tuple[Issue, ...] = ()  # what is to be said of the dataset as a whole
    repeats: Repeats = NONE_REPEATED
    slipped: int = 0  # rows whose label is probably a slip of another
    automatic: bool = False  # the model chooses the epochs as it learns

    @property
    def epochs(self) -> int:
        """How often each row is seen by default."""
        return default_epochs(len(self.trained))

    @property
    def over(self) -> int:
        """Rows with more tokens than the model takes."""
        return sum(value > self.limit for value in self.tokens)

    def found(self, severity: Severity) -> int:
        """How many findings of this severity there are; of rows that are too long or stand there twice, how many."""
        table = issue_table()
        of_rows = sum(count for code, count in self.issues.items() if table.get(code) is severity)
        if severity is Severity.WARNING:
            of_rows += self.over + self.repeats.extra + self.repeats.leaked + self.slipped
        return of_rows + sum(issue.severity is severity for issue in self.whole)

    def billable(self, limit: int | None = None) -> int:
        """Tokens that one pass over the training rows is billed for: each row is cut at the limit."""
        most = limit or self.limit
        return sum(min(value, most) for value in self.trained)


@st.cache_data(max_entries=16, show_spinner=False)
def values(dataset_id: int, revision: int, encoding: str) -> tuple[list[int], list[int], list[int]]:
    """Tokens of all rows, of their answers, and of the rows that train, of this revision of a dataset."""
    from core import jobs

    store = resources.store()
    tokens, answers = store.token_values(dataset_id)
    splits = store.split_counts(dataset_id)
    trains = jobs.train_split(splits)
    return tokens, answers, tokens if set(splits) <= {trains} else store.token_values(dataset_id, trains)[0]


@st.cache_data(max_entries=16, show_spinner=False)
def exact_repeats(dataset_id: int, revision: int, aside: tuple[tuple[str, str], ...]) -> Repeats:
    """Exact repeats in this revision of a dataset, but for those that are set aside."""
    return resources.store().repeats(dataset_id, FIRST_ROWS)


@st.cache_data(max_entries=16, show_spinner=False)
def slips(dataset_id: int, revision: int, aside: tuple[tuple[str, str], ...]) -> list[Slip]:
    """Label names of this revision that are probably another one written wrongly, but for those that are set aside."""
    from core.checks import labels

    found = labels.slips(resources.store().label_counts(dataset_id))
    return [slip for slip in found if slip_mark(slip) not in aside]


def _aside(dataset: Dataset) -> tuple[tuple[str, str], ...]:
    """What somebody found fine in a dataset."""
    return tuple(sorted(resources.store().asides.marks(dataset.id)))


@st.cache_data(max_entries=16, show_spinner=False)
def contents(dataset_id: int, revision: int) -> Contents:
    """Tools, images and size of the rows that train, of this revision of a dataset."""
    from core import jobs

    return jobs.contents_of(resources.store(), dataset_id, resources.store().split_counts(dataset_id), None)


def figures(dataset: Dataset, price: Price | None) -> Figures:
    """The figures of a dataset for a model; warnings that do not hold for it are left out."""
    tokens, answers, trained = values(dataset.id, dataset.revision, dataset.encoding)
    limit = (price.context if price else None) or DEFAULT_LIMIT
    counts = resources.store().issue_counts(dataset.id)
    issues = {code: count for code, count in counts.items() if minded(code, price)}
    aside = _aside(dataset)
    return Figures(
        dataset.rows, issues, tokens, answers, trained, limit, tuple(_of_the_whole(dataset, price)),
        exact_repeats(dataset.id, dataset.revision, aside),
        sum(slip.rows for slip in slips(dataset.id, dataset.revision, aside)),
        price is not None and (price.provider, price.model) == CLASSIC,
    )  # fmt: skip


def model(prices: list[Price]) -> Price | None:
    """The model that training is planned for: it sets limit, encoding and price."""
    known = {f"{price.provider}/{price.model}": price for price in prices}
    if not known:
        return None
    state.once("check_model", lambda: state.parameter("model") or next(iter(known)))
    if state.get("check_model", "") not in known:
        state.put("check_model", next(iter(known)))
    chosen = st.selectbox(
        _("Planned for"), list(known), format_func=lambda key: _("Planned for {model}", model=model_name(known[key])),
        key="check_model", label_visibility="collapsed",
        on_change=_choose_model, width=330,
    )  # fmt: skip
    return known[chosen]


def _choose_model() -> None:
    state.set_parameters(model=str(state.get("check_model", "")))


def model_name(price: Price) -> str:
    """A model with its provider, in words."""
    if price.provider == "local":
        return _("This computer: {model}", model=price.model)
    return f"{price.provider}: {price.model}" if price.model != "*" else _("{name}: other models", name=price.provider)


def tiles(found: Figures, cost: Money | None) -> None:
    """The six figures that matter."""
    errors, warnings = found.found(Severity.ERROR), found.found(Severity.WARNING)
    with st.container(horizontal=True, gap="xsmall"):
        st.metric(_("Rows"), f"{found.rows:,}", border=True, height="stretch")
        st.metric(f"{MARKS[Severity.ERROR]} {_('Errors')}", f"{errors:,}", border=True, height="stretch")
        st.metric(f"{MARKS[Severity.WARNING]} {_('Warnings')}", f"{warnings:,}", border=True, height="stretch")
        help_ = _("Tokens to train on, each row once.")
        st.metric(_("Tokens"), f"{found.billable():,}", border=True, height="stretch", help=help_)
        help_ = _("How often each row is seen when the provider chooses: {n} {n:epoch|epochs}.", n=found.epochs)
        if found.automatic:
            help_ = _("This computer chooses as it learns: it goes through few rows more often.")
        shown = _("automatic") if found.automatic else f"{found.epochs}"
        st.metric(_("Epochs"), shown, border=True, height="stretch", help=help_)
        st.metric(_("Cost"), money(cost), border=True, height="stretch")


def money(cost: Money | None) -> str:
    """A range of dollars in short."""
    return _("not known") if cost is None else in_dollars(cost.low, cost.high)


def _of_the_whole(dataset: Dataset, price: Price | None) -> list[Issue]:
    """What is to be said of the rows that train as a whole, and of the model they are planned for; gravest first."""
    held = replace(contents(dataset.id, dataset.revision), kind=dataset.kind)
    fewest = (price.minimum if price else None) or MIN_EXAMPLES
    found = check_set({dataset.kind: held.examples}, held.examples, minimum=fewest)
    found = [issue for issue in found if minded(issue.code, price)] + check_target(price, held, today())
    return sorted(found, key=lambda issue: list(Severity).index(issue.severity))


def issues(dataset: Dataset, found: Figures) -> None:
    """What the checks found, the gravest first, each with its first rows and the way to all of them."""
    table = issue_table()
    for issue in found.whole:
        st.markdown(f"{MARKS[issue.severity]} {escape(issue.sentence)}")
    if found.over:
        with st.container(horizontal=True, vertical_alignment="center"):
            sentence = _("{n} {n:row has|rows have} more than {limit} tokens: what is beyond is cut off or refused.",
                         n=f"{found.over:,}", limit=f"{found.limit:,}")  # fmt: skip
            st.markdown(f"{MARKS[Severity.WARNING]} {escape(sentence)}", width="stretch")
            _link(_("Show them"), over=str(found.limit), sort="-tokens")
    repeated = _compared(dataset, found.repeats)
    if not found.issues and not found.whole and not found.over and not repeated:
        st.success(_("Nothing to object to: every row keeps the rules of its format."))
    order = list(Severity)
    for code, count in sorted(found.issues.items(), key=lambda item: (order.index(table[item[0]]), -item[1])):
        with st.expander(f"{MARKS[table[code]]} **{count:,}** · {escape(sentence_of(code))}"):
            _first_rows(dataset, code, count)


def _compared(dataset: Dataset, repeats: Repeats) -> bool:
    """Rows that stand there twice, held-out rows that also train, slips of labels: a line each; whether any is."""
    said = []
    if repeats.leaked:
        leak = _("{n} {n:held-out row also stands|held-out rows also stand} among the training rows: comparing on"
                 " {n:it|them} flatters the model.",
                 n=f"{repeats.leaked:,}")  # fmt: skip
        said.append(escape(leak))
    if repeats.extra:
        extra = _("Rows that repeat another row exactly. What is seen twice weighs double: delete one of them.")
        said.append(f"**{repeats.extra:,}** · {escape(extra)}")
    slipped = slips(dataset.id, dataset.revision, _aside(dataset))
    if slipped:
        slip = _("Label names that look like slips: “{label}” is probably “{meant}”.",
                 label=visible(slipped[0].label), meant=visible(slipped[0].meant))  # fmt: skip
        said.append(f"**{sum(each.rows for each in slipped):,}** · {escape(slip)}")
    if said:
        with st.container(border=True, horizontal=True, vertical_alignment="center"):
            st.markdown("  \n".join(f"{MARKS[Severity.WARNING]} {line}" for line in said), width="stretch")
            st.button(_("Show them"), icon=":material/join_inner:", on_click=tabs.open_repeats, key="repeats_show",
                      args=("labels" if slipped and len(said) == 1 else None,))  # fmt: skip
    return bool(said)


def _first_rows(dataset: Dataset, code: str, count: int) -> None:
    """The first rows of a finding, each with the way into the grid, and the way to all of them."""
    store = resources.store()
    for example_id, _position in store.first_issue_rows(dataset.id, code, FIRST_ROWS):
        example = store.example(example_id)
        with st.container(horizontal=True, vertical_alignment="center"):
            st.text(privacy.half_shown(user_text(example.body))[-160:] or _("(empty)"), width="stretch")
            _link(_("Open"), row=str(example_id), issue=code)
    if count > 1:
        _link(_("Show all {n} rows", n=f"{count:,}"), issue=code)


def _link(label: str, **where: str) -> None:
    """A link to the rows in the grid."""
    dataset = state.dataset_id()
    st.page_link(frame.EDIT, label=label, icon=":material/edit:", query_params={**where, "dataset": str(dataset)})


def label_chart(dataset: Dataset) -> None:
    """Rows of each label; once the rows are split, one colour for each split."""
    store = resources.store()
    splits = [split for split in (Split.TRAIN, Split.VALIDATION, Split.TEST, Split.NONE)
              if store.split_counts(dataset.id).get(split)]  # fmt: skip
    counts = {str(split): store.label_counts(dataset.id, split) for split in splits}
    known = {label for of_split in counts.values() for label in of_split if label}
    if not known:
        judged = _("These rows have no labels: the model tries answers, and a training says how they are judged.")
        free = _("These rows have no labels: their answers are free text.")
        st.caption(judged if dataset.kind is Kind.REINFORCEMENT else free)
        return
    names = {str(split): grid.split_name(split) if split else _("Not split") for split in splits}
    st.plotly_chart(charts.labels(counts, names), key="labels", config=charts.CONFIG, alt=_("Rows of each label"))
    if len(known) > charts.MOST_LABELS:
        st.caption(_("The {n} commonest of {m} labels.", n=charts.MOST_LABELS, m=len(known)))


def token_charts(dataset: Dataset, found: Figures) -> None:
    """How long examples and answers are, in tokens."""
    left, right = st.columns(2)
    with left:
        _token_chart(found.tokens, _("Tokens in an example"), 0, found.limit)
    with right:
        if dataset.kind is Kind.REINFORCEMENT:
            st.caption(_("These rows hold no answers: the model tries its own, and a grader judges them."))
        else:
            both = dataset.kind is Kind.PREFERENCE
            _token_chart(found.answers, _("Tokens in its two answers") if both else _("Tokens in its answer"), 2)
    tokenisers.choose(dataset)


def _token_chart(counted: list[int], title: str, colour: int, limit: int | None = None) -> None:
    figure = charts.spread(counted, title, colour, limit)
    st.plotly_chart(figure, key=f"spread_{colour}", config=charts.CONFIG, alt=title)
    st.caption(escape(_middle(distribution([value for value in counted if value >= 0]))))


def _middle(spread: Distribution) -> str:
    if spread.median is None or spread.p10 is None or spread.p90 is None:
        return _("Nothing counted")
    if spread.min == spread.max:
        return _("each has {n}; {total} in all", n=f"{spread.max:,}", total=f"{spread.total:,}")
    return _(
        "half have up to {median}, 8 in 10 between {p10} and {p90}, the longest {max}; {total} in all",
        median=f"{spread.median:,.0f}", p10=f"{spread.p10:,.0f}", p90=f"{spread.p90:,.0f}",
        max=f"{spread.max:,}", total=f"{spread.total:,}",
    )  # fmt: skip


def recount(dataset: Dataset, price: Price | None) -> None:
    """Where the model counts with another encoding than was counted with: count again."""
    task = resources.store().tasks.latest("recount", str(dataset.id))
    if task is not None and task.is_active:
        progress.show(task, _("Counting tokens again"))
    elif is_own(dataset.encoding) and dataset.encoding not in at_hand():
        with st.container(border=True, horizontal=True, vertical_alignment="center"):
            sentence = _("The tokeniser {model} is not here any more: rows that you change are saved, but not counted.",
                         model=dataset.encoding.removeprefix(INSTALLED))  # fmt: skip
            st.markdown(escape(sentence), width="stretch")
            tokenisers.count_again(dataset.id, price.encoding if price is not None else DEFAULT)
    elif price is not None and price.encoding != dataset.encoding and _counts_otherwise(dataset, price):
        with st.container(border=True, horizontal=True, vertical_alignment="center"):
            sentence = _("This model counts tokens with {wanted}; these were counted with {seen}.",
                         wanted=tokenisers.shown(price.encoding), seen=tokenisers.shown(dataset.encoding))  # fmt: skip
            st.markdown(escape(sentence), width="stretch")
            tokenisers.count_again(dataset.id, price.encoding)


def _counts_otherwise(dataset: Dataset, price: Price) -> bool:
    """Whether it is worth a word: who chose a model's own tokenizer meant it, but not for a model with another one."""
    return is_own(price.encoding) or not is_own(dataset.encoding) or known_encoding(price.model) is not None


def today() -> date:
    """The day it is, in UTC."""
    return datetime.now(UTC).date()


def trainable() -> list[Price]:
    """The models that can be trained today."""
    return [price for price in resources.catalogue().prices if price.trainable(today())]

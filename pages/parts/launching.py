"""The form of a new training, what stands in its way, and the button that sends it once."""

from __future__ import annotations

import streamlit as st

from core.dataset.examples import Kind, Split, answer_text
from core.jobs.values import JobDraft
from core.provider.connection import Connection, ProviderKind
from core.store import Dataset
from core.words import _
from pages.parts import choices, feedback, frame, grading, resources, state
from pages.parts.text import escape


def show_data(dataset: Dataset) -> None:
    """How many rows train and how many are held out; where nothing is held out, how to do that."""
    from core import jobs

    counts = resources.store().split_counts(dataset.id)
    validation, trains = counts.get(Split.VALIDATION, 0), jobs.train_split(counts)
    train, unplaced = counts.get(trains, 0), counts.get(Split.NONE, 0) if trains else 0
    with st.container(border=True, horizontal=True):
        st.metric(_("Rows to train on"), f"{train:,}")
        st.metric(_("Rows held out"), f"{validation:,}")
        if tested := counts.get(Split.TEST, 0):
            st.metric(_("Rows for the final test"), f"{tested:,}")
        if not validation:
            st.caption(_("Nothing is held out, so there will be nothing honest to compare on."))
            st.page_link(frame.CHECK, label=_("Split the data first"), icon=":material/fact_check:")
        elif unplaced:
            st.caption(_("{n} {n:row is|rows are} in no part yet: {n:it does|they do} not train.", n=f"{unplaced:,}"))
            st.page_link(frame.CHECK, label=_("Place them first"), icon=":material/fact_check:")


def form(dataset: Dataset) -> JobDraft:
    """What a person wants to train, as far as it is filled in."""
    connection = choices.connection(_("Train where"), "launch_connection")
    for note in connection.preset.notes if connection.kind is not ProviderKind.OTHER else ():
        st.caption(escape(note))
    model = _model(connection, dataset)
    if connection.is_local and model.startswith("local-classic") and _is_free_text(dataset):
        st.caption(_("The answers are free text: {model} writes nothing of its own, it answers with the nearest of "
                     "them, word for word. To have new texts written, choose an open model or another provider.",
                     model=escape(model)))  # fmt: skip
    grader = grading.form(dataset)
    name = st.text_input(
        _("Name of this training"), value=dataset.name, max_chars=100, help=_("For your own list; free to choose.")
    )
    with st.expander(_("More choices (all can stay as they are)")):
        automatic = st.toggle(_("Let the provider choose the epochs"), value=True, key="launch_auto_epochs")
        epochs = None if automatic else st.slider(_("Epochs: how often each row is seen"), 1, 50, 3)
        suffix = st.text_input(
            _("Suffix: a word in the name of the new model"),
            max_chars=connection.preset.suffix_limit,
            placeholder="my-topics",
        )
        seed = st.number_input(
            _("Seed: the same number gives the same training"), 0, 2**31 - 1, value=None, placeholder=_("random")
        )
        rate = st.number_input(
            _("Learning rate multiplier"), 0.0, None, value=None, placeholder=_("automatic"), format="%g"
        )
        batch = st.number_input(_("Batch size"), 1, 256, value=None, placeholder=_("automatic"))
    return JobDraft(
        connection_id=connection.id,
        version_id=None,
        model=model,
        name=name.strip() or dataset.name,
        epochs=epochs or "auto",
        batch_size=batch or "auto",
        learning_rate_multiplier=rate or "auto",
        suffix=suffix.strip(),
        seed=seed,
        draft_id=state.once("launch_draft", state.new_token),
        grader=grader,
    )


def _is_free_text(dataset: Dataset) -> bool:
    """Whether the answers are neither classes nor calls nor other JSON, as far as the first row shows."""
    store = resources.store()
    if dataset.kind is not Kind.CHAT or any(store.label_counts(dataset.id)):
        return False
    first = next(iter(store.examples(dataset.id)), None)
    return first is not None and not answer_text(first.body).lstrip().startswith(("{", "["))


def _model(connection: Connection, dataset: Dataset) -> str:
    """The base model: from what the connection offers for these data and the catalogue trains, or typed."""
    from core.checks.targets import method_of

    listed = [price.model for price in resources.catalogue().models(connection.kind.value) if price.model != "*"]
    offered = choices.offered_models(connection.id, connection.base_url, method_of(dataset.kind))
    known = [model for model in offered if model in listed or connection.is_local]
    options = known or offered or listed
    return (
        st.selectbox(
            _("Model to start from"),
            options,
            index=0 if options else None,
            accept_new_options=True,
            key=f"launch_model_{connection.id}",
            placeholder=_("Type the name of a model"),
            help=_("Not in the list? Type its name and press Enter."),
        )
        or ""
    )


def summary(dataset: Dataset, draft: JobDraft) -> None:
    """Ready or not ready, line by line, and the button."""
    from core import jobs

    with st.container(border=True):
        with st.spinner(_("Looking whether everything is ready …"), show_time=False):
            draft = _with_version(dataset, draft)
            readiness = jobs.readiness(resources.store(), resources.settings(), draft)
        st.subheader(_("Ready to train") if readiness.ready else _("Not ready yet"))
        for item in readiness.items:
            mark = feedback.GOOD if item.ok else feedback.BAD if item.blocking else feedback.DOUBT
            st.markdown(f"{mark} {escape(item.text)}")
            if str(item.hint) and not item.ok:
                st.caption(escape(item.hint))
        # No callback: it would be given the draft as it was drawn, without what was typed just before the click.
        clicked = st.button(
            _("Start training"),
            type="primary",
            icon=":material/rocket_launch:",
            width="stretch",
            disabled=not readiness.ready,
        )
        st.caption(_("One click sends one job, never two. You can close the browser; it goes on."))
        if clicked and readiness.ready:
            _launch(draft)


def _with_version(dataset: Dataset, draft: JobDraft) -> JobDraft:
    """The draft on the frozen version of the data as they are now."""
    from dataclasses import replace

    kept = state.get("frozen_version", (0, 0, 0))
    if kept[:2] != (dataset.id, dataset.revision):
        version = resources.store().freeze(dataset.id)
        kept = (dataset.id, dataset.revision, version.id)
        state.put("frozen_version", kept)
    return replace(draft, version_id=kept[2])


def _launch(draft: JobDraft) -> None:
    """Write the job and the task that sends it down, then show it."""
    from core import jobs, tasks

    store, settings, who = resources.store(), resources.settings(), resources.who()
    with feedback.errors():
        # Nothing of Streamlit between the two: a second click may cut the run short wherever it is touched.
        job = jobs.launch(store, settings, draft, who)
        tasks.enqueue(store, settings, "launch", str(job.id), {})
        state.drop("launch_draft")
        state.open_job(job.id)
        st.switch_page(frame.JOBS)

"""Choosing a comparison, starting one, and following it while the models are asked."""

from __future__ import annotations

import streamlit as st

from core.dataset.examples import Split
from core.jobs.values import Job
from core.store.evaluations import Evaluation, ModelRef
from core.words import T, _
from pages.parts import feedback, frame, progress, resources, state

NEW = 0  # stands in the chooser for a comparison that is still to be made


def choose() -> Evaluation | None:
    """The open comparison, with a chooser; None where a new one is to be started."""
    known = {evaluation.id: evaluation for evaluation in resources.store().evaluations.all()}
    if not known:
        return None
    chosen = state.evaluation_id()
    if chosen not in known and chosen != NEW:
        chosen = next(iter(known))
    options = [*known, NEW]
    chosen = st.selectbox(
        _("Comparison"),
        options,
        index=options.index(chosen),
        format_func=lambda number: f"#{number} · {known[number].name}" if number else _("New comparison"),
        label_visibility="collapsed",
    )
    state.open_evaluation(chosen)
    return known.get(chosen)


def newest_of(job: Job) -> int:
    """The id of the newest comparison of this training's model; NEW where there is none."""
    made = (
        each.id
        for each in resources.store().evaluations.all()
        if job.fine_tuned_model in {m.model for m in each.models}
    )
    return next(made, NEW)


def usable_jobs() -> dict[int, Job]:
    """The trainings that have left a model to ask, newest first."""
    return {job.id: job for job in resources.store().jobs.list() if job.is_usable}


def no_model_yet() -> None:
    """The lesson where nothing can be compared or asked."""
    feedback.empty(
        _("No trained model yet"),
        _("A comparison asks the same held-out questions of the model before and after training."),
        _("Train one first"),
        frame.LAUNCH,
    )


def choose_job(key: str) -> Job | None:
    """A training whose model is looked at; None (and a lesson) where there is none."""
    jobs = usable_jobs()
    if not jobs:
        no_model_yet()
        return None
    opened = state.job_id()
    number = st.selectbox(
        _("Trained model"),
        list(jobs),
        index=list(jobs).index(opened) if opened in jobs else 0,
        format_func=lambda number: f"{jobs[number].name} · {jobs[number].fine_tuned_model}",
        key=key,
    )
    return jobs[number]


def references(job: Job) -> tuple[ModelRef, ModelRef]:
    """The two models of a training: what it began with and what it made. Their names are translated when read."""
    return (
        ModelRef(job.connection_id, job.model, T("Base model").sentence),
        ModelRef(job.connection_id, job.fine_tuned_model, T("Fine-tuned model").sentence),
    )


def start() -> None:
    """The form of a new comparison."""
    job = choose_job("compare_job")
    if job is None:
        return
    held_out = resources.store().version(job.version_id).by_split.get(Split.VALIDATION, 0) if job.version_id else 0
    if not held_out:
        st.warning(_("This training held no rows out, so there are none that the model has not seen."))
        st.page_link(frame.CHECK, label=_("Split the data, then train again"), icon=":material/fact_check:")
        return
    st.write(_("Both models answer the {n} {n:row that was|rows that were} held out from training.", n=f"{held_out:,}"))
    with st.expander(_("More choices (all can stay as they are)")):
        limit = st.number_input(_("At most this many rows, drawn at random"), 1, held_out, min(held_out, 1000))
        parallel = st.slider(_("Questions asked at the same time"), 1, 32, 8)
    if st.button(_("Compare them"), type="primary", icon=":material/balance:"):
        _start(job, limit, parallel)


def _start(job: Job, limit: int, parallel: int) -> None:
    from core import evaluation, tasks
    from core.graders import fields_of

    store, settings = resources.store(), resources.settings()
    read = fields_of(job.params.get("grader") or {})  # with one field it is what the answers were compared with
    with feedback.errors():
        draft = evaluation.EvaluationDraft(
            name=job.name, version_id=job.version_id or 0, models=references(job), limit=limit, parallel=parallel,
            expected=read.pop() if len(read) == 1 else "",
        )  # fmt: skip
        begun = evaluation.start(store, settings, draft, resources.who())
        tasks.enqueue(store, settings, "evaluate", str(begun.id), {})
        state.open_evaluation(begun.id)
        st.rerun()


def is_done(evaluation: Evaluation) -> bool:
    """Whether there is something to show; draws the progress while the models are asked, and a way to go on."""
    task = resources.store().tasks.latest("evaluate", str(evaluation.id))
    if task and task.is_active:
        progress.show(task, _("Asking the models"))
        return False
    if evaluation.finished_at is None:
        if task and task.error:
            feedback.show_error(task.error)
        st.info(_("This comparison was stopped before the end. The answers so far are kept."))
        st.button(_("Go on"), type="primary", on_click=_resume, args=(evaluation.id,))
    return bool(resources.store().evaluations.answered(evaluation.id))


def _resume(evaluation_id: int) -> None:
    from core import tasks

    with feedback.errors():
        tasks.enqueue(resources.store(), resources.settings(), "evaluate", str(evaluation_id), {})

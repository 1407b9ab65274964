"""One training on screen, followed live: its state, progress, curves, checkpoints and events."""

from __future__ import annotations

import streamlit as st

from core.jobs.values import Event, Job, LaunchState
from core.provider.connection import LOCAL_ID
from core.provider.status import Status
from core.words import _
from pages.parts import choices, comparing, curves, feedback, frame, removing, resources, state
from pages.parts.text import escape

FIGURES = (
    "train_loss",
    "valid_loss",
    "full_valid_loss",
    "train_reward_mean",
    "valid_reward_mean",
    "full_valid_reward_mean",
)
LOOK_EVERY = 1.5  # seconds between two looks at a training that is going on


def choose() -> Job | None:
    """The open training, with a chooser where there are several; None where there is none."""
    jobs = {job.id: job for job in resources.store().jobs.list()}
    names = {
        id: f"#{id} · {job.name} · {job.model}" + (f" · {_('off the list')}" if job.is_removed else "")
        for id, job in removing.shown(jobs).items()
    }
    with st.container(horizontal=True, vertical_alignment="center"):
        chosen = choices.one_of(_("Training"), names, state.job_id()) if names else None
        removing.switch(jobs)
    state.open_job(chosen)
    return None if chosen is None else jobs[chosen]


def show(job: Job) -> None:
    """The training; drawn again by itself while it may still change."""
    if job.is_settled:
        _body(job)
    else:
        st.fragment(_live, run_every=LOOK_EVERY)(job.id)


def _live(job_id: int) -> None:
    with feedback.errors():
        job = resources.store().jobs.get(job_id)
        if job.is_settled:
            st.rerun()
        _body(job)


def _body(job: Job) -> None:
    _headline(job)
    _decisions(job)
    store = resources.store()
    points = store.jobs.metrics(job.id)
    checkpoints = store.jobs.checkpoints(job.id)
    if points:
        from core.jobs import metrics, reading

        lines = metrics.series(store, job.id)
        curves.show(lines, [checkpoint.step for checkpoint in checkpoints], key=f"curve-{job.id}")
        # What a curve says of its end is true only once it has ended.
        for sentence in () if job.is_running else reading.read_curve(lines, checkpoints):
            st.markdown(f":material/lightbulb: {escape(sentence)}")
    elif job.is_running and job.status != Status.PAUSED:
        _latest(job)
    _facts(job)
    if checkpoints and not job.is_deleted:
        _checkpoints(job)
    with st.expander(_("What the provider said")):
        _events(job)


def _latest(job: Job) -> None:
    """The newest word of the provider, while there is no figure to look at: getting ready may take minutes."""
    events = resources.store().jobs.events(job.id)
    if events:
        st.caption(escape(_message(events[-1])))


def _events(job: Job) -> None:
    """What the provider said, newest first, by the clock of the person who looks."""
    events = reversed(resources.store().jobs.events(job.id, limit=500))
    levels = {"info": _("info"), "warn": _("warning"), "error": _("error")}
    rows = [
        {
            _("When"): feedback.moment(event.at, seconds=True),
            _("Level"): levels.get(event.level, event.level),
            _("Message"): _message(event),
        }
        for event in events
    ]
    widths = {_("When"): 150, _("Level"): 70, _("Message"): 900}
    columns = {name: st.column_config.Column(width=width) for name, width in widths.items()}
    st.dataframe(rows, hide_index=True, column_config=columns, height=280 if len(rows) > 6 else "auto")


def _message(event: Event) -> str:
    """What an event says, in the language spoken now as far as that is known: figures are told anew from their data."""
    from core.provider.status import metrics_of

    found = metrics_of(event.data) if event.type == "metrics" else {}
    figures = [f"{curves.series_name(name)} {found[name]:.3g}" for name in FIGURES if name in found]
    if not figures or not {"step", "total_steps"} <= found.keys():
        return event.shown
    step, total = f"{found['step']:,.0f}", f"{found['total_steps']:,.0f}"
    return _("Step {n} of {total}: {figures}", n=step, total=total, figures=" · ".join(figures))


def _headline(job: Job) -> None:
    marks = {
        Status.SUCCEEDED: feedback.GOOD,
        Status.FAILED: feedback.BAD,
        Status.CANCELLED: ":material/stop_circle:",
        Status.PAUSED: ":material/pause_circle:",
    }
    mark = (
        marks.get(job.status, ":material/hourglass_top:")
        if job.status
        else feedback.BAD
        if job.state == LaunchState.REFUSED
        else ":material/hourglass_top:"
    )
    st.subheader(f"{mark} {escape(job.name)} · {escape(job.shown)}")
    sending = job.state in (LaunchState.INTENT, LaunchState.SENDING, LaunchState.UNKNOWN)
    if job.is_running or (sending and not job.is_settled):
        parts = []
        if job.step is not None and job.total_steps:
            parts.append(_("step {n} of {total}", n=f"{job.step:,}", total=f"{job.total_steps:,}"))
        resting = job.status == Status.PAUSED
        left = None if resting else job.remaining()
        if left is not None:
            parts.append(_("about {time} left", time=feedback.duration(left.total_seconds())))
        st.progress(job.progress or 0.0, text=" · ".join(parts) or (_("Paused") if resting else _("Working …")))
    if job.status == Status.PAUSED and job.is_running:
        st.caption(_("Nothing that it has learnt is lost; it goes on when you say so."))
    if str(job.error):
        st.error(escape(job.error) + (f"\n\n{escape(job.hint)}" if str(job.hint) else ""))


def _decisions(job: Job) -> None:
    """What a person can do about it now."""
    with st.container(horizontal=True, vertical_alignment="center"):
        _rest(job)
        if job.is_running:
            with st.popover(_("Stop the training"), icon=":material/stop_circle:"):
                st.write(_("A training that was stopped cannot go on, and makes no model of its own."))
                if _can_pause(job):
                    st.caption(_("To go on later, pause it instead: nothing that it has learnt is lost."))
                st.button(
                    _("Stop it for good"), type="primary", key=f"cancel-{job.id}", on_click=_act,
                    args=("cancel", job.id),
                )  # fmt: skip
        if job.state == LaunchState.ASK:
            st.button(_("Look again"), type="primary", on_click=_act, args=("check_again", job.id))
            st.button(_("Launch again (may cost twice)"), on_click=_act, args=("launch_again", job.id))
        if job.state == LaunchState.REFUSED or (job.state == LaunchState.INTENT and job.is_settled):
            st.button(_("Send it again"), type="primary", on_click=_act, args=("launch_again", job.id))
        if job.state in (LaunchState.INTENT, LaunchState.ASK):
            st.button(_("Give it up"), on_click=_act, args=("withdraw", job.id))
        if job.is_usable:
            here = {"job": str(job.id), "evaluation": str(comparing.newest_of(job))}
            label = f"**{_('Compare it with the base model')}**"
            st.page_link(frame.COMPARE, label=label, icon=":material/balance:", query_params=here)
            st.page_link(frame.ASK, label=_("Ask it something"), icon=":material/forum:")
            if job.connection_id == LOCAL_ID:
                _away(job)
        elif job.is_settled:
            st.page_link(frame.LAUNCH, label=_("Start another training"), icon=":material/rocket_launch:")
        removing.button(job)
    if job.duplicates:
        with st.container(border=True, horizontal=True, vertical_alignment="center"):
            twice = _("The provider runs this training {n} times. Only one is followed.", n=len(job.duplicates) + 1)
            st.markdown(f"{feedback.DOUBT} {escape(twice)}", width="stretch")
            st.button(_("Stop the others"), type="primary", on_click=_act, args=("cancel_duplicates", job.id))


def _can_pause(job: Job) -> bool:
    known = {connection.id: connection for connection in resources.store().jobs.connections()}
    return job.is_running and job.connection_id in known and known[job.connection_id].preset.pause


def _away(job: Job) -> None:
    """Delete the model that a training of this computer made."""
    with st.popover(_("Delete the model"), icon=":material/delete:", type="tertiary"):
        st.write(_("The model and its checkpoints are removed from this computer and can no longer be asked."))
        st.caption(_("The curves and the comparisons that were made stay."))
        st.button(
            _("Delete it for good"), type="primary", key=f"delete-{job.id}", on_click=_act,
            args=("delete_models", job.id),
        )  # fmt: skip


def _rest(job: Job) -> None:
    """Let it rest, or go on, where the provider can."""
    if not _can_pause(job):
        return
    if job.status == Status.PAUSED:
        st.button(
            _("Go on"), icon=":material/play_arrow:", type="primary", key=f"resume-{job.id}", on_click=_act,
            args=("resume", job.id),
        )  # fmt: skip
    elif job.status in (Status.QUEUED, Status.RUNNING):
        st.button(_("Pause"), icon=":material/pause:", key=f"pause-{job.id}", on_click=_act, args=("pause", job.id))


def _act(verb: str, job_id: int) -> None:
    """Do what was decided; what needs the provider's time goes to the worker."""
    from core import jobs, tasks

    store, settings = resources.store(), resources.settings()
    with feedback.errors():
        job = getattr(jobs, verb)(store, settings, job_id)
        if not job.is_settled:
            kind = "launch" if job.state == LaunchState.INTENT else "follow"
            tasks.enqueue(store, settings, kind, str(job_id), {})


def _facts(job: Job) -> None:
    rows = {
        _("Model to start from"): job.model,
        _("New model"): _("deleted") if job.is_deleted else job.fine_tuned_model or "–",
        _("Epochs"): _epochs(job),
        _("Tokens trained"): f"{job.trained_tokens:,}" if job.trained_tokens else "–",
        _("Started"): feedback.moment(job.created_at),
        _("Finished"): feedback.moment(job.finished_at) if job.finished_at else "–",
    }
    for column, (name, value) in zip(st.columns([3, 4, 2, 3, 2, 2]), rows.items(), strict=True):
        column.caption(name)
        column.text(value)


def _epochs(job: Job) -> str:
    """How often each row is seen: as the provider says, else as it was asked to."""
    actual = job.params.get("actual") or {}
    known = (actual.get("n_epochs"), job.params.get("epochs"))
    return next((str(value) for value in known if value not in (None, "auto")), _("automatic"))


def _checkpoints(job: Job) -> None:
    with st.expander(_("Checkpoints: models kept on the way")):
        rows = [
            {
                _("Step"): checkpoint.step,
                _("Model"): checkpoint.model,
                **{curves.series_name(name): round(value, 4) for name, value in checkpoint.metrics.items()
                   if name != "step"},
            }
            for checkpoint in resources.store().jobs.checkpoints(job.id)
        ]  # fmt: skip
        st.dataframe(rows, hide_index=True)

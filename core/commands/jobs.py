"""`python -m core jobs`: train a model and follow it, with the same verbs as the browser."""

from __future__ import annotations

import argparse
import csv
import json
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

from core.commands import place
from core.commands.numbers import above_zero_or_auto, whole, whole_or_auto
from core.errors import BadInput
from core.words import T, _

if TYPE_CHECKING:
    from core.jobs import Event, Job
    from core.settings import Settings
    from core.store import Store

DESCRIPTION = """\
Train a model with a file of examples, and follow the training. Without further options the local provider trains:
nothing leaves this computer and no key is needed (start it with: python -m core serve).

  python -m core jobs create train.jsonl --model local-classic-1 --validation held_out.jsonl
  python -m core jobs follow 1
"""
SHOWN = 5  # errors of a file that are written out
Run = Any  # a function (options, settings, store) -> exit code


def add_parser(subparsers: argparse._SubParsersAction[Any]) -> None:
    """Add `jobs` to the command line."""
    parser = subparsers.add_parser(
        "jobs",
        help="train a model with a file, follow it, see what came of it",
        description=DESCRIPTION,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    verbs = parser.add_subparsers(dest="verb", required=True, metavar="VERB")
    _add_create(verbs)
    listing = _add(verbs, "list", "every job, newest first", _list, job=False)
    listing.add_argument("--all", action="store_true", help="those taken off the list too")
    _add(verbs, "show", "where one job stands", _show)
    _add(verbs, "follow", "watch a job until it ends; 0 when it succeeded", _follow)
    _add(verbs, "cancel", "stop a job", _act)
    _add(verbs, "pause", "let a job rest, where the provider can", _act)
    _add(verbs, "resume", "let a job that rests go on", _act)
    _add(verbs, "remove", "take a job that is over off the list; nothing is deleted", _act)
    _add(verbs, "restore", "put a removed job back on the list", _act)
    _add(
        verbs, "retry", "look for a job whose launch is in doubt, or send one again that was refused", _retry
    ).add_argument(
        "--launch-again", action="store_true", help="send it again although it may be running already (may cost twice)"
    )
    _add(verbs, "events", "what the provider said of a job", _events)
    _add(verbs, "checkpoints", "the models that were kept on the way", _checkpoints)
    results = _add(verbs, "results", "the curve of a job as CSV, and what it says", _results)
    results.add_argument("--out", type=Path, metavar="FILE", help="write the provider's own result file here")


def _add(verbs: Any, name: str, text: str, run: Run, *, job: bool = True) -> argparse.ArgumentParser:
    parser: argparse.ArgumentParser = verbs.add_parser(name, help=text, description=text[0].upper() + text[1:] + ".")
    if job:
        parser.add_argument("job", metavar="JOB", help="its number in the list, or its id at the provider")
    parser.add_argument("--json", action="store_true", help="print one JSON object")
    parser.set_defaults(run=lambda options: _with_store(options, run))
    return parser


def _add_create(verbs: Any) -> None:
    text = "start a training with a file of examples (JSON Lines)"
    parser = _add(verbs, "create", text, _create, job=False)
    parser.add_argument("file", type=Path, metavar="FILE", help="the examples to learn from")
    parser.add_argument("--model", required=True, metavar="M", help="the model to begin with, such as local-classic-1")
    parser.add_argument("--validation", type=Path, metavar="F", help="examples that are kept aside to judge the model")
    parser.add_argument(
        "--epochs", type=whole_or_auto, default="auto", metavar="N", help="rounds over the data, or auto"
    )
    parser.add_argument(
        "--batch-size", type=whole_or_auto, default="auto", metavar="N", help="examples a step, or auto"
    )
    parser.add_argument(
        "--learning-rate-multiplier",
        type=above_zero_or_auto,
        default="auto",
        metavar="X",
        help="size of the steps, or auto",
    )
    parser.add_argument(
        "--grader", type=Path, metavar="FILE", help="what judges the answers of a reinforcement training (JSON)"
    )
    parser.add_argument("--suffix", default="", metavar="S", help="a word for the name of the new model")
    parser.add_argument(
        "--seed", type=whole(0, 2**31 - 1), metavar="N", help="the same seed and data give the same model"
    )
    place.add_arguments(parser)


def _with_store(options: argparse.Namespace, run: Run) -> int:
    from core.settings import Settings
    from core.store import Store

    settings = Settings.from_env()
    store = Store.open(settings)
    try:
        return int(run(options, settings, store))
    finally:
        store.close()


def _print(options: argparse.Namespace, value: dict[str, Any], text: str) -> None:
    print(json.dumps(value, ensure_ascii=False) if options.json else text)


def _say(job: Job) -> str:
    """One job in a few lines."""
    steps = f" · {job.step:,}/{job.total_steps:,}" if job.step is not None and job.total_steps else ""
    gone = f"  ·  {_('off the list')}" if job.is_removed else ""
    lines = [f"{job.id}  {job.name}  ·  {job.model}  ·  {job.shown}{steps}{gone}"]
    if job.remote_id:
        lines.append(_("   at the provider: {id}", id=job.remote_id))
    if job.fine_tuned_model:
        lines.append(_("   new model: {model}", model=job.fine_tuned_model))
    if str(job.error):
        lines.append(f"   {job.error} {job.hint}".rstrip())
    return "\n".join(lines)


def _create(options: argparse.Namespace, settings: Settings, store: Store) -> int:
    from core.checks import MIN_EXAMPLES
    from core.commands.targets import read_grader
    from core.jobs import JobDraft, LaunchState, check_file_judge, launch_file, run_launch

    _check(options.file, MIN_EXAMPLES)
    if options.validation:
        _check(options.validation, 1)
    draft = JobDraft(
        connection_id=_connection(options, store),
        version_id=None,
        model=options.model,
        name=options.suffix or options.file.stem,
        epochs=options.epochs,
        batch_size=options.batch_size,
        learning_rate_multiplier=options.learning_rate_multiplier,
        suffix=options.suffix,
        seed=options.seed,
        grader=read_grader(options.grader) if options.grader else None,
    )
    check_file_judge(settings, store.jobs.connection(draft.connection_id), draft, options.file)
    job = launch_file(store, settings, draft, options.file, options.validation, settings.user)
    job = run_launch(store, settings, job.id)
    launched = job.state == LaunchState.LAUNCHED
    more = _("Watch it: python -m core jobs follow {id}", id=job.id) if launched else ""
    if job.state in (LaunchState.INTENT, LaunchState.ASK, LaunchState.REFUSED):
        more = _("Try again: python -m core jobs retry {id}", id=job.id)
    _print(options, job.as_json(), f"{_say(job)}\n{more}".rstrip())
    return 0 if launched else 1


def _check(path: Path, fewest: int) -> None:
    """Refuse a file with errors before anything is sent. Raises BadInput with the first few."""
    from core.checks import Severity, check_line
    from core.dataset.examples import kind_of

    found: list[str] = []
    examples, known = 0, False
    try:
        with path.open("rb") as lines:
            for number, line in enumerate(lines, start=1):
                if line.strip():
                    body, issues = check_line(line.rstrip(b"\r\n"))
                    examples += 1
                    known = known or (body is not None and kind_of(body) is not None)
                    errors = [issue.sentence for issue in issues if issue.severity == Severity.ERROR]
                    found += [_("line {n}: {what}", n=number, what=sentence) for sentence in errors]
                if len(found) >= SHOWN:
                    break
    except OSError as error:
        raise BadInput(T("{file} cannot be read: {why}", file=str(path), why=error.strerror or "")) from None
    if not found and examples < fewest:
        found = [
            _(
                "There {rows:is|are} {rows} {rows:row|rows} in it; {fewest} {fewest:is|are} needed.",
                rows=examples,
                fewest=fewest,
            )
        ]
    if found and examples and not known:
        raise BadInput(
            T("{file} is no training file.", file=path.name),
            T("If it is a table, turn it into one: {command}", command=f"python -m core prepare {path}"),
        )
    if found:
        raise BadInput(
            T("{file} has errors that a provider would refuse:\n{errors}", file=path.name, errors="\n".join(found)),
            T("See all of them: python -m core check {file}", file=str(path)),
        )


def _connection(options: argparse.Namespace, store: Store) -> str:
    """The connection that was chosen; one given by its address is kept, so that the job can be followed later."""
    found = place.given(options)
    if found is None:
        return store.jobs.connection(options.connection).id
    store.jobs.save_connection(found)
    return found.id


def _list(options: argparse.Namespace, settings: Settings, store: Store) -> int:
    found = [job for job in store.jobs.list() if options.all or not job.is_removed]
    nothing = _("No job yet. Start one: python -m core jobs create FILE --model local-classic-1")
    if not found and store.jobs.list():
        nothing = _("Every job was taken off the list. See them: python -m core jobs list --all")
    _print(options, {"jobs": [job.as_json() for job in found]}, "\n".join(map(_say, found)) or nothing)
    return 0


def _show(options: argparse.Namespace, settings: Settings, store: Store) -> int:
    from core.jobs import poll

    job = poll(store, settings, store.jobs.get(options.job).id)
    _print(options, job.as_json(), _say(job))
    return 0


def _follow(options: argparse.Namespace, settings: Settings, store: Store) -> int:
    from core.jobs import next_poll_delay, poll

    job = store.jobs.get(options.job)
    told: set[str] = set()
    status = trouble = ""
    while True:
        job = poll(store, settings, job.id)
        if str(job.error) != trouble:
            trouble = str(job.error)
            print(f"{job.error} {job.hint}".strip(), file=sys.stderr, flush=True)
        if not options.json:
            if job.shown != status:
                status = job.shown
                print(status, flush=True)
            told |= {_tell(event) for event in store.jobs.events(job.id) if event.id not in told}
        if job.is_settled:
            break
        time.sleep(next_poll_delay(job))
    _print(options, job.as_json(), _say(job))
    return 0 if job.is_usable else 1


def _tell(event: Event) -> str:
    print(f"{event.at:%H:%M:%S}  {event.shown}", flush=True)
    return event.id


def _act(options: argparse.Namespace, settings: Settings, store: Store) -> int:
    from core import jobs

    moves = {"remove": jobs.remove, "restore": jobs.put_back}
    acts = {"cancel": jobs.cancel, "pause": jobs.pause, "resume": jobs.resume, **moves}
    job = acts[options.verb](store, settings, store.jobs.get(options.job).id)
    told = ""
    if options.verb == "remove":
        told = _("Nothing is deleted. Put it back: python -m core jobs restore {id}", id=job.id)
    _print(options, job.as_json(), f"{_say(job)}\n{told}".rstrip())
    return 0


def _retry(options: argparse.Namespace, settings: Settings, store: Store) -> int:
    from core.jobs import LaunchState, check_again, launch_again, run_launch

    job = check_again(store, settings, store.jobs.get(options.job).id)
    doubtful = job.state in (LaunchState.ASK, LaunchState.UNKNOWN)
    if job.state in (LaunchState.INTENT, LaunchState.REFUSED) or (doubtful and options.launch_again):
        launch_again(store, settings, job.id)
        job = run_launch(store, settings, job.id)
    _print(options, job.as_json(), _say(job))
    return 0 if job.state == LaunchState.LAUNCHED else 1


def _events(options: argparse.Namespace, settings: Settings, store: Store) -> int:
    from core.jobs import poll

    job = poll(store, settings, store.jobs.get(options.job).id)
    if not options.json:
        for event in store.jobs.events(job.id):
            _tell(event)
        return 0
    plain = [
        {"id": e.id, "at": e.at.isoformat(), "level": e.level, "type": e.type, "message": e.message, "data": e.data}
        for e in store.jobs.events(job.id)
    ]
    print(json.dumps({"events": plain}, ensure_ascii=False))
    return 0


def _checkpoints(options: argparse.Namespace, settings: Settings, store: Store) -> int:
    from core.jobs import poll

    job = poll(store, settings, store.jobs.get(options.job).id)
    found = store.jobs.checkpoints(job.id)
    plain = [{"id": c.id, "step": c.step, "model": c.model, "metrics": c.metrics} for c in found]
    lines = [f"{c.step:>8}  {c.model}" for c in found]
    _print(options, {"checkpoints": plain}, "\n".join(lines) or _("No checkpoint was kept (yet)."))
    return 0


def _results(options: argparse.Namespace, settings: Settings, store: Store) -> int:
    from core.jobs import poll, read_curve, series

    job = poll(store, settings, store.jobs.get(options.job).id)
    curves = series(store, job.id)
    words = [str(sentence) for sentence in read_curve(curves, store.jobs.checkpoints(job.id))]
    if options.out:
        if not job.result_file:
            raise BadInput(T("The provider gave no result file for this job (yet)."))
        options.out.write_bytes(Path(job.result_file).read_bytes())
    if options.json:
        points = {curve.name: [[point.step, point.value] for point in curve.points] for curve in curves}
        plain = {"file": job.result_file, "sha256": job.result_sha256, "series": points, "words": words}
        print(json.dumps(plain, ensure_ascii=False))
        return 0
    table = {curve.name: {point.step: point.value for point in curve.points} for curve in curves}
    writer = csv.writer(sys.stdout, lineterminator="\n")
    writer.writerow(["step", *table])
    for step in sorted({step for column in table.values() for step in column}):
        writer.writerow([step, *(column.get(step, "") for column in table.values())])
    print("\n".join(words), file=sys.stderr)
    return 0

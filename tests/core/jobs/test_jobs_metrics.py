"""Result files in all their shapes, and the curves that come of them."""

from __future__ import annotations

import base64
import csv
import io
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.jobs import JobDraft, Metric, launch_file, series
from core.jobs.absorb import events_of, metrics_of_events
from core.jobs.metrics import parse_result
from core.settings import Settings
from core.store import Store

OPENAI = "step,train_loss,train_accuracy,valid_loss,valid_mean_token_accuracy\n1,2.5,0.4,,\n2,1.5,0.5,1.8,0.45\n"
AZURE = (
    "step,train_loss,train_mean_token_accuracy,valid_loss,validation_mean_token_accuracy,full_valid_loss\n"
    "1,2.5,0.4,3,0.3,\n"
)
READ = {
    (1, "train_loss"): 2.5,
    (1, "train_mean_token_accuracy"): 0.4,
    (2, "train_loss"): 1.5,
    (2, "train_mean_token_accuracy"): 0.5,
    (2, "valid_loss"): 1.8,
    (2, "valid_mean_token_accuracy"): 0.45,
}


def figures(content: bytes) -> dict[tuple[int, str], float]:
    return {(metric.step, metric.name): metric.value for metric in parse_result(content)}


def wrapped(content: bytes) -> bytes:
    return base64.encodebytes(content)


@pytest.mark.parametrize(
    "content",
    [
        OPENAI.encode(),
        OPENAI.replace("\n", "\r\n").encode(),
        OPENAI.rstrip("\n").encode(),
        b"\xef\xbb\xbf" + OPENAI.encode(),
        ("\n\n" + OPENAI + "\n\n").encode(),
        OPENAI.replace(",", ", ").encode(),
        OPENAI.replace(",", ";").encode(),
        OPENAI.replace(",", "\t").encode(),
        OPENAI.replace("train_loss", '"train_loss"').encode(),
        OPENAI.replace("1,2.5,0.4,,", "1,2.5,0.4,nan,None").encode(),
        OPENAI.replace("1,2.5,0.4,,", "1,2.5,0.4").encode(),
        OPENAI.replace("1,2.5,0.4,,", "1,2.5,0.4,,,7,8").encode(),
        base64.b64encode(OPENAI.encode()),
        wrapped(OPENAI.encode()),
        base64.b64encode(b"\xef\xbb\xbf" + OPENAI.encode()) + b"\n",
    ],
)
def test_a_table_of_steps_is_read_in_every_dress(content: bytes) -> None:
    assert figures(content) == READ


def test_base64_that_was_cut_keeps_what_is_whole() -> None:
    whole = base64.b64encode(OPENAI.encode())
    for end in range(len(whole) - 8, len(whole)):
        found = figures(whole[:end])
        assert (2, "train_loss") in found and found.keys() <= READ.keys()


def test_azures_names_are_ours() -> None:
    assert figures(AZURE.encode()) == {
        (1, "train_loss"): 2.5,
        (1, "train_mean_token_accuracy"): 0.4,
        (1, "valid_loss"): 3.0,
        (1, "valid_mean_token_accuracy"): 0.3,
    }


def test_classification_columns_are_kept() -> None:
    content = b"step,elapsed_tokens,classification/accuracy,classification/auroc\n10,5,0.9,0.95\n"
    assert figures(content)[10, "classification/accuracy"] == 0.9


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"\n\n",
        b"<html><body>Sign in</body></html>",
        b'{"error":{"message":"no"}}',
        b"epoch,loss\n1,2\n",
        b"step,train_loss\n",
        b"\x00\x01\x02\xff",
        base64.b64encode(b"<html>"),
        b"PK\x03\x04",
    ],
)
def test_what_is_no_table_of_steps_has_no_figures(content: bytes) -> None:
    assert parse_result(content) == []


def test_a_file_that_was_cut_keeps_its_whole_numbers() -> None:
    cut = OPENAI[: OPENAI.index("1.8") + 2].encode()  # "1." of 1.8
    found = figures(cut)
    assert (2, "valid_loss") not in found
    assert found[2, "train_loss"] == 1.5


@given(st.binary(max_size=400))
def test_no_bytes_break_the_reader(content: bytes) -> None:
    parse_result(content)
    parse_result(b"step,train_loss\n" + content)
    parse_result(base64.b64encode(b"step,train_loss\n" + content))


finite = st.floats(allow_nan=False, allow_infinity=False)
rows = st.lists(st.tuples(st.integers(0, 10**6), st.none() | finite, st.none() | finite), max_size=20)


@given(rows, st.booleans())
def test_what_was_written_is_read(rows: list[tuple[int, float | None, float | None]], packed: bool) -> None:
    out = io.StringIO()
    writer = csv.writer(out)
    writer.writerow(["step", "train_loss", "mine"])
    writer.writerows([["" if cell is None else repr(cell) for cell in row] for row in rows])
    content = out.getvalue().encode()
    expected = [
        (step, name, value)
        for step, *values in rows
        for name, value in zip(("train_loss", "mine"), values, strict=True)
        if value is not None
    ]
    found = parse_result(base64.b64encode(content) if packed else content)
    assert [(metric.step, metric.name, metric.value) for metric in found] == expected


@pytest.mark.parametrize(
    ("event", "figures", "last", "total"),
    [
        ({"data": {"step": 3, "total_steps": 9, "train_loss": 0.5}}, {"train_loss": 0.5}, 3, 9),
        (
            {"data": {"current_steps": 3, "loss": 0.5, "eval_acc": "0.7"}},
            {"train_loss": 0.5, "valid_mean_token_accuracy": 0.7},
            3,
            None,
        ),
        ({"message": "Step 99/99: training loss=0.11", "data": {}}, {"train_loss": 0.11}, 99, 99),
        (
            {
                "message": "Step 6/60: training loss=2.1e-01, validation loss=0.34, full validation loss=0.37",
                "data": None,
            },
            {"train_loss": 0.21, "valid_loss": 0.34, "full_valid_loss": 0.37},
            6,
            60,
        ),
        ({"message": "Created fine-tuning job", "data": {}}, {}, None, None),
        ({"data": {"train_loss": 0.5}}, {}, None, None),
        ({"data": {"step": -1, "train_loss": 0.5}}, {}, None, None),
        ({"data": "text"}, {}, None, None),
    ],
)
def test_events_tell_figures_in_data_or_in_words(
    event: dict[str, object], figures: dict[str, float], last: int | None, total: int | None
) -> None:
    metrics, step, steps = metrics_of_events(events_of([{"id": "e", "created_at": 1, **event}]))
    assert ({metric.name: metric.value for metric in metrics}, step, steps) == (figures, last, total)


def test_the_result_file_outranks_events_and_those_checkpoints(
    store: Store, keyed: Settings, draft: JobDraft, train: Path
) -> None:
    job = launch_file(store, keyed, draft, train)
    for source in ("event", "checkpoint", "result", "event", "checkpoint"):
        value = {"event": 1.0, "checkpoint": 2.0, "result": 3.0}[source]
        store.jobs.add_metrics(job.id, [Metric(5, "train_loss", value, None, source)])
    store.jobs.add_metrics(job.id, [Metric(1, "zeta", 9.0), Metric(2, "train_loss", 4.0), Metric(1, "valid_loss", 5.0)])
    curves = series(store, job.id)
    assert [curve.name for curve in curves] == ["train_loss", "valid_loss", "zeta"]
    assert [(point.step, point.value, point.source) for point in curves[0].points] == [
        (2, 4.0, "event"),
        (5, 3.0, "result"),
    ]

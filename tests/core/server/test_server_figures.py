"""What the local provider reaches on public data sets, over HTTP, as a client sees it."""

from __future__ import annotations

import csv
import json
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest

pytestmark = [pytest.mark.data, pytest.mark.slow]
Rows = list[tuple[str, str]]


def tnews(shared_data: Callable[[str], Path]) -> tuple[Rows, Rows]:
    lines = shared_data("tnews_train.tsv").read_text("utf-8").splitlines()
    train = [(line.split("\t")[0], line.split("\t")[1]) for line in lines]
    held_out = [json.loads(line) for line in shared_data("tnews.json").read_text("utf-8").splitlines() if line]
    return train, [(row["sentence"], row["label_desc"]) for row in held_out]


def banking77(shared_data: Callable[[str], Path]) -> tuple[Rows, Rows]:
    def rows(name: str) -> Rows:
        with shared_data(name).open(encoding="utf-8", newline="") as file:
            return [(row["text"], row["category"]) for row in csv.DictReader(file)]

    return rows("banking77_train.csv"), rows("banking77_test.csv")


def line(question: str, answer: str) -> str:
    messages = [{"role": "user", "content": question}, {"role": "assistant", "content": answer}]
    return json.dumps({"messages": messages}, ensure_ascii=False)


@pytest.mark.parametrize(("load", "accuracy", "seconds"), [(tnews, 0.572, 30), (banking77, 0.91, 30)])
def test_a_public_set_is_learnt_in_time_and_well(
    provider: Any, shared_data: Any, load: Any, accuracy: float, seconds: float
) -> None:
    train, held_out = load(shared_data)
    file_id = provider.upload("\n".join(line(*row) for row in train).encode())
    began = time.monotonic()
    job = provider.client.fine_tuning.jobs.create(model="local-classic-1", training_file=file_id, seed=0)
    done = provider.finished(job.id, 60)
    took = time.monotonic() - began
    assert done.status == "succeeded", done.error
    client = provider.client

    def right(row: tuple[str, str]) -> bool:
        asked: Any = [{"role": "user", "content": row[0]}]
        reply = client.chat.completions.create(model=done.fine_tuned_model, messages=asked, temperature=0)
        return bool(reply.choices[0].message.content == row[1])

    with ThreadPoolExecutor(4) as pool:
        share = sum(pool.map(right, held_out)) / len(held_out)
    assert share >= accuracy and took < seconds, (share, took)

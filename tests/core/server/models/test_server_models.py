"""Models over HTTP: what is said of them, ids with slashes, and checkpoints, which are shared with nobody."""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path
from typing import Any
from urllib.parse import quote

import openai
import pytest

from core.server.answering import Opening
from core.server.database import Database
from core.server.engines.base import JobDir, JobSpec, SpecError
from core.server.engines.classic.engine import ClassicEngine
from core.server.engines.lora.bases import Base
from core.server.engines.lora.engine import LoraEngine
from core.server.errors import ApiError
from core.server.examination import Unfit, examine
from core.server.files import Files
from core.server.home import Home
from core.server.jobs import Jobs, Supervisor
from core.server.models import Models, Predictors
from core.server.paging import Paging
from tests.waiting import wait_for


def test_a_base_model_says_how_it_is_trained_and_has_no_end(provider: Any) -> None:
    base = provider.client.models.retrieve("local-classic-1")
    assert (base.owned_by, base.shutdown_date) == ("luopan", None)
    assert "supervised" in base.methods and base.context_tokens > 0 and base.description


def test_a_tuned_model_says_where_it_comes_from(provider: Any, trained: Any) -> None:
    tuned = provider.client.models.retrieve(trained.fine_tuned_model)
    assert (tuned.parent, tuned.fine_tuning_job_id) == ("local-classic-1", trained.id)
    assert tuned.shutdown_date is None


@pytest.mark.parametrize("name", ["meta-llama/Llama-3.1-8B", "a/b/c", "ft:a/b:local::0001", "名"])
def test_an_id_may_hold_anything(provider: Any, name: str) -> None:
    reply = provider.ask("GET", f"/models/{quote(name, safe='')}")
    assert (reply.status_code, reply.json()["error"]["code"]) == (404, "model_not_found"), reply.text
    with pytest.raises(openai.NotFoundError, match="does not exist here"):
        provider.client.models.retrieve(name)


def test_a_checkpoint_is_shared_with_nobody(provider: Any, trained: Any) -> None:
    permissions = provider.client.fine_tuning.checkpoints.permissions
    model = provider.client.fine_tuning.jobs.checkpoints.list(trained.id).data[0].fine_tuned_model_checkpoint
    assert permissions.list(model, order="ascending", limit=5, project_id="proj_1").data == []
    with pytest.raises(openai.BadRequestError, match="no projects") as caught:
        list(permissions.create(model, project_ids=["proj_1"]))
    assert (caught.value.param, caught.value.code) == ("project_ids", "no_projects")
    with pytest.raises(openai.NotFoundError):
        permissions.delete("cp_1", fine_tuned_model_checkpoint=model)
    with pytest.raises(openai.NotFoundError):
        permissions.list("ft:gone")


def test_without_its_engine_a_model_is_refused_and_a_training_waits(tmp_path: Path) -> None:
    """As where a server that trained open models is started again without them."""
    home = Home(tmp_path)
    database = Database(home.database)
    with database.write() as connection:
        connection.execute(
            "INSERT INTO jobs(id, status, created_at, started_at, model, base, engine, method, hyperparameters,"
            " training_file, tag, seed, result_files) VALUES ('ftjob-1', 'running', 1, 1, 'qwen', 'qwen', 'lora',"
            " 'supervised', '{}', 'file-1', 't', 1, '[]')"
        )
        connection.execute("INSERT INTO models VALUES (1, 'ft:qwen', 'ftjob-1', 'qwen', 'lora', 1, 'jobs/x/final')")
    models = Models(home, database, [ClassicEngine()])
    assert models.show("ft:qwen")["id"] == "ft:qwen"
    asks: list[Callable[[str], Any]] = [models.served, models.trainable]
    for ask in asks:
        with pytest.raises(ApiError) as refused:
            ask("ft:qwen")
        assert (refused.value.status, refused.value.code) == (503, "engine_unavailable")
    JobDir.create(home.job("ftjob-1"), JobSpec("ftjob-1", "qwen", home.job("ftjob-1") / "training.jsonl"))
    files = Files(home, database)
    supervisor = Supervisor(home, database, files, models, concurrency=1, environment={})
    supervisor.start()
    try:
        events = wait_for(lambda: Jobs(database).events("ftjob-1", Paging(5))["data"], 10)
        time.sleep(1)
    finally:
        supervisor.stop()
    assert "lora" in events[0]["message"] and events[0]["level"] == "warn"
    assert Jobs(database).get("ftjob-1")["status"] == "running"
    assert len(Jobs(database).events("ftjob-1", Paging(5))["data"]) == 1
    database.close()


def test_files_for_a_base_model_that_is_gone_are_refused_with_a_sentence(tmp_path: Path) -> None:
    training = tmp_path / "training.jsonl"
    training.write_bytes(b"{}")
    folder = JobDir.create(tmp_path, JobSpec("ftjob-1", "qwen", training))
    with pytest.raises(Unfit) as refused:
        examine(folder.path, ("file-1", ""), {}, lambda: True)
    assert "qwen does not exist here" in str(refused.value.message)


def test_a_model_that_cannot_be_opened_now_says_why_and_is_no_error_of_the_server(tmp_path: Path) -> None:
    """As that of an open model which the settings do not name any more."""
    home = Home(tmp_path)
    models = Models(home, Database(home.database), [LoraEngine([Base("qwen", str(tmp_path / "moved"))])])
    with pytest.raises(ApiError) as refused, Opening(models, Predictors()).model("qwen"):
        pass
    assert (refused.value.status, refused.value.param, refused.value.code) == (400, "model", "model_not_found")
    assert "moved" in str(refused.value)
    with pytest.raises(SpecError, match="qwen2 is not among the models"):
        LoraEngine([]).open(tmp_path, "qwen2")

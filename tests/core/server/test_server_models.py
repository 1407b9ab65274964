"""Models over HTTP: what is said of them, ids with slashes, and checkpoints, which are shared with nobody."""

from __future__ import annotations

from typing import Any
from urllib.parse import quote

import openai
import pytest


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

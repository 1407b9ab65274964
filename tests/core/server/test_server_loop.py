"""The whole loop, driven by the unmodified openai client over HTTP."""

from __future__ import annotations

import csv
import io
from typing import Any

import openai
import pytest

QUESTION: Any = [{"role": "user", "content": "What is the ripe apple of row 3?"}]


def test_a_job_succeeds_and_tells_what_it_did(provider: Any, trained: Any) -> None:
    assert trained.fine_tuned_model.startswith("ft:local-classic-1:local:demo:")
    assert (trained.hyperparameters.n_epochs, trained.hyperparameters.batch_size) == (20, 4)
    assert trained.hyperparameters.learning_rate_multiplier == 1.0
    assert trained.method.supervised.hyperparameters.n_epochs == 20
    assert trained.trained_tokens > 0 and trained.finished_at >= trained.created_at
    assert trained.seed == 7 and trained.metadata == {"team": "north"}
    assert trained.error is None and trained.estimated_finish is None


def test_events_tell_the_story_in_openais_words(provider: Any, trained: Any) -> None:
    said = provider.messages(trained.id)
    assert said[0] == f"Created fine-tuning job: {trained.id}"
    assert said[1] == f"Validating training file: {trained.training_file}"
    assert "Files validated, moving job to queued state" in said
    assert said.index("Fine-tuning job started") > said.index("Files validated, moving job to queued state")
    assert said[-2:] == [
        f"New fine-tuned model created: {trained.fine_tuned_model}",
        "The job has successfully completed",
    ]


@pytest.mark.parametrize("limit", [1, 7, 100, 10_000])
def test_the_events_of_a_job_page_right(provider: Any, trained: Any, limit: int) -> None:
    if limit == 1:
        page = provider.client.fine_tuning.jobs.list_events(trained.id, limit=1)
        assert len(page.data) == 1 and page.has_more
        return
    events = list(provider.client.fine_tuning.jobs.list_events(trained.id, limit=limit))
    steps = [event.data["step"] for event in events if event.type == "metrics"]
    assert len(events) > 100 and len({event.id for event in events}) == len(events)
    assert steps == sorted(set(steps), reverse=True) and steps[0] == 300


def test_metrics_events_carry_the_figures(provider: Any, trained: Any) -> None:
    last = next(e for e in provider.client.fine_tuning.jobs.list_events(trained.id, limit=50) if e.type == "metrics")
    assert last.message.startswith("Step 300/300: training loss=0.0")
    assert {"step", "total_steps", "train_loss", "train_mean_token_accuracy", "full_valid_loss"} <= set(last.data)
    assert not {"type", "at", "key"} & set(last.data)


def test_the_last_three_checkpoints_are_kept_and_answer(provider: Any, trained: Any) -> None:
    page = provider.client.fine_tuning.jobs.checkpoints.list(trained.id)
    assert [c.step_number for c in page.data] == [300, 285, 270] and page.has_more is False
    assert (page.first_id, page.last_id) == (page.data[0].id, page.data[-1].id)
    checkpoint = page.data[-1]
    assert checkpoint.fine_tuned_model_checkpoint == f"{trained.fine_tuned_model}:ckpt-step-270"
    assert checkpoint.metrics.train_loss is not None
    reply = provider.client.chat.completions.create(
        model=checkpoint.fine_tuned_model_checkpoint, messages=QUESTION, temperature=0
    )
    assert reply.choices[0].message.content == "fruit"


def test_the_result_file_has_a_row_for_each_step(provider: Any, trained: Any) -> None:
    content = provider.client.files.content(trained.result_files[0]).read().decode()
    rows = list(csv.DictReader(io.StringIO(content)))
    assert list(rows[0]) == ["step", "train_loss", "train_accuracy", "valid_loss", "valid_mean_token_accuracy"]
    assert [int(row["step"]) for row in rows] == sorted(int(row["step"]) for row in rows)
    assert (rows[0]["step"], rows[-1]["step"]) == ("1", "300") and len(rows) > 90
    assert float(rows[-1]["train_loss"]) < float(rows[0]["train_loss"])
    assert float(rows[-1]["valid_mean_token_accuracy"]) == 1
    file = provider.client.files.retrieve(trained.result_files[0])
    assert file.purpose == "fine-tune-results" and file.bytes == len(content)


def test_a_model_answers_with_log_probabilities(provider: Any, trained: Any) -> None:
    reply = provider.client.chat.completions.create(
        model=trained.fine_tuned_model, messages=QUESTION, temperature=0, logprobs=True, top_logprobs=3
    )
    choice = reply.choices[0]
    assert (choice.message.content, choice.finish_reason) == ("fruit", "stop")
    token = choice.logprobs.content[0]
    assert (token.token, bytes(token.bytes)) == ("fruit", b"fruit") and token.logprob <= 0
    assert {top.token for top in token.top_logprobs} == {"fruit", "vehicle", "animal"}
    assert reply.usage.total_tokens == reply.usage.prompt_tokens + 1
    assert reply._request_id.startswith("req_")


def test_a_model_answers_in_a_stream(provider: Any, trained: Any) -> None:
    chunks = list(
        provider.client.chat.completions.create(
            model=trained.fine_tuned_model,
            messages=QUESTION,
            temperature=0,
            stream=True,
            logprobs=True,
            stream_options={"include_usage": True},
        )
    )
    assert len({chunk.id for chunk in chunks}) == 1
    assert "".join(c.choices[0].delta.content or "" for c in chunks if c.choices) == "fruit"
    assert chunks[0].choices[0].delta.role == "assistant"
    assert [c.choices[0].finish_reason for c in chunks if c.choices][-1] == "stop"
    assert any(c.choices and c.choices[0].logprobs for c in chunks)
    assert chunks[-1].choices == [] and chunks[-1].usage.completion_tokens == 1


def test_several_answers_with_a_seed_are_the_same_again(provider: Any, trained: Any) -> None:
    def answers() -> list[str]:
        reply = provider.client.chat.completions.create(
            model=trained.fine_tuned_model, messages=QUESTION, temperature=2, n=8, seed=3
        )
        assert [choice.index for choice in reply.choices] == list(range(8))
        return [choice.message.content for choice in reply.choices]

    assert answers() == answers()


def test_the_base_model_says_that_it_has_learnt_nothing(provider: Any) -> None:
    reply = provider.client.chat.completions.create(model="local-classic-1", messages=QUESTION)
    assert "not learnt anything" in reply.choices[0].message.content


def test_models_are_listed_shown_and_deleted(provider: Any, trained: Any, many_lines: Any) -> None:
    job = provider.client.fine_tuning.jobs.create(
        model="local-classic-1", training_file=provider.upload(many_lines(30)), suffix="shortlived"
    )
    model = provider.finished(job.id).fine_tuned_model
    listed = [m.id for m in provider.client.models.list()]
    assert listed[0] == "local-classic-1" and {model, trained.fine_tuned_model} <= set(listed)
    assert provider.client.models.retrieve(model).owned_by == "org-local"
    provider.client.chat.completions.create(model=model, messages=QUESTION)
    folder = provider.data / "jobs" / job.id / "final"
    assert folder.is_dir()
    assert provider.client.models.delete(model).deleted
    assert not folder.exists()
    with pytest.raises(openai.NotFoundError):
        provider.client.models.retrieve(model)
    with pytest.raises(openai.NotFoundError, match="does not exist here"):
        provider.client.chat.completions.create(model=model, messages=QUESTION)


def test_a_fine_tuned_model_can_be_trained_further_or_is_refused_with_a_sentence(
    provider: Any, trained: Any, many_lines: Any
) -> None:
    job = provider.client.fine_tuning.jobs.create(
        model=trained.fine_tuned_model, training_file=provider.upload(many_lines(30))
    )
    assert job.model == trained.fine_tuned_model
    done = provider.finished(job.id)
    if done.status == "failed":
        assert done.error.param == "model" and done.error.message
    else:
        assert done.fine_tuned_model.startswith("ft:local-classic-1:local::")

"""The routes below /v1/fine_tuning/alpha/graders: a grader is tried on one answer, or checked."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Sequence
from typing import Annotated, Any

from pydantic import BaseModel, ConfigDict, Field
from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from core.graders import Grader
from core.server import wire
from core.server.engines.base import SampleParams
from core.server.jobs.requests import AnyGrader, refuse_bad
from core.server.jobs.schemas import GraderRunReply, GraderValidateReply
from core.server.models import Models, Predictors
from core.server.openapi import Operation
from core.server.reading import LARGE_LIMIT, parse, read_json
from core.server.replies import JSONResponse

AT_ONCE = 4  # gradings; the rest wait, and the other routes do not wait for them
DETAILS = (
    "python_grader_server_error_type",
    "python_grader_runtime_error_details",
    "model_grader_server_error_details",
)


class RunGrader(BaseModel):
    """POST /v1/fine_tuning/alpha/graders/run."""

    model_config = ConfigDict(strict=True)

    grader: AnyGrader
    model_sample: Annotated[str, Field(max_length=4 << 20)]
    item: dict[str, Any] | None = None


class ValidateGrader(BaseModel):
    """POST /v1/fine_tuning/alpha/graders/validate."""

    model_config = ConfigDict(strict=True)

    grader: AnyGrader


class Judges:
    """Answers of local models for score_model graders; counts the tokens of each."""

    def __init__(self, models: Models, predictors: Predictors) -> None:
        self._models = models
        self._predictors = predictors
        self.tokens = Counter[str]()

    def ask(self, model: str, messages: list[wire.Json], sampling: wire.Json) -> str:
        """The whole answer of a model; the likeliest one where nothing else is asked for. Raises ApiError."""
        params = SampleParams(
            temperature=sampling.get("temperature") or 0.0,
            top_p=1.0 if sampling.get("top_p") is None else sampling["top_p"],
            max_tokens=sampling.get("max_completions_tokens"),
            seed=sampling.get("seed"),
        )
        with self._predictors.use(self._models.served(model)) as predictor:
            pieces = list(predictor.generate(messages, params))
            self.tokens[model] += predictor.count(messages) + sum(piece.tokens for piece in pieces)
        return "".join(piece.text for piece in pieces if piece.kind == "text")


class GraderRoutes:
    """Run and validate."""

    def __init__(self, models: Models, predictors: Predictors) -> None:
        self._models = models
        self._predictors = predictors
        self._slots = asyncio.Semaphore(AT_ONCE)

    def routes(self) -> Sequence[Route]:
        """The routes, to be mounted."""
        root = "/v1/fine_tuning/alpha/graders"
        return [
            Route(f"{root}/run", self.run, methods=["POST"]),
            Route(f"{root}/validate", self.validate, methods=["POST"]),
        ]

    async def run(self, request: Request) -> Response:
        asked = parse(RunGrader, await read_json(request, LARGE_LIMIT))
        async with self._slots:
            return JSONResponse(await run_in_threadpool(self._run, asked))

    async def validate(self, request: Request) -> Response:
        asked = parse(ValidateGrader, await read_json(request, LARGE_LIMIT))
        await run_in_threadpool(refuse_bad, asked.grader, "grader")
        return JSONResponse({"grader": asked.grader})

    def _run(self, asked: RunGrader) -> wire.Json:
        refuse_bad(asked.grader, "grader", asked.item or {})
        judges = Judges(self._models, self._predictors)
        with Grader(asked.grader, judges.ask) as grader:
            found = grader.grade(asked.model_sample, asked.item or {})
        used = dict(judges.tokens)
        return {
            "reward": found.reward,
            "metadata": {
                "name": str(asked.grader.get("name") or asked.grader["type"]),
                "type": asked.grader["type"],
                "errors": {**dict.fromkeys(DETAILS), **found.errors},
                "execution_time": found.execution_time,
                "scores": found.scores,
                "token_usage": sum(used.values()),
                "sampled_model_name": None,
            },
            "sub_rewards": found.sub_rewards,
            "model_grader_token_usage_per_model": used,
        }


DOCUMENTED = (
    Operation(
        "POST",
        "/v1/fine_tuning/alpha/graders/run",
        "Tries a grader on one answer",
        GraderRunReply,
        body=RunGrader,
    ),
    Operation(
        "POST",
        "/v1/fine_tuning/alpha/graders/validate",
        "Checks a grader without running it",
        GraderValidateReply,
        body=ValidateGrader,
    ),
)

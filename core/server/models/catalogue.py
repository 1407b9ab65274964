"""The models that answer: the engines' base models, and what was trained from them."""

from __future__ import annotations

import shutil
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from core.server import wire
from core.server.database import Connection, Database, Row, now
from core.server.engines.base import Engine, ModelCard
from core.server.engines.foresight import Size
from core.server.errors import ApiError, bad_request
from core.server.home import Home
from core.words import T, Text

OWNER_BASE, OWNER_TUNED = "luopan", "org-local"
_IN_USE = (
    "SELECT 1 FROM jobs WHERE status IN ('validating_files', 'queued', 'running', 'paused') AND (id = ? OR parent = ?)"
)


@dataclass(frozen=True)
class Base:
    """What a job starts from: the base model, its engine, and the fine-tuned model it goes on from, if any."""

    id: str
    engine: str
    parent: str | None


@dataclass(frozen=True)
class Served:
    """A model as it is opened: its engine, its folder (None: the untrained base), its base model."""

    id: str
    engine: Engine
    artifact: Path | None
    base: str


class Models:
    """Base models and fine-tuned models by their ids."""

    def __init__(self, home: Home, database: Database, engines: Sequence[Engine]) -> None:
        self._home = home
        self._database = database
        self._engines = {engine.name: engine for engine in engines}
        self._cards = {card.id: (engine, card) for engine in engines for card in engine.models()}

    def engine(self, name: str) -> Engine:
        """The engine of that name. Raises ApiError 503 where the server was started without it."""
        if name not in self._engines:
            message = T(
                "This server was started without the {engine} engine. Start it as before: with LUOPAN_LORA_MODELS and "
                "the packages of requirements-lora.txt.",
                engine=name,
            )
            raise ApiError(503, message, param="model", code="engine_unavailable")
        return self._engines[name]

    def page(self) -> wire.Json:
        """All models, base models first, then the newest."""
        with self._database.read() as connection:
            rows = connection.execute("SELECT * FROM models ORDER BY seq DESC").fetchall()
        items = [_base(card) for _, card in self._cards.values()] + [_tuned(row) for row in rows]
        return wire.page(items, has_more=False)

    def show(self, model_id: str) -> wire.Json:
        """One model. Raises ApiError 404."""
        if model_id in self._cards:
            return _base(self._cards[model_id][1])
        return _tuned(self._row(model_id))

    def foresee(self, model_id: str, size: Mapping[str, Any]) -> wire.Json:
        """One model, and what a training of this size would take. Raises ApiError 404."""
        shown = self.show(model_id)
        engine, card = self._cards.get(shown.get("parent") or model_id, (None, None))
        found = engine.foresee(Size(card.id, **size)) if engine and card else None
        return {**shown, "training": found.as_json() if found else None}

    def served(self, model_id: str) -> Served:
        """A model to be opened. Raises ApiError 404."""
        if model_id in self._cards:
            return Served(model_id, self._cards[model_id][0], None, model_id)
        row = self._row(model_id)
        return Served(model_id, self.engine(row["engine"]), self._home.folder / row["path"], row["base"])

    def trainable(self, model_id: str) -> tuple[Base, tuple[str, ...]]:
        """What a job on this model starts from, and the methods it can use. Raises ApiError 400."""
        parent, base = None, model_id
        if model_id not in self._cards:
            try:
                row = self._row(model_id)
            except ApiError as error:
                raise bad_request(error.message, "model", "model_not_found") from None
            self.engine(row["engine"])
            base, parent = row["base"], model_id
        if base not in self._cards:
            raise bad_request(_missing(base), "model", "model_not_found")
        engine, card = self._cards[base]
        return Base(base, engine.name, parent), card.methods

    def delete(self, model_id: str) -> wire.Json:
        """Forgets a fine-tuned model and removes its folder."""
        if model_id in self._cards:
            message = T("{model} is a base model of this server and cannot be deleted.", model=model_id)
            raise ApiError(403, message, param="model", code="base_model")
        row = self._row(model_id)
        with self._database.write() as connection:
            if connection.execute(_IN_USE, (row["job_id"], model_id)).fetchone():
                message = T("A running job needs {model}. Wait for its end, or cancel it first.", model=model_id)
                raise ApiError(409, message, param="model", code="model_in_use")
            connection.execute("DELETE FROM models WHERE id = ?", (model_id,))
        shutil.rmtree(self._home.folder / row["path"], ignore_errors=True)
        return wire.deleted(model_id, "model")

    def _row(self, model_id: str) -> Row:
        with self._database.read() as connection:
            row = connection.execute("SELECT * FROM models WHERE id = ?", (model_id,)).fetchone()
        if row is None:
            raise ApiError(404, _missing(model_id), param="model", code="model_not_found")
        return row


def _missing(model_id: str) -> Text:
    return T("The model {model} does not exist here. It may have been deleted.", model=model_id[:120])


def model_name(job: Row, step: int | None = None) -> str:
    """The id of what a job makes: the final model, or its checkpoint after a step."""
    name = f"ft:{job['base']}:local:{job['suffix'] or ''}:{job['tag']}"
    return name if step is None else f"{name}:ckpt-step-{step}"


def add_model(connection: Connection, job: Row, model_id: str, folder: str) -> None:
    """Offers a folder of a job ("final", "checkpoints/step-40") as a model; once, however often it is said."""
    connection.execute(
        "INSERT INTO models(id, job_id, base, engine, created_at, path) VALUES (?,?,?,?,?,?)"
        " ON CONFLICT(id) DO NOTHING",
        (model_id, job["id"], job["base"], job["engine"], now(), f"jobs/{job['id']}/{folder}"),
    )


def _base(card: ModelCard) -> wire.Json:
    more = {
        "methods": list(card.methods),
        "context_tokens": card.context_tokens,
        "description": str(card.description),
        "engine": card.engine,
    }
    return wire.model(card.id, card.created, OWNER_BASE, **more)


def _tuned(row: Row) -> wire.Json:
    return wire.model(row["id"], row["created_at"], OWNER_TUNED, parent=row["base"], fine_tuning_job_id=row["job_id"])

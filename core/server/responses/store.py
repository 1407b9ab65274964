"""The responses that were stored: found again, gone on from, deleted; kept for 30 days."""

from __future__ import annotations

import json

from core.server import wire
from core.server.database import Connection, Database, now
from core.server.errors import ApiError, bad_request
from core.server.idempotency import Claim
from core.server.paging import Paging
from core.words import T

KEEP = 30 * 86_400  # seconds, as at OpenAI
LONGEST = 1_000  # responses that one can go back


class Responses:
    """The stored responses with their items."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def keep(self, response: wire.Json, items: list[wire.Json], claim: Claim) -> None:
        """Stores a response with the items that it answered and the key it was asked with; on disk when this
        returns."""
        with self._database.write() as connection:
            _expire(connection)
            connection.execute(
                "INSERT INTO responses(id, previous, created_at, body) VALUES (?,?,?,?)",
                (response["id"], response["previous_response_id"], response["created_at"], json.dumps(response)),
            )
            rows = [(item, 0) for item in items] + [(item, 1) for item in response["output"]]
            connection.executemany(
                "INSERT INTO response_items(id, response_id, answered, body) VALUES (?,?,?,?)",
                [(item["id"], response["id"], answered, json.dumps(item)) for item, answered in rows],
            )
            claim.keep(connection, response)

    def expire(self) -> None:
        """Forgets what was kept for long enough."""
        with self._database.write() as connection:
            _expire(connection)

    def get(self, response_id: str) -> wire.Json:
        """A stored response. Raises ApiError 404."""
        with self._database.read() as connection:
            row = connection.execute("SELECT body FROM responses WHERE id = ?", (response_id,)).fetchone()
        if row is None:
            message = T("There is no response {id}. It was not stored, or it was deleted.", id=response_id[:80])
            raise ApiError(404, message, param="response_id", code="response_not_found")
        body: wire.Json = json.loads(row["body"])
        return body

    def items(self, response_id: str, paging: Paging) -> wire.Json:
        """A list of the items that a response answered."""
        self.get(response_id)
        with self._database.read() as connection:
            where = "response_id = ? AND answered = 0"
            rows, more = paging.rows(connection, "response_items", where, (response_id,))
        return wire.page([json.loads(row["body"]) for row in rows], has_more=more)

    def item(self, item_id: str) -> wire.Json | None:
        """A stored item."""
        with self._database.read() as connection:
            row = connection.execute(
                "SELECT body FROM response_items WHERE id = ? ORDER BY seq DESC LIMIT 1", (item_id,)
            ).fetchone()
        return None if row is None else json.loads(row["body"])

    def history(self, response_id: str) -> list[wire.Json]:
        """All items up to the end of a response, oldest first. Raises ApiError 400."""
        chain: list[str] = []
        found: list[wire.Json] = []
        wanted: str | None = response_id
        with self._database.read() as connection:
            while wanted is not None and len(chain) < LONGEST:
                row = connection.execute("SELECT previous FROM responses WHERE id = ?", (wanted,)).fetchone()
                if row is None:
                    message = T("There is no response {id} to go on from.", id=wanted[:80])
                    raise bad_request(message, "previous_response_id", "previous_response_not_found")
                chain.append(wanted)
                wanted = row["previous"]
            for id in reversed(chain):
                rows = connection.execute(
                    "SELECT body FROM response_items WHERE response_id = ? ORDER BY answered, seq", (id,)
                )
                found += [json.loads(row["body"]) for row in rows]
        return found

    def delete(self, response_id: str) -> wire.Json:
        """Forgets a response and its items, and the key that would bring it again."""
        self.get(response_id)
        with self._database.write() as connection:
            connection.execute("DELETE FROM responses WHERE id = ?", (response_id,))
            connection.execute("DELETE FROM idempotency WHERE json_extract(reply, '$.id') = ?", (response_id,))
        return wire.deleted(response_id, "response")


def _expire(connection: Connection) -> None:
    connection.execute("DELETE FROM responses WHERE created_at < ?", (now() - KEEP,))

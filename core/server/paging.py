"""One page of a table, as `limit`, `order` and `after` ask for it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from starlette.datastructures import QueryParams
from starlette.requests import Request

from core.server.database import Connection, Row
from core.server.errors import bad_request
from core.words import T

MOST = 10_000


def query_of(request: Request) -> QueryParams:
    """The query string of a request, read."""
    return QueryParams(request.scope["query_string"])


def whole(text: str) -> int | None:
    """A whole number of at most nine digits, or None."""
    return int(text) if text.isascii() and text.isdigit() and len(text) <= 9 else None


@dataclass(frozen=True)
class Paging:
    """Which rows are wanted."""

    limit: int
    after: str | None = None
    ascending: bool = False

    @classmethod
    def of(cls, request: Request, default: int) -> Paging:
        """Read from a request. Raises ApiError where a value cannot be meant."""
        query = query_of(request)
        text = query.get("limit") or str(default)
        limit = whole(text)
        if limit is None or not 1 <= limit <= MOST:
            message = T('limit must be a whole number from 1 to {most}, not "{seen}".', most=MOST, seen=text[:40])
            raise bad_request(message, "limit")
        order = query.get("order") or "desc"
        if order not in ("asc", "desc"):
            raise bad_request(T('order must be "asc" or "desc", not "{seen}".', seen=order[:40]), "order")
        return cls(limit, query.get("after") or None, order == "asc")

    def rows(
        self, connection: Connection, table: str, where: str = "1", values: Sequence[object] = ()
    ) -> tuple[list[Row], bool]:
        """The rows of this page, newest first unless asked otherwise, and whether more follow."""
        conditions, bound = [where], list(values)
        if self.after is not None:
            question = f"SELECT seq FROM {table} WHERE {where} AND id = ?"
            anchor = connection.execute(question, [*values, self.after]).fetchone()
            if anchor is None:
                raise bad_request(T("after names nothing in this list: {seen}.", seen=self.after[:80]), "after")
            conditions.append("seq > ?" if self.ascending else "seq < ?")
            bound.append(anchor["seq"])
        order = "ASC" if self.ascending else "DESC"
        found = connection.execute(
            f"SELECT * FROM {table} WHERE {' AND '.join(conditions)} ORDER BY seq {order} LIMIT ?",
            [*bound, self.limit + 1],
        ).fetchall()
        return found[: self.limit], len(found) > self.limit

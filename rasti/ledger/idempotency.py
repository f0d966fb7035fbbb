"""Requests with a key of their own (Idempotency-Key): a repeat does nothing and gets the first one's answer.

Steps of other transactions, to be taken after their locks: on PostgreSQL a second request with the same key waits at
the first one's row.
"""

from dataclasses import dataclass
from typing import Any

from sqlalchemy import update
from sqlalchemy.dialects.postgresql import insert as postgresql_insert
from sqlalchemy.dialects.sqlite import insert as sqlite_insert
from sqlmodel import col

from models import IdempotencyKey
from rasti.errors import Conflict
from rasti.ledger.book import Tx


@dataclass(frozen=True)
class KeyedRequest:
    """Who asks (the id of a token), under which key, and the SHA-256 of what was asked."""

    token_id: int
    key: str
    digest: str


def earlier_result(tx: Tx, request: KeyedRequest | None) -> dict[str, Any] | None:
    """What the first request with this key did; None: this one is the first, and takes the key.

    Raises Conflict: the first one asked for something else.
    """
    if request is None:
        return None
    dialect_insert = postgresql_insert if tx.session.get_bind().dialect.name == "postgresql" else sqlite_insert
    taken = tx.session.execute(
        dialect_insert(IdempotencyKey)
        .values(
            token_id=request.token_id,
            key=request.key,
            request_digest=request.digest,
            result={},
            created_at=tx.now,
        )
        .on_conflict_do_nothing(index_elements=["token_id", "key"])
        .returning(col(IdempotencyKey.key))
    ).scalar_one_or_none()
    if taken is not None:
        return None
    first = tx.session.get_one(IdempotencyKey, (request.token_id, request.key), populate_existing=True)
    if first.request_digest != request.digest:
        raise Conflict(
            "This Idempotency-Key was used for another request: choose a new key for a new request.", key=request.key
        )
    return first.result


def keep_result(tx: Tx, request: KeyedRequest | None, result: dict[str, Any]) -> None:
    """Remember what the request did: ids and states."""
    if request is not None:
        tx.session.execute(
            update(IdempotencyKey)
            .where(col(IdempotencyKey.token_id) == request.token_id, col(IdempotencyKey.key) == request.key)
            .values(result=result)
        )

"""Requests with a key of their own (Idempotency-Key): a repeat does nothing and gets the first one's answer.

Steps of other transactions: `earlier_result` after their locks, `keep_result` as their last step. The same request
twice at once waits at the locks that it takes anyway (its lead, or its lead's id). Two different requests with one key
at once meet at the primary key, and the second is refused.
"""

from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from sqlalchemy import delete, tuple_, update
from sqlalchemy.dialects.postgresql import insert as postgresql_insert
from sqlalchemy.dialects.sqlite import insert as sqlite_insert
from sqlmodel import col, select

from models import IdempotencyKey
from rasti.errors import Conflict
from rasti.ledger.book import Book, Tx

KEPT = timedelta(days=7)
_FORGOTTEN_AT_ONCE = 20


@dataclass(frozen=True)
class KeyedRequest:
    """Who asks (the id of a token), under which key, and the SHA-256 of what was asked."""

    token_id: int
    key: str
    digest: str


def earlier_result(tx: Tx, request: KeyedRequest | None) -> dict[str, Any] | None:
    """What the first request with this key did; None: this one is the first. Does not read the clock.

    Raises Conflict: the first one asked for something else.
    """
    if request is None:
        return None
    first = tx.session.get(IdempotencyKey, (request.token_id, request.key))
    if first is None:
        return None
    if first.request_digest != request.digest:
        raise _used(request)
    return first.result


def keep_result(tx: Tx, request: KeyedRequest | None, result: dict[str, Any]) -> None:
    """Remember what the request did, ids and states; a few that are old are forgotten.

    Raises Conflict: another request has taken the key meanwhile.
    """
    if request is None:
        return
    dialect_insert = postgresql_insert if tx.session.get_bind().dialect.name == "postgresql" else sqlite_insert
    taken = tx.session.execute(
        dialect_insert(IdempotencyKey)
        .values(
            token_id=request.token_id,
            key=request.key,
            request_digest=request.digest,
            result=result,
            created_at=tx.now,
        )
        .on_conflict_do_nothing(index_elements=["token_id", "key"])
        .returning(col(IdempotencyKey.key))
    ).scalar_one_or_none()
    if taken is None:
        raise _used(request)
    _forget_old(tx)


def amend_result(book: Book, request: KeyedRequest, result: dict[str, Any]) -> None:
    """What the request did led to more, in transactions after its own: that belongs to its answer."""
    with book.write() as tx:
        tx.session.execute(
            update(IdempotencyKey)
            .where(
                col(IdempotencyKey.token_id) == request.token_id,
                col(IdempotencyKey.key) == request.key,
                col(IdempotencyKey.request_digest) == request.digest,
            )
            .values(result=result)
        )


def _forget_old(tx: Tx) -> None:
    key = (col(IdempotencyKey.token_id), col(IdempotencyKey.key))
    # SKIP LOCKED: requests at the same moment forget different ones and never wait for each other.
    old = (
        select(*key)
        .where(col(IdempotencyKey.created_at) < tx.now - KEPT)
        .order_by(col(IdempotencyKey.created_at))
        .limit(_FORGOTTEN_AT_ONCE)
        .with_for_update(skip_locked=True)
    )
    tx.session.execute(
        delete(IdempotencyKey).where(tuple_(*key).in_(old)), execution_options={"synchronize_session": False}
    )


def _used(request: KeyedRequest) -> Conflict:
    return Conflict(
        "This Idempotency-Key was used for another request: choose a new key for a new request.", key=request.key
    )

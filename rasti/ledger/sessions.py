"""Who is signed in: sessions of browsers, opened, found, ended; and how often somebody may try."""

import hashlib
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import timedelta

from sqlalchemy import delete, func, update
from sqlmodel import col, select

from models import PortalSession, SignInTry
from rasti.errors import TooMany, Unavailable
from rasti.ledger.book import Book, Tx
from rasti.rules.kinds import Event, Role
from rasti.secret import digest, new_token

# How long a session lives without being used, and at the most.
IDLE = {Role.PARTNER: timedelta(hours=24), Role.OPERATOR: timedelta(hours=1)}
ABSOLUTE = {Role.PARTNER: timedelta(days=7), Role.OPERATOR: timedelta(hours=12)}
_TOUCH = timedelta(minutes=1)  # "seen" is written at most this often
_COUNTED = timedelta(minutes=15)
_KEPT = timedelta(days=1)


@dataclass(frozen=True)
class SignedIn:
    """Whoever a session belongs to: a partner (code) or an operator (name)."""

    session_id: int
    role: Role
    name: str

    @property
    def actor(self) -> str:
        """As the audit trail names them."""
        return f"{self.role}:{self.name}"


def find_session(book: Book, token: str, *, by_itself: bool = False) -> SignedIn | None:
    """The session of a cookie's token, if it may still be used; being used keeps it alive.

    `by_itself`: a page that refreshes itself asks, which is no sign of a person.
    """
    with book.read() as tx:
        session = tx.session.execute(
            select(PortalSession).where(col(PortalSession.token_hash) == digest(token))
        ).scalar_one_or_none()
        if session is None or not _is_alive(session, tx):
            return None
        touch = not by_itself and tx.now - session.seen_at >= _TOUCH
    if touch:
        # While nothing can be written (a full disk, say) a partner can still read whom to call.
        with suppress(Unavailable), book.write() as tx:
            tx.session.execute(
                update(PortalSession)
                .where(col(PortalSession.id) == session.id, col(PortalSession.seen_at) < tx.now)
                .values(seen_at=tx.now)
            )
    return SignedIn(session.id, session.role, session.partner_code or session.operator_name or "")


def _is_alive(session: PortalSession, tx: Tx) -> bool:
    return (
        session.ended_at is None
        and tx.now - session.seen_at < IDLE[session.role]
        and tx.now - session.created_at < ABSOLUTE[session.role]
    )


def open_session_within(tx: Tx, role: Role, name: str, *, former: str | None) -> str:
    """A new session with a new token, which is returned; the browser's former one ends (session fixation)."""
    if former:
        _end(tx, former)
    token = new_token()
    tx.session.add(
        PortalSession(
            token_hash=digest(token),
            role=role,
            partner_code=name if role is Role.PARTNER else None,
            operator_name=name if role is Role.OPERATOR else None,
            created_at=tx.now,
            seen_at=tx.now,
        )
    )
    tx.session.flush()
    tx.audit(Event.SIGNED_IN, partner_code=name if role is Role.PARTNER else None, who=f"{role}:{name}")
    return token


def end_session(book: Book, token: str) -> bool:
    """Sign out: the token is worth nothing from now on. False: it was not."""
    with book.write() as tx:
        return _end(tx, token)


def end_all_sessions_within(tx: Tx, operator: str) -> None:
    """End every session of an operator."""
    tx.session.execute(
        update(PortalSession)
        .where(col(PortalSession.operator_name) == operator, col(PortalSession.ended_at).is_(None))
        .values(ended_at=tx.now)
    )


def _end(tx: Tx, token: str) -> bool:
    ended = tx.session.execute(
        update(PortalSession)
        .where(col(PortalSession.token_hash) == digest(token), col(PortalSession.ended_at).is_(None))
        .values(ended_at=tx.now)
        .returning(col(PortalSession.role), col(PortalSession.partner_code), col(PortalSession.operator_name))
    ).one_or_none()
    if ended is not None:
        role, partner, operator = ended
        tx.audit(Event.SIGNED_OUT, partner_code=partner, who=f"{role}:{partner or operator}")
    return ended is not None


def count_try(book: Book, counted: Sequence[tuple[str, str, int]]) -> None:
    """Count somebody's try by (what, whom, limit); whom is kept as a hash only.

    Raises TooMany: more than `limit` tries of that in a quarter of an hour; this one is not counted.
    """
    with book.write() as tx:
        tx.session.execute(delete(SignInTry).where(col(SignInTry.at) < tx.now - _KEPT))
        for what, whom, limit in counted:
            key = f"{what}:{hashlib.sha256(whom.encode()).hexdigest()}"
            tries = tx.session.execute(
                select(func.count())
                .select_from(SignInTry)
                .where(col(SignInTry.key) == key, col(SignInTry.at) > tx.now - _COUNTED)
            ).scalar_one()
            if tries >= limit:
                minutes = int(_COUNTED.total_seconds() // 60)
                raise TooMany(
                    "Too many tries: wait {minutes} minutes, then try again.",
                    after=int(_COUNTED.total_seconds()),
                    minutes=minutes,
                )
            tx.session.add(SignInTry(key=key, at=tx.now))

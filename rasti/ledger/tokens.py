"""Bearer tokens of the API (RFC 6750): shown once, kept as a hash, each for one purpose."""

from dataclasses import dataclass
from datetime import datetime

from sqlmodel import col, select

from models import ApiToken
from rasti.errors import BadInput, NotFound, Refused
from rasti.ledger.book import Book
from rasti.ledger.tenure_walk import get_partner
from rasti.rules.kinds import Event, TokenScope
from rasti.secret import digest, new_token

PREFIX = "rasti_"  # so that a scanner of repositories recognises one


@dataclass(frozen=True)
class Caller:
    """Whoever a token belongs to."""

    token_id: int
    name: str
    scope: TokenScope
    partner: str | None

    @property
    def actor(self) -> str:
        """As the audit trail names them."""
        return f"partner:{self.partner}" if self.partner else f"token:{self.name}"


@dataclass(frozen=True)
class TokenView:
    """A token as it is listed, without what opens a door."""

    name: str
    scope: TokenScope
    partner: str | None
    created_at: datetime
    revoked_at: datetime | None


def add_token(book: Book, name: str, scope: TokenScope, *, partner: str | None = None) -> str:
    """Make a token; its text is returned, and nowhere kept.

    Raises BadInput: the name, or a partner where none belongs; NotFound: the partner; Refused: the name is taken.
    """
    name = name.strip()
    if not name or len(name) > 64 or not name.isprintable():
        raise BadInput("A token's name has 1 to 64 printable characters.", field="name")
    if (scope is TokenScope.CONTACTS_WRITE) != (partner is not None):
        raise BadInput("Scope contacts:write belongs to a partner, the other scopes do not.", field="partner")
    token = PREFIX + new_token()
    with book.write() as tx:
        if partner is not None:
            get_partner(tx, partner)
        if tx.session.execute(select(ApiToken.id).where(col(ApiToken.name) == name)).first() is not None:
            raise Refused("There is a token {name} already.", name=name)
        tx.session.add(
            ApiToken(name=name, token_hash=digest(token), scope=scope, partner_code=partner, created_at=tx.now)
        )
        tx.session.flush()
        tx.audit(Event.TOKEN_ADDED, partner_code=partner, token=name, scope=scope)
    return token


def find_token(book: Book, token: str) -> Caller | None:
    """Whose token this is, unless it was revoked."""
    with book.read() as tx:
        found = tx.session.execute(
            select(ApiToken).where(col(ApiToken.token_hash) == digest(token), col(ApiToken.revoked_at).is_(None))
        ).scalar_one_or_none()
        return None if found is None else Caller(found.id, found.name, found.scope, found.partner_code)


def revoke_token(book: Book, name: str, *, reason: str) -> bool:
    """A token is worth nothing from now on. False: it was not. Raises NotFound."""
    with book.write() as tx:
        token = tx.session.execute(
            select(ApiToken).where(col(ApiToken.name) == name).with_for_update()
        ).scalar_one_or_none()
        if token is None:
            raise NotFound("There is no token {name}.", name=name)
        if token.revoked_at is not None:
            return False
        token.revoked_at = tx.now
        tx.session.flush()
        tx.audit(Event.TOKEN_REVOKED, partner_code=token.partner_code, token=name, reason=reason)
        return True


def list_tokens(book: Book) -> list[TokenView]:
    """All tokens by name."""
    with book.read() as tx:
        return [
            TokenView(token.name, token.scope, token.partner_code, token.created_at, token.revoked_at)
            for token in tx.all(select(ApiToken).order_by(col(ApiToken.name)))
        ]

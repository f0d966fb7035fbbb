"""Who may come in: sign-in links, sessions, operators, tokens. What opens a door is kept hashed or sealed."""

from datetime import datetime
from typing import Any

from sqlalchemy import JSON, CheckConstraint, Index
from sqlmodel import Field, SQLModel

from models.types import BigId, UtcDateTime, Word, one_of
from rasti.rules.kinds import Role, TokenScope


class SignInLink(SQLModel, table=True):
    """A link that was mailed to a partner; it opens one session, once, and for a short time."""

    __tablename__ = "sign_in_link"

    id: str = Field(primary_key=True, max_length=32)  # random; with the installation's secret it makes the token
    partner_code: str = Field(foreign_key="partner.code", index=True)
    token_hash: str = Field(unique=True, max_length=64)  # SHA-256
    requested_at: datetime = Field(sa_type=UtcDateTime)
    expires_at: datetime = Field(sa_type=UtcDateTime)
    used_at: datetime | None = Field(default=None, sa_type=UtcDateTime)


class SignInTry(SQLModel, table=True):
    """Somebody tried to sign in: counted for a while, so that nobody can try without end."""

    __tablename__ = "sign_in_try"
    __table_args__ = (Index("ix_sign_in_try_key_at", "key", "at"),)

    id: int = Field(default=None, primary_key=True, sa_type=BigId)
    key: str = Field(max_length=80)  # what is counted (mail, operator, address) and a SHA-256 of whom
    at: datetime = Field(sa_type=UtcDateTime)


class PortalSession(SQLModel, table=True):
    """A browser that is signed in; the cookie's token is kept as a hash."""

    __tablename__ = "portal_session"
    __table_args__ = (
        one_of("role", Role),
        CheckConstraint("(role = 'partner') = (partner_code IS NOT NULL)", name="partner_has_code"),
        CheckConstraint("(role = 'operator') = (operator_name IS NOT NULL)", name="operator_has_name"),
    )

    id: int = Field(default=None, primary_key=True, sa_type=BigId)
    token_hash: str = Field(unique=True, max_length=64)  # SHA-256
    role: Role = Field(sa_type=Word(Role))
    partner_code: str | None = Field(default=None, foreign_key="partner.code", index=True)
    operator_name: str | None = Field(default=None, foreign_key="operator.name", index=True)
    created_at: datetime = Field(sa_type=UtcDateTime)
    seen_at: datetime = Field(sa_type=UtcDateTime)
    ended_at: datetime | None = Field(default=None, sa_type=UtcDateTime)


class Operator(SQLModel, table=True):
    """Somebody at the vendor who may decide; signs in with a password and a one-time code (RFC 6238)."""

    name: str = Field(primary_key=True, max_length=64)
    password_hash: str  # Argon2id
    totp_sealed: str  # the shared secret, encrypted with the installation's secret
    totp_last_step: int = 0  # the newest time step whose code was used: a code opens one session
    created_at: datetime = Field(sa_type=UtcDateTime)
    disabled_at: datetime | None = Field(default=None, sa_type=UtcDateTime)


class ApiToken(SQLModel, table=True):
    """A bearer token of the API (RFC 6750); printed once, kept as a hash."""

    __tablename__ = "api_token"
    __table_args__ = (
        one_of("scope", TokenScope),
        CheckConstraint("(scope = 'contacts:write') = (partner_code IS NOT NULL)", name="contacts_are_a_partners"),
    )

    id: int = Field(default=None, primary_key=True, sa_type=BigId)
    name: str = Field(unique=True, max_length=64)
    token_hash: str = Field(unique=True, max_length=64)  # SHA-256
    scope: TokenScope = Field(sa_type=Word(TokenScope))
    partner_code: str | None = Field(default=None, foreign_key="partner.code")
    created_at: datetime = Field(sa_type=UtcDateTime)
    revoked_at: datetime | None = Field(default=None, sa_type=UtcDateTime)


class IdempotencyKey(SQLModel, table=True):
    """What a request with an Idempotency-Key did, so that its repeat does nothing and gets the same answer."""

    __tablename__ = "idempotency_key"
    __table_args__ = (Index("ix_idempotency_key_created_at", "created_at"),)  # the oldest are forgotten

    token_id: int = Field(foreign_key="api_token.id", primary_key=True, sa_type=BigId)
    key: str = Field(primary_key=True, max_length=255)
    request_digest: str = Field(max_length=64)  # SHA-256 of what was asked
    result: dict[str, Any] = Field(sa_type=JSON)  # ids and states
    created_at: datetime = Field(sa_type=UtcDateTime)

"""The outbox: mail to send and Prefect runs to create, written in the transaction that causes them."""

from datetime import datetime
from typing import Any

from sqlalchemy import JSON, CheckConstraint, Index, text
from sqlmodel import Field, SQLModel

from models.types import BigId, UtcDateTime, Word, one_of
from rasti.rules.kinds import Channel, MessageKind, MessageState


class Message(SQLModel, table=True):
    """One thing to deliver; ids only, whoever delivers it reads names and addresses then."""

    __table_args__ = (
        one_of("channel", Channel),
        one_of("state", MessageState),
        CheckConstraint("(state = 'sent') = (sent_at IS NOT NULL)", name="sent_at_a_time"),
        CheckConstraint("(bounced_at IS NULL) = (bounce IS NULL)", name="bounced_at_a_time"),
        Index(
            "ix_message_pending",
            "channel",
            "not_before",
            "id",
            sqlite_where=text("state = 'pending'"),
            postgresql_where=text("state = 'pending'"),
        ),
        Index(
            "ix_message_dead",
            "id",
            sqlite_where=text("state = 'dead'"),
            postgresql_where=text("state = 'dead'"),
        ),
        Index(
            "ix_message_bounced",
            "id",
            sqlite_where=text("bounced_at IS NOT NULL"),
            postgresql_where=text("bounced_at IS NOT NULL"),
        ),
        Index("ix_message_lead", "lead_id"),
    )

    id: int = Field(default=None, primary_key=True, sa_type=BigId)
    channel: Channel = Field(sa_type=Word(Channel))
    kind: MessageKind = Field(sa_type=Word(MessageKind))
    dedupe_key: str = Field(unique=True)
    partner_code: str | None = Field(
        None, foreign_key="partner.code"
    )  # to this partner; none: client, operators or Prefect
    lead_id: int | None = Field(default=None, foreign_key="lead.id", sa_type=BigId)
    attempt_id: int | None = Field(default=None, foreign_key="attempt.id", sa_type=BigId, index=True)
    data: dict[str, Any] = Field(default_factory=dict, sa_type=JSON)  # other ids and numbers, no person
    created_at: datetime = Field(sa_type=UtcDateTime)
    not_before: datetime = Field(sa_type=UtcDateTime)
    state: MessageState = Field(default=MessageState.PENDING, sa_type=Word(MessageState))
    claimed_until: datetime | None = Field(default=None, sa_type=UtcDateTime)
    claimed_by: str | None = None
    tries: int = 0  # those that count: when there were too many, it is given up
    # `not_before` moves with every retry: since when it should have gone out, when it was last tried in vain, and how
    # often it was put off because the server takes no mail at all. Empty until something goes wrong.
    first_due_at: datetime | None = Field(default=None, sa_type=UtcDateTime)
    failed_at: datetime | None = Field(default=None, sa_type=UtcDateTime)
    postponed: int = Field(default=0, sa_column_kwargs={"server_default": "0"})
    sent_at: datetime | None = Field(default=None, sa_type=UtcDateTime)
    external_id: str | None = None  # Message-ID, or the flow run's id
    error: str | None = None  # the last one, without addresses
    # Sent, and returned later by a mail server on the way: when we read that, and its status code (RFC 3463).
    bounced_at: datetime | None = Field(default=None, sa_type=UtcDateTime)
    bounce: str | None = Field(default=None, max_length=16)

"""Leads, their clients, attempts, checkpoints, contacts and violations (R10-R13, D11-D17)."""

from datetime import datetime

from sqlalchemy import JSON, CheckConstraint, Index, UniqueConstraint, text
from sqlmodel import Field, SQLModel

from models.types import BigId, MonthText, UtcDateTime, Word, one_of
from rasti.rules.kinds import (
    AttemptEnd,
    AttemptOrigin,
    CheckpointKind,
    ContactEffect,
    ContactKind,
    LeadState,
    Outcome,
    PauseReason,
    Verdict,
    ViolationSource,
)
from rasti.rules.month import Month


class Lead(SQLModel, table=True):
    """A client's request. Who the client is stands in `client`, apart from this."""

    __table_args__ = (
        one_of("state", LeadState),
        one_of("pause_reason", PauseReason),
        UniqueConstraint("source", "source_id"),  # D17: a re-sent lead is the same lead
        CheckConstraint("(state = 'attached') = (attached_to IS NOT NULL)", name="attached_to_a_lead"),
        CheckConstraint("(state = 'paused') = (pause_reason IS NOT NULL)", name="paused_with_reason"),
        CheckConstraint("(state = 'closed') = (closed_at IS NOT NULL)", name="closed_at_a_time"),
        # D16: the queue.
        Index(
            "ix_lead_waiting",
            "requested_at",
            "id",
            sqlite_where=text("state = 'waiting'"),
            postgresql_where=text("state = 'waiting'"),
        ),
        Index("ix_lead_state", "state"),
        # D17: what the desk asks about.
        Index(
            "ix_lead_doubted",
            "doubted_at",
            sqlite_where=text("doubted_at IS NOT NULL"),
            postgresql_where=text("doubted_at IS NOT NULL"),
        ),
    )

    id: int = Field(default=None, primary_key=True, sa_type=BigId)
    source: str
    source_id: str
    body_digest: str = Field(max_length=64)  # SHA-256 of the body as sent, normalised
    requested_at: datetime = Field(sa_type=UtcDateTime)
    arrived_at: datetime = Field(sa_type=UtcDateTime)
    product: str
    configuration_url: str
    workplaces: int
    state: LeadState = Field(sa_type=Word(LeadState))
    attached_to: int | None = Field(default=None, foreign_key="lead.id", sa_type=BigId, index=True)
    # D17: attached, but another client's perhaps, since then; none: no doubt, or decided. No constraint ties it to the
    # state: a program of the version before detaches a lead without knowing of it.
    doubted_at: datetime | None = Field(default=None, sa_type=UtcDateTime)
    moved_at: datetime | None = Field(default=None, sa_type=UtcDateTime)  # waits since it moved: goes first
    pause_reason: PauseReason | None = Field(default=None, sa_type=Word(PauseReason))
    closed_at: datetime | None = Field(default=None, sa_type=UtcDateTime)


class Client(SQLModel, table=True):
    """The person behind a lead: personal data, in this table only."""

    lead_id: int = Field(primary_key=True, foreign_key="lead.id", sa_type=BigId)
    name: str
    phone: str
    email: str
    company: str | None = None
    city: str | None = None
    comment: str | None = None
    phone_key: str = Field(index=True)  # normalised, to find the same client again (D17)
    email_key: str = Field(index=True)


class Attempt(SQLModel, table=True):
    """A lead in the hands of one partner (D11)."""

    __table_args__ = (
        one_of("origin", AttemptOrigin),
        one_of("end_reason", AttemptEnd),
        UniqueConstraint("lead_id", "number"),
        CheckConstraint("(ended_at IS NULL) = (end_reason IS NULL)", name="ended_with_reason"),
        CheckConstraint("(received_at IS NULL) = (clock_starts_at IS NULL)", name="clock_needs_reception"),
        # D11: at most one attempt of a lead is open.
        Index(
            "uq_attempt_open",
            "lead_id",
            unique=True,
            sqlite_where=text("ended_at IS NULL"),
            postgresql_where=text("ended_at IS NULL"),
        ),
        Index("ix_attempt_partner_started", "partner_code", "started_at"),
        # A partner's list: how many are open, and which of them were not received.
        Index(
            "ix_attempt_open_partner",
            "partner_code",
            "received_at",
            sqlite_where=text("ended_at IS NULL"),
            postgresql_where=text("ended_at IS NULL"),
        ),
        Index(
            "ix_attempt_waited_started",
            "started_at",
            sqlite_where=text("origin = 'waited'"),
            postgresql_where=text("origin = 'waited'"),
        ),
    )

    id: int = Field(default=None, primary_key=True, sa_type=BigId)
    lead_id: int = Field(foreign_key="lead.id", sa_type=BigId)
    number: int
    partner_code: str = Field(foreign_key="partner.code")
    tenure_id: int | None = Field(
        None, foreign_key="tenure.id", sa_type=BigId, index=True
    )  # none: assigned to another (D14)
    rules_month: Month = Field(sa_type=MonthText)  # whose rules apply
    origin: AttemptOrigin = Field(sa_type=Word(AttemptOrigin))
    started_at: datetime = Field(sa_type=UtcDateTime)
    received_at: datetime | None = Field(default=None, sa_type=UtcDateTime)
    clock_starts_at: datetime | None = Field(default=None, sa_type=UtcDateTime)
    ended_at: datetime | None = Field(default=None, sa_type=UtcDateTime)
    end_reason: AttemptEnd | None = Field(default=None, sa_type=Word(AttemptEnd))


class Checkpoint(SQLModel, table=True):
    """A window of an attempt in which the client has to be reached, both ends included (D12)."""

    __table_args__ = (
        one_of("kind", CheckpointKind),
        one_of("verdict", Verdict),
        UniqueConstraint("attempt_id", "kind"),
        CheckConstraint("(verdict IS NULL) = (judged_at IS NULL)", name="verdict_has_time"),
        CheckConstraint("(verdict IS NULL) = (judged_by IS NULL)", name="verdict_has_judge"),
        Index(
            "ix_checkpoint_open_due",
            "due_at",
            sqlite_where=text("verdict IS NULL"),
            postgresql_where=text("verdict IS NULL"),
        ),
    )

    id: int = Field(default=None, primary_key=True, sa_type=BigId)
    attempt_id: int = Field(foreign_key="attempt.id", sa_type=BigId)
    kind: CheckpointKind = Field(sa_type=Word(CheckpointKind))
    opens_at: datetime = Field(sa_type=UtcDateTime)
    due_at: datetime = Field(sa_type=UtcDateTime)
    verdict: Verdict | None = Field(default=None, sa_type=Word(Verdict))
    judged_at: datetime | None = Field(default=None, sa_type=UtcDateTime)
    judged_by: str | None = None
    # A backup was restored over a part of the window: contacts may be missing, so nobody is found in violation.
    evidence_lost: bool = Field(default=False, sa_column_kwargs={"server_default": text("false")})


class Contact(SQLModel, table=True):
    """A contact with the client, begun (and perhaps not yet logged); the server's clock decides (D12)."""

    __table_args__ = (
        one_of("kind", ContactKind),
        one_of("outcome", Outcome),
        one_of("effect", ContactEffect),
        CheckConstraint("(logged_at IS NULL) = (outcome IS NULL)", name="logged_with_outcome"),
        CheckConstraint("(logged_at IS NULL) = (kind IS NULL)", name="logged_with_kind"),
        CheckConstraint("(logged_at IS NULL) = (effect IS NULL)", name="logged_with_effect"),
        Index("ix_contact_attempt", "attempt_id"),
    )

    id: int = Field(default=None, primary_key=True, sa_type=BigId)
    attempt_id: int = Field(foreign_key="attempt.id", sa_type=BigId)
    began_at: datetime = Field(sa_type=UtcDateTime)
    logged_at: datetime | None = Field(default=None, sa_type=UtcDateTime)
    happened_at: datetime | None = Field(default=None, sa_type=UtcDateTime)  # the partner's word, decides nothing
    kind: ContactKind | None = Field(default=None, sa_type=Word(ContactKind))
    outcome: Outcome | None = Field(default=None, sa_type=Word(Outcome))
    checklist: list[str] = Field(default_factory=list, sa_type=JSON)
    note: str | None = None
    effect: ContactEffect | None = Field(default=None, sa_type=Word(ContactEffect))


class Violation(SQLModel, table=True):
    """A neglected checkpoint, or one found neglected: at most one a checkpoint (D13)."""

    __table_args__ = (
        one_of("source", ViolationSource),
        CheckConstraint("(reversed_at IS NULL) = (reversed_reason IS NULL)", name="reversed_with_reason"),
        CheckConstraint("(acted_at IS NULL) = (acted_by IS NULL)", name="acted_by_someone"),
        Index(
            "ix_violation_to_act_on",
            "id",
            sqlite_where=text("acted_at IS NULL"),
            postgresql_where=text("acted_at IS NULL"),
        ),
        Index("ix_violation_partner", "partner_code", "recorded_at"),
    )

    id: int = Field(default=None, primary_key=True, sa_type=BigId)
    checkpoint_id: int = Field(foreign_key="checkpoint.id", sa_type=BigId, unique=True)
    attempt_id: int = Field(foreign_key="attempt.id", sa_type=BigId, index=True)
    partner_code: str = Field(foreign_key="partner.code")
    source: ViolationSource = Field(sa_type=Word(ViolationSource))
    reason: str
    recorded_at: datetime = Field(sa_type=UtcDateTime)
    recorded_by: str
    # When its verdict could first be given, whoever gave it when: the order in which violations are acted on (D13).
    # None in rows of a version that did not know it: when they were recorded.
    occurred_at: datetime | None = Field(default=None, sa_type=UtcDateTime)
    acted_at: datetime | None = Field(default=None, sa_type=UtcDateTime)  # the fallback was done
    acted_by: str | None = None
    reversed_at: datetime | None = Field(default=None, sa_type=UtcDateTime)
    reversed_reason: str | None = None

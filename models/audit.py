"""The audit trail and the installation's own facts."""

from datetime import datetime
from typing import Any

from sqlalchemy import JSON, CheckConstraint, Connection, Index
from sqlmodel import Field, SQLModel

from models.types import BigId, UtcDateTime


class AuditEvent(SQLModel, table=True):
    """One state change, written in its transaction; rows are never changed or removed (a trigger refuses)."""

    __tablename__ = "audit_event"
    __table_args__ = (
        Index("ix_audit_event_lead", "lead_id"),
        Index("ix_audit_event_at", "at"),
        # An operator looks through the events of a partner, or of a kind, the newest first.
        Index("ix_audit_event_partner", "partner_code", "id"),
        Index("ix_audit_event_event", "event", "id"),
    )

    id: int = Field(default=None, primary_key=True, sa_type=BigId)
    at: datetime = Field(sa_type=UtcDateTime)
    event: str = Field(max_length=64)  # rasti.rules.kinds.Event
    actor: str  # cli, guard, relay, flow-run:<id>, operator:<name>, partner:<code>
    lead_id: int | None = Field(default=None, foreign_key="lead.id", sa_type=BigId)
    partner_code: str | None = None
    data: dict[str, Any] = Field(default_factory=dict, sa_type=JSON)  # ids, numbers, reasons; no person


class Installation(SQLModel, table=True):
    """One row: whether this database is a playground, the only kind that accepts `--at`."""

    __table_args__ = (CheckConstraint("id = 1", name="one_row"),)

    id: int = Field(default=1, primary_key=True, sa_column_kwargs={"autoincrement": False})
    sandbox: bool = False
    created_at: datetime = Field(sa_type=UtcDateTime)


class Heartbeat(SQLModel, table=True):
    """When a loop of the steward last finished a round: what the operator's desk and the metrics show."""

    loop: str = Field(primary_key=True, max_length=16)  # relay, guard, bounces
    seen_at: datetime = Field(sa_type=UtcDateTime)
    error: str | None = None  # why the rounds since then failed, if the loop can tell


def append_only_audit(connection: Connection) -> None:
    """Make the database itself refuse to change or remove an audit event."""
    if connection.dialect.name == "postgresql":
        connection.exec_driver_sql(
            "CREATE FUNCTION refuse_audit_change() RETURNS trigger LANGUAGE plpgsql AS "
            "$$ BEGIN RAISE EXCEPTION 'audit events are append-only'; END $$"
        )
        connection.exec_driver_sql(
            "CREATE TRIGGER audit_event_append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON audit_event "
            "FOR EACH STATEMENT EXECUTE FUNCTION refuse_audit_change()"
        )
        return
    for action in ("UPDATE", "DELETE"):
        connection.exec_driver_sql(
            f"CREATE TRIGGER audit_event_no_{action.lower()} BEFORE {action} ON audit_event "
            "BEGIN SELECT RAISE(ABORT, 'audit events are append-only'); END"
        )

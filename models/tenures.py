"""Who holds the leads, and every walk down a ranking that decided it (D8, D9)."""

from datetime import datetime
from typing import Any

from sqlalchemy import JSON, CheckConstraint, Index, text
from sqlmodel import Field, SQLModel

from models.types import BigId, MonthText, UtcDateTime, Word, one_of
from rasti.rules.kinds import TenureEnd
from rasti.rules.month import Month


class Tenure(SQLModel, table=True):
    """One partner holding the leads of a lead month, `[started_at, ended_at)`."""

    __table_args__ = (
        one_of("end_reason", TenureEnd),
        CheckConstraint("(ended_at IS NULL) = (end_reason IS NULL)", name="ended_with_reason"),
        CheckConstraint("ended_at >= started_at", name="ends_after_start"),
        CheckConstraint("seat = 1", name="one_seat"),
        # D8: at most one tenure is open at any instant.
        Index(
            "uq_tenure_open",
            "seat",
            unique=True,
            sqlite_where=text("ended_at IS NULL"),
            postgresql_where=text("ended_at IS NULL"),
        ),
    )

    id: int = Field(default=None, primary_key=True, sa_type=BigId)
    partner_code: str = Field(foreign_key="partner.code", index=True)
    lead_month: Month = Field(sa_type=MonthText, index=True)
    ranking_id: int = Field(foreign_key="ranking.id", sa_type=BigId)
    place: int | None = None  # none: a switch to a partner without a place
    seat: int = 1  # there is one, so that an index can say that one tenure is open
    started_at: datetime = Field(sa_type=UtcDateTime)
    ended_at: datetime | None = Field(default=None, sa_type=UtcDateTime)
    end_reason: TenureEnd | None = Field(default=None, sa_type=Word(TenureEnd))


class Walk(SQLModel, table=True):
    """A search for the holder of a lead month: activation, fallback or switch; nobody found: exhausted."""

    id: int = Field(default=None, primary_key=True, sa_type=BigId)
    lead_month: Month = Field(sa_type=MonthText, index=True)
    ranking_id: int = Field(foreign_key="ranking.id", sa_type=BigId)
    cause: str = Field(max_length=24)  # activate, switch, or why the tenure before it ended
    walked_at: datetime = Field(sa_type=UtcDateTime)
    walked_by: str
    holder: str | None = None
    skipped: list[dict[str, Any]] = Field(sa_type=JSON)  # [{"partner", "reason"}] in the order of the walk
    reason: str | None = None  # the operator's

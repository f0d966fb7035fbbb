"""Partners, and who declined a month."""

from datetime import date, datetime

from sqlalchemy import CheckConstraint, UniqueConstraint
from sqlmodel import Field, SQLModel

from models.types import BigId, MonthText, UtcDateTime
from rasti.rules.month import Month


class Partner(SQLModel, table=True):
    """A partner with access to the partner cabinet (R6)."""

    __table_args__ = (
        CheckConstraint("(suspended_at IS NULL) = (suspended_reason IS NULL)", name="suspended_with_reason"),
    )

    code: str = Field(primary_key=True, max_length=64)
    name: str
    email: str
    email_key: str | None = Field(default=None, index=True)  # to find whoever signs in; none: not known yet
    city: str = ""
    regulation_accepted_on: date | None = None  # R9; a calendar day in the programme's time zone
    regulation_version: str | None = None  # what was accepted (Rules.regulation_version); none: by import or word
    suspended_at: datetime | None = Field(default=None, sa_type=UtcDateTime)
    suspended_reason: str | None = None


class Decline(SQLModel, table=True):
    """A partner who does not want the leads of a lead month (R8, D10)."""

    __table_args__ = (UniqueConstraint("lead_month", "partner_code"),)

    id: int = Field(default=None, primary_key=True, sa_type=BigId)
    lead_month: Month = Field(sa_type=MonthText)
    partner_code: str = Field(foreign_key="partner.code")
    declined_at: datetime = Field(sa_type=UtcDateTime)
    reason: str

"""Versions of a month's ranking, their entries, and what was published (D5, R4)."""

from datetime import datetime
from decimal import Decimal
from typing import Any

from sqlalchemy import JSON, CheckConstraint, Index, UniqueConstraint, text
from sqlmodel import Field, SQLModel

from models.types import BigId, Kopecks, MonthText, UtcDateTime, Word, one_of
from rasti.rules.kinds import NotRanked
from rasti.rules.month import Month


class Ranking(SQLModel, table=True):
    """One version of a month's ranking; its digest covers everything it read."""

    __table_args__ = (UniqueConstraint("month", "version"), UniqueConstraint("month", "digest"))

    id: int = Field(default=None, primary_key=True, sa_type=BigId)
    month: Month = Field(sa_type=MonthText)
    version: int
    digest: str = Field(max_length=64)
    rules_digest: str = Field(max_length=64)
    complete: bool
    missing: list[dict[str, Any]] = Field(sa_type=JSON)  # what makes it incomplete (D6)
    inputs: dict[str, Any] = Field(sa_type=JSON)  # digest of each part, so that a difference can say what changed
    computed_at: datetime = Field(sa_type=UtcDateTime)


class RankingEntry(SQLModel, table=True):
    """A partner in a version: a place, or the reason why there is none (D3)."""

    __tablename__ = "ranking_entry"
    __table_args__ = (
        one_of("reason", NotRanked),
        CheckConstraint("(place IS NULL) <> (reason IS NULL)", name="place_or_reason"),
        Index(
            "uq_ranking_entry_place",
            "ranking_id",
            "place",
            unique=True,
            sqlite_where=text("place IS NOT NULL"),
            postgresql_where=text("place IS NOT NULL"),
        ),
    )

    ranking_id: int = Field(foreign_key="ranking.id", primary_key=True, sa_type=BigId)
    partner_code: str = Field(primary_key=True, max_length=64)
    place: int | None = None
    growth_percent: str | None = None  # decimal text at the published precision (D2)
    previous_billed: Decimal = Field(sa_type=Kopecks)
    billed: Decimal = Field(sa_type=Kopecks)
    kits_sold: int
    reason: NotRanked | None = Field(default=None, sa_type=Word(NotRanked))


class Publication(SQLModel, table=True):
    """A version was published; the newest one of a month is the public one."""

    id: int = Field(default=None, primary_key=True, sa_type=BigId)
    ranking_id: int = Field(foreign_key="ranking.id", sa_type=BigId)
    month: Month = Field(sa_type=MonthText, index=True)
    published_at: datetime = Field(sa_type=UtcDateTime)
    reason: str | None = None  # why an incomplete version was published

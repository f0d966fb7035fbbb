"""Invoices with their revisions and lines, what was read, what was set aside, which months are closed (D1, D6)."""

from datetime import date, datetime
from decimal import Decimal
from typing import Any

from sqlalchemy import JSON, CheckConstraint, Index, LargeBinary, UniqueConstraint, text
from sqlmodel import Field, SQLModel

from models.types import BigId, Kopecks, MonthText, UtcDateTime, Word, one_of
from rasti.rules.kinds import InvoiceStatus, Keep
from rasti.rules.month import Month


class IngestBatch(SQLModel, table=True):
    """One reading of one register file."""

    __tablename__ = "ingest_batch"

    id: int = Field(default=None, primary_key=True, sa_type=BigId)
    digest: str = Field(index=True, max_length=64)  # SHA-256 of the file's bytes
    file_name: str
    read_at: datetime = Field(sa_type=UtcDateTime)
    counts: dict[str, Any] = Field(sa_type=JSON)
    # Whether `month_digest` has what it did; an older program beside this one leaves it false.
    digests_kept: bool = Field(default=False, sa_column_kwargs={"server_default": text("false")})


class MonthDigest(SQLModel, table=True):
    """The digest of a month's invoices that count, kept as they come and go (D5)."""

    __tablename__ = "month_digest"

    month: Month = Field(primary_key=True, sa_type=MonthText)
    invoices: int  # how many
    digest: bytes = Field(sa_type=LargeBinary)  # `rules/set_digest.py`


class Upload(SQLModel, table=True):
    """A file that an operator has uploaded and seen a preview of; gone when it is imported or dropped."""

    id: str = Field(primary_key=True, max_length=32)  # random
    kind: str = Field(max_length=16)  # invoices or partners
    file_name: str
    content: bytes = Field(sa_type=LargeBinary)
    uploaded_by: str
    uploaded_at: datetime = Field(sa_type=UtcDateTime)


class QuarantinedRow(SQLModel, table=True):
    """A row that could not be read, and the months it keeps incomplete until it is resolved."""

    __tablename__ = "quarantined_row"
    __table_args__ = (
        Index(
            "ix_quarantined_row_open",
            "id",
            sqlite_where=text("resolved_at IS NULL"),
            postgresql_where=text("resolved_at IS NULL"),
        ),
    )

    id: int = Field(default=None, primary_key=True, sa_type=BigId)
    batch_id: int = Field(foreign_key="ingest_batch.id")
    row: int  # line of the file, the header being 1
    reason: str
    issuer: str | None = None
    number: str | None = None
    year: int | None = None
    months: list[str] = Field(sa_type=JSON)  # YYYY-MM
    resolved_at: datetime | None = Field(default=None, sa_type=UtcDateTime)
    resolution: str | None = None  # accepted, replaced, or the operator's reason


class Invoice(SQLModel, table=True):
    """The identity of an invoice: issuer, number and year of issue; as first typed, and as they are compared (D1).

    No keys: a program of the version before wrote the row; the next reading of a register gives it some.
    """

    __table_args__ = (
        UniqueConstraint("issuer", "number", "year"),
        # Two spellings of one identity are one invoice.
        Index("uq_invoice_keys", "issuer_key", "number_key", "year", unique=True),
        # Finds the numbers that differ by leading zeros only.
        Index(
            "ix_invoice_bare_number",
            "issuer_key",
            "bare_number",
            sqlite_where=text("bare_number IS NOT NULL"),
            postgresql_where=text("bare_number IS NOT NULL"),
        ),
        # Finds what has no keys yet.
        Index(
            "ix_invoice_without_keys",
            "id",
            sqlite_where=text("issuer_key IS NULL"),
            postgresql_where=text("issuer_key IS NULL"),
        ),
    )

    id: int = Field(default=None, primary_key=True, sa_type=BigId)
    issuer: str
    number: str
    year: int
    issuer_key: str | None = None  # `rules/spelling.py`
    number_key: str | None = None
    bare_number: str | None = None  # the key without its leading zeros, where that is another


class InvoiceRevision(SQLModel, table=True):
    """One state of an invoice as it was read; at most one is current."""

    __tablename__ = "invoice_revision"
    __table_args__ = (
        one_of("status", InvoiceStatus),
        UniqueConstraint("invoice_id", "number"),
        Index(
            "uq_invoice_revision_current",
            "invoice_id",
            unique=True,
            sqlite_where=text("is_current"),
            postgresql_where=text("is_current"),
        ),
        Index(
            "ix_invoice_revision_month", "month", sqlite_where=text("is_current"), postgresql_where=text("is_current")
        ),
    )

    id: int = Field(default=None, primary_key=True, sa_type=BigId)
    invoice_id: int = Field(foreign_key="invoice.id", sa_type=BigId)
    number: int  # 1, 2, ...
    is_current: bool
    month: Month = Field(sa_type=MonthText)  # `period`, else the month of `issued_on` (D1)
    issued_on: date
    partner_code: str = Field(max_length=64)
    partner_name: str
    status: InvoiceStatus = Field(sa_type=Word(InvoiceStatus))
    digest: str = Field(max_length=64)  # SHA-256 of everything below and above that ranking reads
    batch_id: int = Field(foreign_key="ingest_batch.id", sa_type=BigId)
    # Cancelled by an operator's word only: its file says posted, it is the double of another.
    left_out: bool = Field(default=False, sa_column_kwargs={"server_default": text("false")})


class InvoiceLine(SQLModel, table=True):
    """One line of one revision of an invoice; amounts in roubles (stored as kopecks)."""

    __tablename__ = "invoice_line"

    id: int = Field(default=None, primary_key=True, sa_type=BigId)
    revision_id: int = Field(foreign_key="invoice_revision.id", sa_type=BigId, index=True)
    product_code: str
    product: str
    quantity: int
    amount: Decimal = Field(sa_type=Kopecks)


class MonthClose(SQLModel, table=True):
    """An issuer's word that a month is complete (D6)."""

    __tablename__ = "month_close"
    __table_args__ = (UniqueConstraint("issuer", "month"),)

    id: int = Field(default=None, primary_key=True, sa_type=BigId)
    issuer: str
    month: Month = Field(sa_type=MonthText)
    closed_at: datetime = Field(sa_type=UtcDateTime)


class ProbableDouble(SQLModel, table=True):
    """Two invoices that are probably one: their months wait until an operator says which (D6).

    Kept when it is resolved, so that reading the same again asks nobody: the word holds while the two are alike.
    """

    __tablename__ = "probable_double"
    __table_args__ = (
        one_of("keep", Keep),
        CheckConstraint("(keep IS NULL) = (resolved_at IS NULL)", name="resolved_at_a_time"),
        UniqueConstraint("first_id", "second_id"),
        Index("ix_probable_double_second", "second_id"),
        Index(
            "ix_probable_double_open", "id", sqlite_where=text("keep IS NULL"), postgresql_where=text("keep IS NULL")
        ),
    )

    id: int = Field(default=None, primary_key=True, sa_type=BigId)
    first_id: int = Field(foreign_key="invoice.id", sa_type=BigId)  # read before the second
    second_id: int = Field(foreign_key="invoice.id", sa_type=BigId)
    found_at: datetime = Field(sa_type=UtcDateTime)
    keep: Keep | None = Field(default=None, sa_type=Word(Keep))
    reason: str | None = None
    resolved_at: datetime | None = Field(default=None, sa_type=UtcDateTime)


class AcceptedIssuer(SQLModel, table=True):
    """An operator's word that the invoices of an issuer whom the programme does not name count in a month (D6)."""

    __tablename__ = "accepted_issuer"
    __table_args__ = (UniqueConstraint("issuer_key", "month"),)

    id: int = Field(default=None, primary_key=True, sa_type=BigId)
    issuer: str
    issuer_key: str
    month: Month = Field(sa_type=MonthText)
    reason: str
    accepted_at: datetime = Field(sa_type=UtcDateTime)

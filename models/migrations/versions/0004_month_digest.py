"""The digest of each month's invoices is kept at ingest; the identity of what was ranked before is rewritten"""

import hashlib
from typing import Any

import sqlalchemy as sa
from alembic import op

import models.types

revision = "0004_month_digest"
down_revision = "0003_restored"
branch_labels = None
depends_on = None

# The invoices of two months as they stood at an instant: of each the last revision that had been read by then.
_STOOD = sa.text("""
SELECT revision.month, revision.digest
FROM invoice_revision AS revision
JOIN ingest_batch AS batch ON batch.id = revision.batch_id
WHERE revision.month IN (:previous, :month) AND revision.status = 'posted' AND batch.read_at <= :instant
AND NOT EXISTS (
    SELECT 1 FROM invoice_revision AS later
    JOIN ingest_batch AS later_batch ON later_batch.id = later.batch_id
    WHERE later.invoice_id = revision.invoice_id AND later.number > revision.number
    AND later_batch.read_at <= :instant
)
""").bindparams(sa.bindparam("instant", type_=models.types.UtcDateTime()))
_RANKING = sa.table(
    "ranking",
    sa.column("id"),
    sa.column("month"),
    sa.column("digest"),
    sa.column("inputs", sa.JSON()),
    sa.column("computed_at", models.types.UtcDateTime()),
)


def upgrade() -> None:
    op.create_table(
        "month_digest",
        sa.Column("month", models.types.MonthText(), nullable=False),
        sa.Column("invoices", sa.Integer(), nullable=False),
        sa.Column("digest", sa.LargeBinary(), nullable=False),
        sa.PrimaryKeyConstraint("month", name=op.f("pk_month_digest")),
    )
    # False for what was read so far: the first ranking fills the table from the invoices.
    op.add_column(
        "ingest_batch", sa.Column("digests_kept", sa.Boolean(), server_default=sa.text("false"), nullable=False)
    )
    connection = op.get_bind()
    for version in connection.execute(sa.select(_RANKING).order_by(_RANKING.c.id)).all():
        rewritten = _rewritten(connection, version.month, version.inputs, version.computed_at)
        if rewritten is not None:
            values = {"inputs": rewritten, "digest": _digest_of(rewritten)}
            connection.execute(sa.update(_RANKING).where(_RANKING.c.id == version.id).values(values))


def downgrade() -> None:
    # The identity of rankings stays as it is: the older program makes a new version of what it finds.
    op.drop_column("ingest_batch", "digests_kept")
    op.drop_table("month_digest")


def _rewritten(connection: sa.Connection, month: str, inputs: dict[str, str], instant: Any) -> dict[str, str] | None:
    """A version's parts with the new digest of the very invoices it read; None: they cannot be found any more."""
    previous = _month_before(month)
    rows = connection.execute(_STOOD, {"previous": previous, "month": month, "instant": instant}).all()
    if _sha256(sorted(digest for _month, digest in rows)) != inputs.get("invoices"):
        return None
    texts = []
    for name in (previous, month):
        digests = [digest for of_month, digest in rows if of_month == name]
        total = sum(int.from_bytes(hashlib.shake_256(bytes.fromhex(digest)).digest(512), "big") for digest in digests)
        texts.append(f"{name} {len(digests)} {(total % (1 << 4096)).to_bytes(512, 'big').hex()}")
    return inputs | {"invoices": _sha256(sorted(texts))}


def _digest_of(inputs: dict[str, str]) -> str:
    return _sha256(sorted(f"{name}={digest}" for name, digest in inputs.items()))


def _sha256(texts: list[str]) -> str:
    return hashlib.sha256("\n".join(texts).encode()).hexdigest()


def _month_before(month: str) -> str:
    year, number = map(int, month.split("-"))
    return f"{year - (number == 1):04d}-{(number - 2) % 12 + 1:02d}"

"""A partner's open attempts, and those not yet received, are found without looking at all attempts"""

import sqlalchemy as sa
from alembic import op

revision = "0005_open_attempts"
down_revision = "0004_month_digest"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_index(
        "ix_attempt_open_partner",
        "attempt",
        ["partner_code", "received_at"],
        unique=False,
        sqlite_where=sa.text("ended_at IS NULL"),
        postgresql_where=sa.text("ended_at IS NULL"),
    )


def downgrade() -> None:
    op.drop_index("ix_attempt_open_partner", table_name="attempt")

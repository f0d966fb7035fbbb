"""A repeated request that may be another client's stays on the desk until an operator has decided"""

import sqlalchemy as sa
from alembic import op

from models.steps import end_step
from models.types import UtcDateTime

revision = "0010_doubted_requests"
down_revision = "0009_addresses_and_phones"
branch_labels = None
depends_on = None


def upgrade() -> None:
    # In steps, for leads come in meanwhile; where it was broken off the column is there already.
    if not any(column["name"] == "doubted_at" for column in sa.inspect(op.get_bind()).get_columns("lead")):
        op.add_column("lead", sa.Column("doubted_at", UtcDateTime(), nullable=True))
    end_step(op.get_bind())
    # The desk asked about all of these until now.
    op.execute(
        "UPDATE lead SET doubted_at = arrived_at WHERE state = 'attached' "
        "AND attached_to IN (SELECT id FROM lead WHERE state IN ('waiting', 'in_work', 'paused'))"
    )
    op.create_index(
        "ix_lead_doubted",
        "lead",
        ["doubted_at"],
        unique=False,
        sqlite_where=sa.text("doubted_at IS NOT NULL"),
        postgresql_where=sa.text("doubted_at IS NOT NULL"),
    )


def downgrade() -> None:
    op.drop_index("ix_lead_doubted", table_name="lead")
    op.drop_column("lead", "doubted_at")

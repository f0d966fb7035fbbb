"""When the verdict of a violation could first be given: violations are acted on in that order"""

import sqlalchemy as sa
from alembic import op

import models.types

revision = "0012_violation_order"
down_revision = "0011_invoice_keys"
branch_labels = None
depends_on = None


def upgrade() -> None:
    # Empty in rows of the version before: there it is the time at which they were recorded.
    op.add_column("violation", sa.Column("occurred_at", models.types.UtcDateTime(), nullable=True))


def downgrade() -> None:
    with op.batch_alter_table("violation") as batch_op:
        batch_op.drop_column("occurred_at")

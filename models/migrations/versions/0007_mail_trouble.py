"""Of a message that could not be delivered: when it was first due, when it was last tried, how often it was put off"""

import sqlalchemy as sa
from alembic import op

from models.types import UtcDateTime

revision = "0007_mail_trouble"
down_revision = "0006_open_message_kinds"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("message", sa.Column("first_due_at", UtcDateTime(), nullable=True))
    op.add_column("message", sa.Column("failed_at", UtcDateTime(), nullable=True))
    op.add_column("message", sa.Column("postponed", sa.Integer(), server_default="0", nullable=False))


def downgrade() -> None:
    for column in ("postponed", "failed_at", "first_due_at"):
        op.drop_column("message", column)

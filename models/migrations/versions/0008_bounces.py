"""A message that a mail server returned after it had been sent, and why a loop of the steward cannot do its work"""

import sqlalchemy as sa
from alembic import op

import models.types

revision = "0008_bounces"
down_revision = "0007_mail_trouble"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("message", sa.Column("bounced_at", models.types.UtcDateTime(), nullable=True))
    # With its CHECK in one statement: SQLite adds one to a column, and would have to rewrite the table for another.
    op.execute(
        "ALTER TABLE message ADD COLUMN bounce VARCHAR(16) "
        "CONSTRAINT ck_message_bounced_at_a_time CHECK ((bounced_at IS NULL) = (bounce IS NULL))"
    )
    op.create_index(
        "ix_message_bounced",
        "message",
        ["id"],
        unique=False,
        sqlite_where=sa.text("bounced_at IS NOT NULL"),
        postgresql_where=sa.text("bounced_at IS NOT NULL"),
    )
    op.add_column("heartbeat", sa.Column("error", sa.String(), nullable=True))


def downgrade() -> None:
    op.execute("DELETE FROM message WHERE kind = 'alert_bounced'")
    op.execute("DELETE FROM heartbeat WHERE loop = 'bounces'")
    op.drop_column("heartbeat", "error")
    op.drop_index("ix_message_bounced", table_name="message")
    with op.batch_alter_table("message") as batch_op:
        batch_op.drop_constraint(op.f("ck_message_bounced_at_a_time"), type_="check")
        batch_op.drop_column("bounce")
        batch_op.drop_column("bounced_at")

"""A new kind of message needs no migration: the code knows the kinds, and leaves unknown ones to a newer version"""

import sqlalchemy as sa
from alembic import op

revision = "0006_open_message_kinds"
down_revision = "0005_open_attempts"
branch_labels = None
depends_on = None

_KINDS_BEFORE = (
    *("lead", "lead_repeated", "reminder", "lead_taken", "tenure_started", "tenure_ended", "top_three", "sign_in"),
    *("welcome", "alert_exhausted", "alert_undelivered", "alert_welcome_late", "alert_incomplete", "alert_paused"),
    *("alert_after_end", "alert_repeated", "alert_restored", "run_lead", "run_checkpoint", "run_fallback"),
)


def upgrade() -> None:
    with op.batch_alter_table("message") as batch_op:
        batch_op.drop_constraint(op.f("ck_message_kind_word"), type_="check")


def downgrade() -> None:
    words = ", ".join(f"'{kind}'" for kind in _KINDS_BEFORE)
    op.execute(f"DELETE FROM message WHERE kind NOT IN ({words})")
    with op.batch_alter_table("message") as batch_op:
        batch_op.create_check_constraint(op.f("ck_message_kind_word"), sa.text(f"kind IN ({words})"))

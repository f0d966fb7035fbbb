"""After a restore: an alert to operators, and checkpoints whose evidence is lost"""

import sqlalchemy as sa
from alembic import op

revision = "0003_restored"
down_revision = "0002_portal"
branch_labels = None
depends_on = None

_KINDS = (
    "lead",
    "lead_repeated",
    "reminder",
    "lead_taken",
    "tenure_started",
    "tenure_ended",
    "top_three",
    "sign_in",
    "welcome",
    "alert_exhausted",
    "alert_undelivered",
    "alert_welcome_late",
    "alert_incomplete",
    "alert_paused",
    "alert_after_end",
    "alert_repeated",
    "run_lead",
    "run_checkpoint",
    "run_fallback",
)


def upgrade() -> None:
    op.add_column(
        "checkpoint", sa.Column("evidence_lost", sa.Boolean(), server_default=sa.text("false"), nullable=False)
    )
    place = _KINDS.index("run_lead")
    _set_message_kinds((*_KINDS[:place], "alert_restored", *_KINDS[place:]))


def downgrade() -> None:
    op.execute("DELETE FROM message WHERE kind = 'alert_restored'")
    _set_message_kinds(_KINDS)
    with op.batch_alter_table("checkpoint") as batch_op:
        batch_op.drop_column("evidence_lost")


def _set_message_kinds(kinds: tuple[str, ...]) -> None:
    words = ", ".join(f"'{kind}'" for kind in kinds)
    with op.batch_alter_table("message") as batch_op:
        batch_op.drop_constraint(op.f("ck_message_kind_word"), type_="check")
        batch_op.create_check_constraint(op.f("ck_message_kind_word"), sa.text(f"kind IN ({words})"))

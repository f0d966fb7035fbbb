"""Sign-in, sessions, tokens, profiles, uploads and heartbeats of the portal"""

import sqlalchemy as sa
from alembic import op

import models.types

revision = "0002_portal"
down_revision = "0001_first_tables"
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
    op.create_table(
        "heartbeat",
        sa.Column("loop", sa.String(16), nullable=False),
        sa.Column("seen_at", models.types.UtcDateTime(), nullable=False),
        sa.PrimaryKeyConstraint("loop", name=op.f("pk_heartbeat")),
    )
    op.create_table(
        "operator",
        sa.Column("name", sa.String(64), nullable=False),
        sa.Column("password_hash", sa.String(), nullable=False),
        sa.Column("totp_sealed", sa.String(), nullable=False),
        sa.Column("totp_last_step", sa.Integer(), nullable=False),
        sa.Column("created_at", models.types.UtcDateTime(), nullable=False),
        sa.Column("disabled_at", models.types.UtcDateTime(), nullable=True),
        sa.PrimaryKeyConstraint("name", name=op.f("pk_operator")),
    )
    op.create_table(
        "sign_in_try",
        sa.Column("id", models.types.BigId, nullable=False),
        sa.Column("key", sa.String(80), nullable=False),
        sa.Column("at", models.types.UtcDateTime(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_sign_in_try")),
    )
    with op.batch_alter_table("sign_in_try", schema=None) as batch_op:
        batch_op.create_index("ix_sign_in_try_key_at", ["key", "at"], unique=False)

    op.create_table(
        "upload",
        sa.Column("id", sa.String(32), nullable=False),
        sa.Column("kind", sa.String(16), nullable=False),
        sa.Column("file_name", sa.String(), nullable=False),
        sa.Column("content", sa.LargeBinary(), nullable=False),
        sa.Column("uploaded_by", sa.String(), nullable=False),
        sa.Column("uploaded_at", models.types.UtcDateTime(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_upload")),
    )
    op.create_table(
        "api_token",
        sa.Column("id", models.types.BigId, nullable=False),
        sa.Column("name", sa.String(64), nullable=False),
        sa.Column("token_hash", sa.String(64), nullable=False),
        sa.Column("scope", sa.String(24), nullable=False),
        sa.Column("partner_code", sa.String(), nullable=True),
        sa.Column("created_at", models.types.UtcDateTime(), nullable=False),
        sa.Column("revoked_at", models.types.UtcDateTime(), nullable=True),
        sa.CheckConstraint(
            "(scope = 'contacts:write') = (partner_code IS NOT NULL)", name=op.f("ck_api_token_contacts_are_a_partners")
        ),
        sa.CheckConstraint("scope IN ('leads:write', 'contacts:write', 'read')", name=op.f("ck_api_token_scope_word")),
        sa.ForeignKeyConstraint(["partner_code"], ["partner.code"], name=op.f("fk_api_token_partner_code")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_api_token")),
        sa.UniqueConstraint("name", name=op.f("uq_api_token_name")),
        sa.UniqueConstraint("token_hash", name=op.f("uq_api_token_token_hash")),
    )
    op.create_table(
        "certificate",
        sa.Column("partner_code", sa.String(), nullable=False),
        sa.Column("file_name", sa.String(), nullable=False),
        sa.Column("content_type", sa.String(), nullable=False),
        sa.Column("content", sa.LargeBinary(), nullable=False),
        sa.Column("uploaded_at", models.types.UtcDateTime(), nullable=False),
        sa.ForeignKeyConstraint(["partner_code"], ["partner.code"], name=op.f("fk_certificate_partner_code")),
        sa.PrimaryKeyConstraint("partner_code", name=op.f("pk_certificate")),
    )
    op.create_table(
        "partner_profile",
        sa.Column("partner_code", sa.String(), nullable=False),
        sa.Column("listed_url", sa.String(), nullable=False),
        sa.Column("tariffs_url", sa.String(), nullable=False),
        sa.Column("regions_answer", sa.String(), nullable=False),
        sa.Column("free_phone", sa.String(), nullable=False),
        sa.Column("support_channels", sa.String(), nullable=False),
        sa.Column("support_hours", sa.String(), nullable=False),
        sa.Column("duty_contact", sa.String(), nullable=False),
        sa.Column("updated_at", models.types.UtcDateTime(), nullable=False),
        sa.ForeignKeyConstraint(["partner_code"], ["partner.code"], name=op.f("fk_partner_profile_partner_code")),
        sa.PrimaryKeyConstraint("partner_code", name=op.f("pk_partner_profile")),
    )
    op.create_table(
        "portal_session",
        sa.Column("id", models.types.BigId, nullable=False),
        sa.Column("token_hash", sa.String(64), nullable=False),
        sa.Column("role", sa.String(24), nullable=False),
        sa.Column("partner_code", sa.String(), nullable=True),
        sa.Column("operator_name", sa.String(), nullable=True),
        sa.Column("created_at", models.types.UtcDateTime(), nullable=False),
        sa.Column("seen_at", models.types.UtcDateTime(), nullable=False),
        sa.Column("ended_at", models.types.UtcDateTime(), nullable=True),
        sa.CheckConstraint(
            "(role = 'operator') = (operator_name IS NOT NULL)", name=op.f("ck_portal_session_operator_has_name")
        ),
        sa.CheckConstraint(
            "(role = 'partner') = (partner_code IS NOT NULL)", name=op.f("ck_portal_session_partner_has_code")
        ),
        sa.CheckConstraint("role IN ('partner', 'operator')", name=op.f("ck_portal_session_role_word")),
        sa.ForeignKeyConstraint(["operator_name"], ["operator.name"], name=op.f("fk_portal_session_operator_name")),
        sa.ForeignKeyConstraint(["partner_code"], ["partner.code"], name=op.f("fk_portal_session_partner_code")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_portal_session")),
        sa.UniqueConstraint("token_hash", name=op.f("uq_portal_session_token_hash")),
    )
    with op.batch_alter_table("portal_session", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_portal_session_operator_name"), ["operator_name"], unique=False)
        batch_op.create_index(batch_op.f("ix_portal_session_partner_code"), ["partner_code"], unique=False)

    op.create_table(
        "sign_in_link",
        sa.Column("id", sa.String(32), nullable=False),
        sa.Column("partner_code", sa.String(), nullable=False),
        sa.Column("token_hash", sa.String(64), nullable=False),
        sa.Column("requested_at", models.types.UtcDateTime(), nullable=False),
        sa.Column("expires_at", models.types.UtcDateTime(), nullable=False),
        sa.Column("used_at", models.types.UtcDateTime(), nullable=True),
        sa.ForeignKeyConstraint(["partner_code"], ["partner.code"], name=op.f("fk_sign_in_link_partner_code")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_sign_in_link")),
        sa.UniqueConstraint("token_hash", name=op.f("uq_sign_in_link_token_hash")),
    )
    with op.batch_alter_table("sign_in_link", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_sign_in_link_partner_code"), ["partner_code"], unique=False)

    op.create_table(
        "idempotency_key",
        sa.Column("token_id", models.types.BigId, nullable=False),
        sa.Column("key", sa.String(255), nullable=False),
        sa.Column("request_digest", sa.String(64), nullable=False),
        sa.Column("result", sa.JSON(), nullable=False),
        sa.Column("created_at", models.types.UtcDateTime(), nullable=False),
        sa.ForeignKeyConstraint(["token_id"], ["api_token.id"], name=op.f("fk_idempotency_key_token_id")),
        sa.PrimaryKeyConstraint("token_id", "key", name=op.f("pk_idempotency_key")),
    )
    with op.batch_alter_table("idempotency_key", schema=None) as batch_op:
        batch_op.create_index("ix_idempotency_key_created_at", ["created_at"], unique=False)

    with op.batch_alter_table("partner", schema=None) as batch_op:
        batch_op.add_column(sa.Column("regulation_version", sa.String(), nullable=True))

    with op.batch_alter_table("message", schema=None) as batch_op:
        batch_op.create_index(
            "ix_message_dead",
            ["id"],
            sqlite_where=sa.text("state = 'dead'"),
            postgresql_where=sa.text("state = 'dead'"),
        )
    op.create_index("ix_audit_event_partner", "audit_event", ["partner_code", "id"])
    op.create_index("ix_audit_event_event", "audit_event", ["event", "id"])
    place = _KINDS.index("welcome")
    _set_message_kinds((*_KINDS[:place], "sign_in", *_KINDS[place:]))


def downgrade() -> None:
    op.drop_index("ix_audit_event_event", "audit_event")
    op.drop_index("ix_audit_event_partner", "audit_event")
    op.drop_index("ix_message_dead", "message")
    op.execute("DELETE FROM message WHERE kind = 'sign_in'")
    _set_message_kinds(_KINDS)

    with op.batch_alter_table("partner", schema=None) as batch_op:
        batch_op.drop_column("regulation_version")

    with op.batch_alter_table("idempotency_key", schema=None) as batch_op:
        batch_op.drop_index("ix_idempotency_key_created_at")

    op.drop_table("idempotency_key")
    with op.batch_alter_table("sign_in_link", schema=None) as batch_op:
        batch_op.drop_index(batch_op.f("ix_sign_in_link_partner_code"))

    op.drop_table("sign_in_link")
    with op.batch_alter_table("portal_session", schema=None) as batch_op:
        batch_op.drop_index(batch_op.f("ix_portal_session_partner_code"))
        batch_op.drop_index(batch_op.f("ix_portal_session_operator_name"))

    op.drop_table("portal_session")
    op.drop_table("partner_profile")
    op.drop_table("certificate")
    op.drop_table("api_token")
    op.drop_table("upload")
    with op.batch_alter_table("sign_in_try", schema=None) as batch_op:
        batch_op.drop_index("ix_sign_in_try_key_at")

    op.drop_table("sign_in_try")
    op.drop_table("operator")
    op.drop_table("heartbeat")


def _set_message_kinds(kinds: tuple[str, ...]) -> None:
    words = ", ".join(f"'{kind}'" for kind in kinds)
    with op.batch_alter_table("message") as batch_op:
        batch_op.drop_constraint(op.f("ck_message_kind_word"), type_="check")
        batch_op.create_check_constraint(op.f("ck_message_kind_word"), sa.text(f"kind IN ({words})"))

"""First tables"""

import sqlalchemy as sa
from alembic import op

import models.types
from models.audit import append_only_audit

revision = "0001_first_tables"
down_revision = None
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "ingest_batch",
        sa.Column("id", models.types.BigId, nullable=False),
        sa.Column("digest", sa.String(64), nullable=False),
        sa.Column("file_name", sa.String(), nullable=False),
        sa.Column("read_at", models.types.UtcDateTime(), nullable=False),
        sa.Column("counts", sa.JSON(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_ingest_batch")),
    )
    with op.batch_alter_table("ingest_batch", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_ingest_batch_digest"), ["digest"], unique=False)

    op.create_table(
        "installation",
        sa.Column("id", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("sandbox", sa.Boolean(), nullable=False),
        sa.Column("created_at", models.types.UtcDateTime(), nullable=False),
        sa.CheckConstraint("id = 1", name=op.f("ck_installation_one_row")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_installation")),
    )
    op.create_table(
        "invoice",
        sa.Column("id", models.types.BigId, nullable=False),
        sa.Column("issuer", sa.String(), nullable=False),
        sa.Column("number", sa.String(), nullable=False),
        sa.Column("year", sa.Integer(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_invoice")),
        sa.UniqueConstraint("issuer", "number", "year", name=op.f("uq_invoice_issuer_number_year")),
    )
    op.create_table(
        "lead",
        sa.Column("id", models.types.BigId, nullable=False),
        sa.Column("source", sa.String(), nullable=False),
        sa.Column("source_id", sa.String(), nullable=False),
        sa.Column("body_digest", sa.String(64), nullable=False),
        sa.Column("requested_at", models.types.UtcDateTime(), nullable=False),
        sa.Column("arrived_at", models.types.UtcDateTime(), nullable=False),
        sa.Column("product", sa.String(), nullable=False),
        sa.Column("configuration_url", sa.String(), nullable=False),
        sa.Column("workplaces", sa.Integer(), nullable=False),
        sa.Column("state", sa.String(24), nullable=False),
        sa.Column("attached_to", models.types.BigId, nullable=True),
        sa.Column("moved_at", models.types.UtcDateTime(), nullable=True),
        sa.Column("pause_reason", sa.String(24), nullable=True),
        sa.Column("closed_at", models.types.UtcDateTime(), nullable=True),
        sa.CheckConstraint("(state = 'attached') = (attached_to IS NOT NULL)", name=op.f("ck_lead_attached_to_a_lead")),
        sa.CheckConstraint("(state = 'closed') = (closed_at IS NOT NULL)", name=op.f("ck_lead_closed_at_a_time")),
        sa.CheckConstraint("(state = 'paused') = (pause_reason IS NOT NULL)", name=op.f("ck_lead_paused_with_reason")),
        sa.CheckConstraint(
            "pause_reason IN ('wrong_contact', 'do_not_call', 'attempts_used', 'would_return')",
            name=op.f("ck_lead_pause_reason_word"),
        ),
        sa.CheckConstraint(
            "state IN ('waiting', 'in_work', 'paused', 'closed', 'attached', 'out_of_programme')",
            name=op.f("ck_lead_state_word"),
        ),
        sa.ForeignKeyConstraint(["attached_to"], ["lead.id"], name=op.f("fk_lead_attached_to")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_lead")),
        sa.UniqueConstraint("source", "source_id", name=op.f("uq_lead_source_source_id")),
    )
    with op.batch_alter_table("lead", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_lead_attached_to"), ["attached_to"], unique=False)
        batch_op.create_index("ix_lead_state", ["state"], unique=False)
        batch_op.create_index(
            "ix_lead_waiting",
            ["requested_at", "id"],
            unique=False,
            sqlite_where=sa.text("state = 'waiting'"),
            postgresql_where=sa.text("state = 'waiting'"),
        )

    op.create_table(
        "month_close",
        sa.Column("id", models.types.BigId, nullable=False),
        sa.Column("issuer", sa.String(), nullable=False),
        sa.Column("month", sa.String(7), nullable=False),
        sa.Column("closed_at", models.types.UtcDateTime(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_month_close")),
        sa.UniqueConstraint("issuer", "month", name=op.f("uq_month_close_issuer_month")),
    )
    op.create_table(
        "partner",
        sa.Column("code", sa.String(64), nullable=False),
        sa.Column("name", sa.String(), nullable=False),
        sa.Column("email", sa.String(), nullable=False),
        sa.Column("city", sa.String(), nullable=False),
        sa.Column("regulation_accepted_on", sa.Date(), nullable=True),
        sa.Column("suspended_at", models.types.UtcDateTime(), nullable=True),
        sa.Column("suspended_reason", sa.String(), nullable=True),
        sa.CheckConstraint(
            "(suspended_at IS NULL) = (suspended_reason IS NULL)", name=op.f("ck_partner_suspended_with_reason")
        ),
        sa.PrimaryKeyConstraint("code", name=op.f("pk_partner")),
    )
    op.create_table(
        "ranking",
        sa.Column("id", models.types.BigId, nullable=False),
        sa.Column("month", sa.String(7), nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.Column("digest", sa.String(64), nullable=False),
        sa.Column("rules_digest", sa.String(64), nullable=False),
        sa.Column("complete", sa.Boolean(), nullable=False),
        sa.Column("missing", sa.JSON(), nullable=False),
        sa.Column("inputs", sa.JSON(), nullable=False),
        sa.Column("computed_at", models.types.UtcDateTime(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_ranking")),
        sa.UniqueConstraint("month", "digest", name=op.f("uq_ranking_month_digest")),
        sa.UniqueConstraint("month", "version", name=op.f("uq_ranking_month_version")),
    )
    op.create_table(
        "audit_event",
        sa.Column("id", models.types.BigId, nullable=False),
        sa.Column("at", models.types.UtcDateTime(), nullable=False),
        sa.Column("event", sa.String(64), nullable=False),
        sa.Column("actor", sa.String(), nullable=False),
        sa.Column("lead_id", models.types.BigId, nullable=True),
        sa.Column("partner_code", sa.String(), nullable=True),
        sa.Column("data", sa.JSON(), nullable=False),
        sa.ForeignKeyConstraint(["lead_id"], ["lead.id"], name=op.f("fk_audit_event_lead_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_audit_event")),
    )
    with op.batch_alter_table("audit_event", schema=None) as batch_op:
        batch_op.create_index("ix_audit_event_at", ["at"], unique=False)
        batch_op.create_index("ix_audit_event_lead", ["lead_id"], unique=False)

    op.create_table(
        "client",
        sa.Column("lead_id", models.types.BigId, nullable=False),
        sa.Column("name", sa.String(), nullable=False),
        sa.Column("phone", sa.String(), nullable=False),
        sa.Column("email", sa.String(), nullable=False),
        sa.Column("company", sa.String(), nullable=True),
        sa.Column("city", sa.String(), nullable=True),
        sa.Column("comment", sa.String(), nullable=True),
        sa.Column("phone_key", sa.String(), nullable=False),
        sa.Column("email_key", sa.String(), nullable=False),
        sa.ForeignKeyConstraint(["lead_id"], ["lead.id"], name=op.f("fk_client_lead_id")),
        sa.PrimaryKeyConstraint("lead_id", name=op.f("pk_client")),
    )
    with op.batch_alter_table("client", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_client_email_key"), ["email_key"], unique=False)
        batch_op.create_index(batch_op.f("ix_client_phone_key"), ["phone_key"], unique=False)

    op.create_table(
        "decline",
        sa.Column("id", models.types.BigId, nullable=False),
        sa.Column("lead_month", sa.String(7), nullable=False),
        sa.Column("partner_code", sa.String(), nullable=False),
        sa.Column("declined_at", models.types.UtcDateTime(), nullable=False),
        sa.Column("reason", sa.String(), nullable=False),
        sa.ForeignKeyConstraint(["partner_code"], ["partner.code"], name=op.f("fk_decline_partner_code")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_decline")),
        sa.UniqueConstraint("lead_month", "partner_code", name=op.f("uq_decline_lead_month_partner_code")),
    )
    op.create_table(
        "invoice_revision",
        sa.Column("id", models.types.BigId, nullable=False),
        sa.Column("invoice_id", models.types.BigId, nullable=False),
        sa.Column("number", sa.Integer(), nullable=False),
        sa.Column("is_current", sa.Boolean(), nullable=False),
        sa.Column("month", sa.String(7), nullable=False),
        sa.Column("issued_on", sa.Date(), nullable=False),
        sa.Column("partner_code", sa.String(64), nullable=False),
        sa.Column("partner_name", sa.String(), nullable=False),
        sa.Column("status", sa.String(24), nullable=False),
        sa.Column("digest", sa.String(64), nullable=False),
        sa.Column("batch_id", models.types.BigId, nullable=False),
        sa.CheckConstraint("status IN ('posted', 'cancelled')", name=op.f("ck_invoice_revision_status_word")),
        sa.ForeignKeyConstraint(["batch_id"], ["ingest_batch.id"], name=op.f("fk_invoice_revision_batch_id")),
        sa.ForeignKeyConstraint(["invoice_id"], ["invoice.id"], name=op.f("fk_invoice_revision_invoice_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_invoice_revision")),
        sa.UniqueConstraint("invoice_id", "number", name=op.f("uq_invoice_revision_invoice_id_number")),
    )
    with op.batch_alter_table("invoice_revision", schema=None) as batch_op:
        batch_op.create_index(
            "ix_invoice_revision_month",
            ["month"],
            unique=False,
            sqlite_where=sa.text("is_current"),
            postgresql_where=sa.text("is_current"),
        )
        batch_op.create_index(
            "uq_invoice_revision_current",
            ["invoice_id"],
            unique=True,
            sqlite_where=sa.text("is_current"),
            postgresql_where=sa.text("is_current"),
        )

    op.create_table(
        "publication",
        sa.Column("id", models.types.BigId, nullable=False),
        sa.Column("ranking_id", models.types.BigId, nullable=False),
        sa.Column("month", sa.String(7), nullable=False),
        sa.Column("published_at", models.types.UtcDateTime(), nullable=False),
        sa.Column("reason", sa.String(), nullable=True),
        sa.ForeignKeyConstraint(["ranking_id"], ["ranking.id"], name=op.f("fk_publication_ranking_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_publication")),
    )
    with op.batch_alter_table("publication", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_publication_month"), ["month"], unique=False)

    op.create_table(
        "quarantined_row",
        sa.Column("id", models.types.BigId, nullable=False),
        sa.Column("batch_id", sa.Integer(), nullable=False),
        sa.Column("row", sa.Integer(), nullable=False),
        sa.Column("reason", sa.String(), nullable=False),
        sa.Column("issuer", sa.String(), nullable=True),
        sa.Column("number", sa.String(), nullable=True),
        sa.Column("year", sa.Integer(), nullable=True),
        sa.Column("months", sa.JSON(), nullable=False),
        sa.Column("resolved_at", models.types.UtcDateTime(), nullable=True),
        sa.Column("resolution", sa.String(), nullable=True),
        sa.ForeignKeyConstraint(["batch_id"], ["ingest_batch.id"], name=op.f("fk_quarantined_row_batch_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_quarantined_row")),
    )
    with op.batch_alter_table("quarantined_row", schema=None) as batch_op:
        batch_op.create_index(
            "ix_quarantined_row_open",
            ["id"],
            unique=False,
            sqlite_where=sa.text("resolved_at IS NULL"),
            postgresql_where=sa.text("resolved_at IS NULL"),
        )

    op.create_table(
        "ranking_entry",
        sa.Column("ranking_id", models.types.BigId, nullable=False),
        sa.Column("partner_code", sa.String(64), nullable=False),
        sa.Column("place", sa.Integer(), nullable=True),
        sa.Column("growth_percent", sa.String(), nullable=True),
        sa.Column("previous_billed", sa.BigInteger(), nullable=False),
        sa.Column("billed", sa.BigInteger(), nullable=False),
        sa.Column("kits_sold", sa.Integer(), nullable=False),
        sa.Column("reason", sa.String(24), nullable=True),
        sa.CheckConstraint(
            "reason IN ('no_cabinet_access', 'suspended', 'holds_the_leads', 'no_previous_bill', 'no_growth', 'below_minimum_base')",
            name=op.f("ck_ranking_entry_reason_word"),
        ),
        sa.CheckConstraint("(place IS NULL) <> (reason IS NULL)", name=op.f("ck_ranking_entry_place_or_reason")),
        sa.ForeignKeyConstraint(["ranking_id"], ["ranking.id"], name=op.f("fk_ranking_entry_ranking_id")),
        sa.PrimaryKeyConstraint("ranking_id", "partner_code", name=op.f("pk_ranking_entry")),
    )
    with op.batch_alter_table("ranking_entry", schema=None) as batch_op:
        batch_op.create_index(
            "uq_ranking_entry_place",
            ["ranking_id", "place"],
            unique=True,
            sqlite_where=sa.text("place IS NOT NULL"),
            postgresql_where=sa.text("place IS NOT NULL"),
        )

    op.create_table(
        "tenure",
        sa.Column("id", models.types.BigId, nullable=False),
        sa.Column("partner_code", sa.String(), nullable=False),
        sa.Column("lead_month", sa.String(7), nullable=False),
        sa.Column("ranking_id", models.types.BigId, nullable=False),
        sa.Column("place", sa.Integer(), nullable=True),
        sa.Column("seat", sa.Integer(), nullable=False),
        sa.Column("started_at", models.types.UtcDateTime(), nullable=False),
        sa.Column("ended_at", models.types.UtcDateTime(), nullable=True),
        sa.Column("end_reason", sa.String(24), nullable=True),
        sa.CheckConstraint(
            "end_reason IN ('next_month', 'violated', 'declined', 'suspended', 'switched', 'programme_ended')",
            name=op.f("ck_tenure_end_reason_word"),
        ),
        sa.CheckConstraint("(ended_at IS NULL) = (end_reason IS NULL)", name=op.f("ck_tenure_ended_with_reason")),
        sa.CheckConstraint("ended_at >= started_at", name=op.f("ck_tenure_ends_after_start")),
        sa.CheckConstraint("seat = 1", name=op.f("ck_tenure_one_seat")),
        sa.ForeignKeyConstraint(["partner_code"], ["partner.code"], name=op.f("fk_tenure_partner_code")),
        sa.ForeignKeyConstraint(["ranking_id"], ["ranking.id"], name=op.f("fk_tenure_ranking_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_tenure")),
    )
    with op.batch_alter_table("tenure", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_tenure_lead_month"), ["lead_month"], unique=False)
        batch_op.create_index(batch_op.f("ix_tenure_partner_code"), ["partner_code"], unique=False)
        batch_op.create_index(
            "uq_tenure_open",
            ["seat"],
            unique=True,
            sqlite_where=sa.text("ended_at IS NULL"),
            postgresql_where=sa.text("ended_at IS NULL"),
        )

    op.create_table(
        "walk",
        sa.Column("id", models.types.BigId, nullable=False),
        sa.Column("lead_month", sa.String(7), nullable=False),
        sa.Column("ranking_id", models.types.BigId, nullable=False),
        sa.Column("cause", sa.String(24), nullable=False),
        sa.Column("walked_at", models.types.UtcDateTime(), nullable=False),
        sa.Column("walked_by", sa.String(), nullable=False),
        sa.Column("holder", sa.String(), nullable=True),
        sa.Column("skipped", sa.JSON(), nullable=False),
        sa.Column("reason", sa.String(), nullable=True),
        sa.ForeignKeyConstraint(["ranking_id"], ["ranking.id"], name=op.f("fk_walk_ranking_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_walk")),
    )
    with op.batch_alter_table("walk", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_walk_lead_month"), ["lead_month"], unique=False)

    op.create_table(
        "attempt",
        sa.Column("id", models.types.BigId, nullable=False),
        sa.Column("lead_id", models.types.BigId, nullable=False),
        sa.Column("number", sa.Integer(), nullable=False),
        sa.Column("partner_code", sa.String(), nullable=False),
        sa.Column("tenure_id", models.types.BigId, nullable=True),
        sa.Column("rules_month", sa.String(7), nullable=False),
        sa.Column("origin", sa.String(24), nullable=False),
        sa.Column("started_at", models.types.UtcDateTime(), nullable=False),
        sa.Column("received_at", models.types.UtcDateTime(), nullable=True),
        sa.Column("clock_starts_at", models.types.UtcDateTime(), nullable=True),
        sa.Column("ended_at", models.types.UtcDateTime(), nullable=True),
        sa.Column("end_reason", sa.String(24), nullable=True),
        sa.CheckConstraint(
            "end_reason IN ('moved', 'assigned', 'paused', 'closed')", name=op.f("ck_attempt_end_reason_word")
        ),
        sa.CheckConstraint("origin IN ('new', 'waited', 'assigned')", name=op.f("ck_attempt_origin_word")),
        sa.CheckConstraint("(ended_at IS NULL) = (end_reason IS NULL)", name=op.f("ck_attempt_ended_with_reason")),
        sa.CheckConstraint(
            "(received_at IS NULL) = (clock_starts_at IS NULL)", name=op.f("ck_attempt_clock_needs_reception")
        ),
        sa.ForeignKeyConstraint(["lead_id"], ["lead.id"], name=op.f("fk_attempt_lead_id")),
        sa.ForeignKeyConstraint(["partner_code"], ["partner.code"], name=op.f("fk_attempt_partner_code")),
        sa.ForeignKeyConstraint(["tenure_id"], ["tenure.id"], name=op.f("fk_attempt_tenure_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_attempt")),
        sa.UniqueConstraint("lead_id", "number", name=op.f("uq_attempt_lead_id_number")),
    )
    with op.batch_alter_table("attempt", schema=None) as batch_op:
        batch_op.create_index("ix_attempt_partner_started", ["partner_code", "started_at"], unique=False)
        batch_op.create_index(batch_op.f("ix_attempt_tenure_id"), ["tenure_id"], unique=False)
        batch_op.create_index(
            "ix_attempt_waited_started",
            ["started_at"],
            unique=False,
            sqlite_where=sa.text("origin = 'waited'"),
            postgresql_where=sa.text("origin = 'waited'"),
        )
        batch_op.create_index(
            "uq_attempt_open",
            ["lead_id"],
            unique=True,
            sqlite_where=sa.text("ended_at IS NULL"),
            postgresql_where=sa.text("ended_at IS NULL"),
        )

    op.create_table(
        "invoice_line",
        sa.Column("id", models.types.BigId, nullable=False),
        sa.Column("revision_id", models.types.BigId, nullable=False),
        sa.Column("product_code", sa.String(), nullable=False),
        sa.Column("product", sa.String(), nullable=False),
        sa.Column("quantity", sa.Integer(), nullable=False),
        sa.Column("amount", sa.BigInteger(), nullable=False),
        sa.ForeignKeyConstraint(["revision_id"], ["invoice_revision.id"], name=op.f("fk_invoice_line_revision_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_invoice_line")),
    )
    with op.batch_alter_table("invoice_line", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_invoice_line_revision_id"), ["revision_id"], unique=False)

    op.create_table(
        "checkpoint",
        sa.Column("id", models.types.BigId, nullable=False),
        sa.Column("attempt_id", models.types.BigId, nullable=False),
        sa.Column("kind", sa.String(24), nullable=False),
        sa.Column("opens_at", models.types.UtcDateTime(), nullable=False),
        sa.Column("due_at", models.types.UtcDateTime(), nullable=False),
        sa.Column("verdict", sa.String(24), nullable=True),
        sa.Column("judged_at", models.types.UtcDateTime(), nullable=True),
        sa.Column("judged_by", sa.String(), nullable=True),
        sa.CheckConstraint("kind IN ('1h', '3d', '2w')", name=op.f("ck_checkpoint_kind_word")),
        sa.CheckConstraint("verdict IN ('met', 'violated', 'void')", name=op.f("ck_checkpoint_verdict_word")),
        sa.CheckConstraint("(verdict IS NULL) = (judged_at IS NULL)", name=op.f("ck_checkpoint_verdict_has_time")),
        sa.CheckConstraint("(verdict IS NULL) = (judged_by IS NULL)", name=op.f("ck_checkpoint_verdict_has_judge")),
        sa.ForeignKeyConstraint(["attempt_id"], ["attempt.id"], name=op.f("fk_checkpoint_attempt_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_checkpoint")),
        sa.UniqueConstraint("attempt_id", "kind", name=op.f("uq_checkpoint_attempt_id_kind")),
    )
    with op.batch_alter_table("checkpoint", schema=None) as batch_op:
        batch_op.create_index(
            "ix_checkpoint_open_due",
            ["due_at"],
            unique=False,
            sqlite_where=sa.text("verdict IS NULL"),
            postgresql_where=sa.text("verdict IS NULL"),
        )

    op.create_table(
        "contact",
        sa.Column("id", models.types.BigId, nullable=False),
        sa.Column("attempt_id", models.types.BigId, nullable=False),
        sa.Column("began_at", models.types.UtcDateTime(), nullable=False),
        sa.Column("logged_at", models.types.UtcDateTime(), nullable=True),
        sa.Column("happened_at", models.types.UtcDateTime(), nullable=True),
        sa.Column("kind", sa.String(24), nullable=True),
        sa.Column("outcome", sa.String(24), nullable=True),
        sa.Column("checklist", sa.JSON(), nullable=False),
        sa.Column("note", sa.String(), nullable=True),
        sa.Column("effect", sa.String(24), nullable=True),
        sa.CheckConstraint("effect IN ('counted', 'kept', 'after_end')", name=op.f("ck_contact_effect_word")),
        sa.CheckConstraint("kind IN ('call', 'email', 'meeting', 'message')", name=op.f("ck_contact_kind_word")),
        sa.CheckConstraint(
            "outcome IN ('reached', 'no_answer', 'wrong_contact', 'refused', 'bought', 'do_not_call')",
            name=op.f("ck_contact_outcome_word"),
        ),
        sa.CheckConstraint("(logged_at IS NULL) = (effect IS NULL)", name=op.f("ck_contact_logged_with_effect")),
        sa.CheckConstraint("(logged_at IS NULL) = (kind IS NULL)", name=op.f("ck_contact_logged_with_kind")),
        sa.CheckConstraint("(logged_at IS NULL) = (outcome IS NULL)", name=op.f("ck_contact_logged_with_outcome")),
        sa.ForeignKeyConstraint(["attempt_id"], ["attempt.id"], name=op.f("fk_contact_attempt_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_contact")),
    )
    with op.batch_alter_table("contact", schema=None) as batch_op:
        batch_op.create_index("ix_contact_attempt", ["attempt_id"], unique=False)

    op.create_table(
        "message",
        sa.Column("id", models.types.BigId, nullable=False),
        sa.Column("channel", sa.String(24), nullable=False),
        sa.Column("kind", sa.String(24), nullable=False),
        sa.Column("dedupe_key", sa.String(), nullable=False),
        sa.Column("partner_code", sa.String(), nullable=True),
        sa.Column("lead_id", models.types.BigId, nullable=True),
        sa.Column("attempt_id", models.types.BigId, nullable=True),
        sa.Column("data", sa.JSON(), nullable=False),
        sa.Column("created_at", models.types.UtcDateTime(), nullable=False),
        sa.Column("not_before", models.types.UtcDateTime(), nullable=False),
        sa.Column("state", sa.String(24), nullable=False),
        sa.Column("claimed_until", models.types.UtcDateTime(), nullable=True),
        sa.Column("claimed_by", sa.String(), nullable=True),
        sa.Column("tries", sa.Integer(), nullable=False),
        sa.Column("sent_at", models.types.UtcDateTime(), nullable=True),
        sa.Column("external_id", sa.String(), nullable=True),
        sa.Column("error", sa.String(), nullable=True),
        sa.CheckConstraint("(state = 'sent') = (sent_at IS NOT NULL)", name=op.f("ck_message_sent_at_a_time")),
        sa.CheckConstraint("channel IN ('mail', 'run')", name=op.f("ck_message_channel_word")),
        sa.CheckConstraint(
            "kind IN ('lead', 'lead_repeated', 'reminder', 'lead_taken', 'tenure_started', 'tenure_ended', 'top_three', 'welcome', 'alert_exhausted', 'alert_undelivered', 'alert_welcome_late', 'alert_incomplete', 'alert_paused', 'alert_after_end', 'alert_repeated', 'run_lead', 'run_checkpoint', 'run_fallback')",
            name=op.f("ck_message_kind_word"),
        ),
        sa.CheckConstraint("state IN ('pending', 'sent', 'void', 'dead')", name=op.f("ck_message_state_word")),
        sa.ForeignKeyConstraint(["attempt_id"], ["attempt.id"], name=op.f("fk_message_attempt_id")),
        sa.ForeignKeyConstraint(["lead_id"], ["lead.id"], name=op.f("fk_message_lead_id")),
        sa.ForeignKeyConstraint(["partner_code"], ["partner.code"], name=op.f("fk_message_partner_code")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_message")),
        sa.UniqueConstraint("dedupe_key", name=op.f("uq_message_dedupe_key")),
    )
    with op.batch_alter_table("message", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_message_attempt_id"), ["attempt_id"], unique=False)
        batch_op.create_index("ix_message_lead", ["lead_id"], unique=False)
        batch_op.create_index(
            "ix_message_pending",
            ["channel", "not_before", "id"],
            unique=False,
            sqlite_where=sa.text("state = 'pending'"),
            postgresql_where=sa.text("state = 'pending'"),
        )

    op.create_table(
        "violation",
        sa.Column("id", models.types.BigId, nullable=False),
        sa.Column("checkpoint_id", models.types.BigId, nullable=False),
        sa.Column("attempt_id", models.types.BigId, nullable=False),
        sa.Column("partner_code", sa.String(), nullable=False),
        sa.Column("source", sa.String(24), nullable=False),
        sa.Column("reason", sa.String(), nullable=False),
        sa.Column("recorded_at", models.types.UtcDateTime(), nullable=False),
        sa.Column("recorded_by", sa.String(), nullable=False),
        sa.Column("acted_at", models.types.UtcDateTime(), nullable=True),
        sa.Column("acted_by", sa.String(), nullable=True),
        sa.Column("reversed_at", models.types.UtcDateTime(), nullable=True),
        sa.Column("reversed_reason", sa.String(), nullable=True),
        sa.CheckConstraint("source IN ('checkpoint', 'spot_check', 'operator')", name=op.f("ck_violation_source_word")),
        sa.CheckConstraint("(acted_at IS NULL) = (acted_by IS NULL)", name=op.f("ck_violation_acted_by_someone")),
        sa.CheckConstraint(
            "(reversed_at IS NULL) = (reversed_reason IS NULL)", name=op.f("ck_violation_reversed_with_reason")
        ),
        sa.ForeignKeyConstraint(["attempt_id"], ["attempt.id"], name=op.f("fk_violation_attempt_id")),
        sa.ForeignKeyConstraint(["checkpoint_id"], ["checkpoint.id"], name=op.f("fk_violation_checkpoint_id")),
        sa.ForeignKeyConstraint(["partner_code"], ["partner.code"], name=op.f("fk_violation_partner_code")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_violation")),
        sa.UniqueConstraint("checkpoint_id", name=op.f("uq_violation_checkpoint_id")),
    )
    with op.batch_alter_table("violation", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_violation_attempt_id"), ["attempt_id"], unique=False)
        batch_op.create_index("ix_violation_partner", ["partner_code", "recorded_at"], unique=False)
        batch_op.create_index(
            "ix_violation_to_act_on",
            ["id"],
            unique=False,
            sqlite_where=sa.text("acted_at IS NULL"),
            postgresql_where=sa.text("acted_at IS NULL"),
        )

    append_only_audit(op.get_bind())


def downgrade() -> None:
    with op.batch_alter_table("violation", schema=None) as batch_op:
        batch_op.drop_index(
            "ix_violation_to_act_on",
            sqlite_where=sa.text("acted_at IS NULL"),
            postgresql_where=sa.text("acted_at IS NULL"),
        )
        batch_op.drop_index("ix_violation_partner")
        batch_op.drop_index(batch_op.f("ix_violation_attempt_id"))

    op.drop_table("violation")
    with op.batch_alter_table("message", schema=None) as batch_op:
        batch_op.drop_index(
            "ix_message_pending",
            sqlite_where=sa.text("state = 'pending'"),
            postgresql_where=sa.text("state = 'pending'"),
        )
        batch_op.drop_index("ix_message_lead")
        batch_op.drop_index(batch_op.f("ix_message_attempt_id"))

    op.drop_table("message")
    with op.batch_alter_table("contact", schema=None) as batch_op:
        batch_op.drop_index("ix_contact_attempt")

    op.drop_table("contact")
    with op.batch_alter_table("checkpoint", schema=None) as batch_op:
        batch_op.drop_index(
            "ix_checkpoint_open_due",
            sqlite_where=sa.text("verdict IS NULL"),
            postgresql_where=sa.text("verdict IS NULL"),
        )

    op.drop_table("checkpoint")
    with op.batch_alter_table("invoice_line", schema=None) as batch_op:
        batch_op.drop_index(batch_op.f("ix_invoice_line_revision_id"))

    op.drop_table("invoice_line")
    with op.batch_alter_table("attempt", schema=None) as batch_op:
        batch_op.drop_index(
            "uq_attempt_open", sqlite_where=sa.text("ended_at IS NULL"), postgresql_where=sa.text("ended_at IS NULL")
        )
        batch_op.drop_index(
            "ix_attempt_waited_started",
            sqlite_where=sa.text("origin = 'waited'"),
            postgresql_where=sa.text("origin = 'waited'"),
        )
        batch_op.drop_index(batch_op.f("ix_attempt_tenure_id"))
        batch_op.drop_index("ix_attempt_partner_started")

    op.drop_table("attempt")
    with op.batch_alter_table("walk", schema=None) as batch_op:
        batch_op.drop_index(batch_op.f("ix_walk_lead_month"))

    op.drop_table("walk")
    with op.batch_alter_table("tenure", schema=None) as batch_op:
        batch_op.drop_index(
            "uq_tenure_open", sqlite_where=sa.text("ended_at IS NULL"), postgresql_where=sa.text("ended_at IS NULL")
        )
        batch_op.drop_index(batch_op.f("ix_tenure_partner_code"))
        batch_op.drop_index(batch_op.f("ix_tenure_lead_month"))

    op.drop_table("tenure")
    with op.batch_alter_table("ranking_entry", schema=None) as batch_op:
        batch_op.drop_index(
            "uq_ranking_entry_place",
            sqlite_where=sa.text("place IS NOT NULL"),
            postgresql_where=sa.text("place IS NOT NULL"),
        )

    op.drop_table("ranking_entry")
    with op.batch_alter_table("quarantined_row", schema=None) as batch_op:
        batch_op.drop_index(
            "ix_quarantined_row_open",
            sqlite_where=sa.text("resolved_at IS NULL"),
            postgresql_where=sa.text("resolved_at IS NULL"),
        )

    op.drop_table("quarantined_row")
    with op.batch_alter_table("publication", schema=None) as batch_op:
        batch_op.drop_index(batch_op.f("ix_publication_month"))

    op.drop_table("publication")
    with op.batch_alter_table("invoice_revision", schema=None) as batch_op:
        batch_op.drop_index(
            "uq_invoice_revision_current", sqlite_where=sa.text("is_current"), postgresql_where=sa.text("is_current")
        )
        batch_op.drop_index(
            "ix_invoice_revision_month", sqlite_where=sa.text("is_current"), postgresql_where=sa.text("is_current")
        )

    op.drop_table("invoice_revision")
    op.drop_table("decline")
    with op.batch_alter_table("client", schema=None) as batch_op:
        batch_op.drop_index(batch_op.f("ix_client_phone_key"))
        batch_op.drop_index(batch_op.f("ix_client_email_key"))

    op.drop_table("client")
    with op.batch_alter_table("audit_event", schema=None) as batch_op:
        batch_op.drop_index("ix_audit_event_lead")
        batch_op.drop_index("ix_audit_event_at")

    op.drop_table("audit_event")
    op.drop_table("ranking")
    op.drop_table("partner")
    op.drop_table("month_close")
    with op.batch_alter_table("lead", schema=None) as batch_op:
        batch_op.drop_index(
            "ix_lead_waiting", sqlite_where=sa.text("state = 'waiting'"), postgresql_where=sa.text("state = 'waiting'")
        )
        batch_op.drop_index("ix_lead_state")
        batch_op.drop_index(batch_op.f("ix_lead_attached_to"))

    op.drop_table("lead")
    op.drop_table("invoice")
    op.drop_table("installation")
    with op.batch_alter_table("ingest_batch", schema=None) as batch_op:
        batch_op.drop_index(batch_op.f("ix_ingest_batch_digest"))

    op.drop_table("ingest_batch")

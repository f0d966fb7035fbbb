"""Issuers and numbers of invoices are compared by keys; probable doubles; issuers whom the programme does not name"""

from typing import Any

import sqlalchemy as sa
from alembic import op

import models.types
from models.steps import end_step
from rasti.rules.spelling import APART, padded_number, spelling_key

revision = "0011_invoice_keys"
down_revision = "0010_doubted_requests"
branch_labels = None
depends_on = None

_AT_ONCE = 2_000  # invoices
_FEW = 5_000  # bound parameters in one statement

# Identities that several rows have now: all but the row that came first.
_COLLIDED = sa.text("""
SELECT id, number_key
FROM (
    SELECT id, number_key, row_number() OVER (PARTITION BY issuer_key, number_key, year ORDER BY id) AS place
    FROM invoice
    WHERE issuer_key IS NOT NULL
) AS placed
WHERE place > 1
""")

# Of one issuer, one at least counting, the numbers alike but for leading zeros: of one partner, or of one identity.
_NEAR = """
SELECT one.id, other.id, one_now.id, other_now.id, one.number_key, other.number_key, one.year, other.year,
       one_now.partner_code, other_now.partner_code
FROM invoice AS one
JOIN invoice AS other ON other.issuer_key = one.issuer_key AND {alike}
JOIN invoice_revision AS one_now ON one_now.invoice_id = one.id AND one_now.is_current
JOIN invoice_revision AS other_now ON other_now.invoice_id = other.id AND other_now.is_current
WHERE one.id > :after AND one.id <= :until AND (one_now.status = 'posted' OR other_now.status = 'posted')
AND (one_now.partner_code = other_now.partner_code
     OR (one.year = other.year AND one.number_key || other.number_key LIKE :apart))
"""
_ALIKE = (
    "other.number_key = one.number_key AND one.bare_number IS NULL AND other.id > one.id",
    "other.bare_number = one.bare_number AND other.bare_number IS NOT NULL AND other.id > one.id",
    "other.bare_number = one.number_key AND other.bare_number IS NOT NULL AND one.bare_number IS NULL",
)


def upgrade() -> None:
    # In steps, the long ones in batches; where it was broken off, what is there is not made again.
    connection = op.get_bind()
    if not sa.inspect(connection).has_table("accepted_issuer"):
        for name in ("issuer_key", "number_key", "bare_number"):
            op.add_column("invoice", sa.Column(name, sa.String(), nullable=True))
        op.add_column(
            "invoice_revision", sa.Column("left_out", sa.Boolean(), server_default=sa.text("false"), nullable=False)
        )
        _create_tables()
    end_step(connection)
    _give_keys(connection)
    if not any(index["name"] == "uq_invoice_keys" for index in sa.inspect(connection).get_indexes("invoice")):
        _tell_apart(connection)
        _create_indexes()
    end_step(connection)
    _note_doubles(connection)


def _create_indexes() -> None:
    op.create_index("uq_invoice_keys", "invoice", ["issuer_key", "number_key", "year"], unique=True)
    for index, columns, condition in (
        ("ix_invoice_bare_number", ["issuer_key", "bare_number"], "bare_number IS NOT NULL"),
        ("ix_invoice_without_keys", ["id"], "issuer_key IS NULL"),
    ):
        op.create_index(index, "invoice", columns, sqlite_where=sa.text(condition), postgresql_where=sa.text(condition))


def downgrade() -> None:
    # What was left out stays cancelled: the older program knows no other word for it.
    op.drop_table("accepted_issuer")
    op.drop_table("probable_double")
    op.drop_column("invoice_revision", "left_out")
    for index in ("ix_invoice_without_keys", "ix_invoice_bare_number", "uq_invoice_keys"):
        op.drop_index(index, table_name="invoice")
    for name in ("bare_number", "number_key", "issuer_key"):
        op.drop_column("invoice", name)


def _create_tables() -> None:
    op.create_table(
        "probable_double",
        sa.Column("id", models.types.BigId, nullable=False),
        sa.Column("first_id", models.types.BigId, nullable=False),
        sa.Column("second_id", models.types.BigId, nullable=False),
        sa.Column("found_at", models.types.UtcDateTime(), nullable=False),
        sa.Column("keep", sa.String(24), nullable=True),
        sa.Column("reason", sa.String(), nullable=True),
        sa.Column("resolved_at", models.types.UtcDateTime(), nullable=True),
        sa.CheckConstraint("keep IN ('both', 'first', 'second')", name=op.f("ck_probable_double_keep_word")),
        sa.CheckConstraint(
            "(keep IS NULL) = (resolved_at IS NULL)", name=op.f("ck_probable_double_resolved_at_a_time")
        ),
        sa.ForeignKeyConstraint(["first_id"], ["invoice.id"], name=op.f("fk_probable_double_first_id")),
        sa.ForeignKeyConstraint(["second_id"], ["invoice.id"], name=op.f("fk_probable_double_second_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_probable_double")),
        sa.UniqueConstraint("first_id", "second_id", name=op.f("uq_probable_double_first_id_second_id")),
    )
    op.create_index("ix_probable_double_second", "probable_double", ["second_id"])
    op.create_index(
        "ix_probable_double_open",
        "probable_double",
        ["id"],
        sqlite_where=sa.text("keep IS NULL"),
        postgresql_where=sa.text("keep IS NULL"),
    )
    op.create_table(
        "accepted_issuer",
        sa.Column("id", models.types.BigId, nullable=False),
        sa.Column("issuer", sa.String(), nullable=False),
        sa.Column("issuer_key", sa.String(), nullable=False),
        sa.Column("month", models.types.MonthText(), nullable=False),
        sa.Column("reason", sa.String(), nullable=False),
        sa.Column("accepted_at", models.types.UtcDateTime(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_accepted_issuer")),
        sa.UniqueConstraint("issuer_key", "month", name=op.f("uq_accepted_issuer_issuer_key_month")),
    )


def _give_keys(connection: sa.Connection) -> None:
    """In batches by id: SQLite folds no letters but ASCII ones."""
    some = sa.text(
        "SELECT id, issuer, number FROM invoice WHERE id > :last AND issuer_key IS NULL ORDER BY id LIMIT :at_once"
    )
    given = sa.text(
        "UPDATE invoice SET issuer_key = :issuer, number_key = :number, bare_number = :bare WHERE id = :invoice"
    )
    issuers: dict[str, str] = {}
    last = 0
    while rows := connection.execute(some, {"last": last, "at_once": _AT_ONCE}).all():
        keys = []
        for invoice, issuer, number in rows:
            key = spelling_key(number)
            if issuer not in issuers:
                issuers[issuer] = spelling_key(issuer)
            keys.append({"invoice": invoice, "issuer": issuers[issuer], "number": key, "bare": padded_number(key)})
        connection.execute(given, keys)
        last = rows[-1].id
        end_step(connection)


def _tell_apart(connection: sa.Connection) -> None:
    """Two spellings of one invoice are there: the later one gets a key that no file can have, and is kept."""
    keys = [
        {"invoice": invoice, "number": (apart := f"{key}{APART}{invoice}"), "bare": padded_number(apart)}
        for invoice, key in connection.execute(_COLLIDED)
    ]
    if keys:
        changed = sa.text("UPDATE invoice SET number_key = :number, bare_number = :bare WHERE id = :invoice")
        connection.execute(changed, keys)


def _note_doubles(connection: sa.Connection) -> None:
    """Those that were stored before somebody looked for them: their months wait for an operator."""
    doubt = sa.text(
        "INSERT INTO probable_double (first_id, second_id, found_at)"
        " VALUES (:first, :second, (SELECT max(read_at) FROM ingest_batch))"
        " ON CONFLICT (first_id, second_id) DO NOTHING"
    )
    last = connection.execute(sa.text("SELECT coalesce(max(id), 0) FROM invoice")).scalar_one()
    for after in range(0, last, _AT_ONCE):
        within = {"after": after, "until": after + _AT_ONCE, "apart": f"%{APART}%"}
        for alike in _ALIKE:
            near = connection.execute(sa.text(_NEAR.format(alike=alike)), within)
            for some in near.partitions(_FEW // 2):
                # Of one year they are alike whatever their lines.
                years_apart = [pair for pair in some if pair[6] != pair[7]]
                lines = _lines(connection, [revision for pair in years_apart for revision in pair[2:4]])
                pairs = [
                    {"first": min(pair[:2]), "second": max(pair[:2])}
                    for pair in some
                    if (lines[pair[2]] == lines[pair[3]] if pair[6] != pair[7] else _are_one(*pair[4:6], *pair[8:10]))
                ]
                if pairs:
                    connection.execute(doubt, pairs)
        end_step(connection)


def _are_one(number: str, other: str, partner: str, other_partner: str) -> bool:
    return partner == other_partner or number.partition(APART)[0] == other.partition(APART)[0]


def _lines(connection: sa.Connection, revisions: list[int]) -> dict[int, list[Any]]:
    """The lines of revisions, in an order that they do not depend on."""
    query = sa.text(
        "SELECT revision_id, product_code, quantity, amount FROM invoice_line WHERE revision_id IN :revisions"
    ).bindparams(sa.bindparam("revisions", expanding=True))
    lines: dict[int, list[Any]] = {revision: [] for revision in revisions}
    for revision, *line in connection.execute(query, {"revisions": list(lines)}):
        lines[revision].append(line)
    return {revision: sorted(of_it) for revision, of_it in lines.items()}

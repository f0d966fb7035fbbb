"""Partners are found by a key of their mail address; clients' keys know countries, extensions and domains in any letters"""

import re

import sqlalchemy as sa
from alembic import op

from models.steps import end_step

# The keys as the program compares them now: what changes them later has to compute them anew, too.
from rasti.rules.addresses import email_key
from rasti.rules.phones import phone_key

revision = "0009_addresses_and_phones"
down_revision = "0008_bounces"
branch_labels = None
depends_on = None

_BATCH = 2_000
# Most clients: a Russian number with its prefix and no extension has the key that it had. They cost a look.
_AS_BEFORE = re.compile(r"(?:\+7|7|8)[ ()-]*[3489](?:[ ()-]*[0-9]){9}", re.ASCII)

_CLIENT = sa.table("client", *map(sa.column, ("lead_id", "phone", "email", "phone_key", "email_key")))
_PARTNER = sa.table("partner", *map(sa.column, ("code", "email", "email_key")))


def upgrade() -> None:
    connection = op.get_bind()
    # The long part first, in steps: from the change of a table on, PostgreSQL lets nobody else read it until the end.
    # Where it was is kept with the connection, for when the migration has to be tried again.
    after: int | None = connection.info.get(revision, 0)
    while after is not None:
        connection.info[revision] = after
        after = _next_clients(connection, after)
        end_step(connection)
    op.add_column("partner", sa.Column("email_key", sa.String(), nullable=True))
    op.create_index(op.f("ix_partner_email_key"), "partner", ["email_key"], unique=False)
    partners = [
        {"of": code, "new_email": email_key(email)}
        for code, email in connection.execute(sa.select(_PARTNER.c.code, _PARTNER.c.email))
    ]
    if partners:
        connection.execute(
            sa.update(_PARTNER)
            .where(_PARTNER.c.code == sa.bindparam("of"))
            .values(email_key=sa.bindparam("new_email")),
            partners,
        )


def downgrade() -> None:
    # The clients' keys stay: Russian numbers have the same in the version before.
    op.drop_index(op.f("ix_partner_email_key"), table_name="partner")
    op.drop_column("partner", "email_key")


def _next_clients(connection: sa.Connection, after: int) -> int | None:
    """Rewrite the keys of a batch that are others now; the last lead of the batch, none if there was none.

    In batches, so that a million clients are never in memory at once.
    """
    clients = connection.execute(
        sa.select(*_CLIENT.c).where(_CLIENT.c.lead_id > after).order_by(_CLIENT.c.lead_id).limit(_BATCH)
    ).all()
    changed = []
    for client in clients:
        if client.email.isascii() and _AS_BEFORE.fullmatch(client.phone):
            continue
        phone, email = phone_key(client.phone), email_key(client.email)
        if (phone, email) != (client.phone_key, client.email_key):
            changed.append({"of": client.lead_id, "new_phone": phone, "new_email": email})
    if changed:
        connection.execute(
            sa.update(_CLIENT)
            .where(_CLIENT.c.lead_id == sa.bindparam("of"))
            .values(phone_key=sa.bindparam("new_phone"), email_key=sa.bindparam("new_email")),
            changed,
        )
    return clients[-1].lead_id if clients else None

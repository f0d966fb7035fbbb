"""Alembic's entry: run by `models.upgrade`, which hands in the open connection."""

from alembic import context
from sqlmodel import SQLModel

import models  # noqa: F401  the tables

context.configure(
    connection=context.config.attributes["connection"],
    target_metadata=SQLModel.metadata,
    render_as_batch=True,
    transaction_per_migration=False,
)
with context.begin_transaction():
    context.run_migrations()

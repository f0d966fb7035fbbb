"""A migrated database is the one that the models describe; what exists is never harmed by an upgrade."""

from collections.abc import Iterator

import pytest
from alembic.autogenerate import compare_metadata
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import Connection, Engine, inspect, text
from sqlmodel import SQLModel

from models.audit import append_only_audit
from models.engine import open_engine
from models.revision import revisions
from models.upgrade import alembic_config, is_sandbox, upgrade_database
from rasti.errors import Refused


@pytest.fixture
def empty(empty_database_url: str) -> Iterator[Engine]:
    """A database without any table."""
    engine = open_engine(empty_database_url)
    yield engine
    engine.dispose()


def _shape(connection: Connection) -> dict[str, object]:
    """Everything about the tables that a database can tell, in a form that can be compared."""
    inspector = inspect(connection)
    shape: dict[str, object] = {}
    for table in sorted(set(inspector.get_table_names()) - {"alembic_version"}):
        shape[table] = {
            "columns": sorted(
                (column["name"], str(column["type"]), column["nullable"], str(column["default"]))
                for column in inspector.get_columns(table)
            ),
            "primary key": inspector.get_pk_constraint(table)["constrained_columns"],
            "checks": sorted((check["name"], check["sqltext"]) for check in inspector.get_check_constraints(table)),
            "unique": sorted(
                (unique["name"], unique["column_names"]) for unique in inspector.get_unique_constraints(table)
            ),
            "foreign keys": sorted(
                (key["name"], key["constrained_columns"], key["referred_table"], key["referred_columns"])
                for key in inspector.get_foreign_keys(table)
            ),
            "indexes": sorted(
                (index["name"], index["column_names"], bool(index["unique"]), str(_condition(index)))
                for index in inspector.get_indexes(table)
            ),
        }
    return shape | {"triggers": _triggers(connection)}


def _condition(index: object) -> object:
    options = index.get("dialect_options", {})  # type: ignore[attr-defined]
    return options.get("sqlite_where", options.get("postgresql_where"))


def _triggers(connection: Connection) -> list[str]:
    query = (
        "SELECT tgname FROM pg_trigger WHERE NOT tgisinternal"
        if connection.dialect.name == "postgresql"
        else "SELECT name FROM sqlite_master WHERE type = 'trigger'"
    )
    return sorted(connection.execute(text(query)).scalars())


def test_the_models_need_no_further_migration(engine: Engine) -> None:
    with engine.connect() as connection:
        context = MigrationContext.configure(connection, opts={"compare_server_default": True})
        assert compare_metadata(context, SQLModel.metadata) == []


def test_a_migrated_database_equals_one_made_from_the_models(engine: Engine, empty: Engine) -> None:
    with empty.begin() as connection:
        SQLModel.metadata.create_all(connection)
        append_only_audit(connection)
    with engine.connect() as migrated, empty.connect() as fresh:
        assert _shape(migrated) == _shape(fresh)


def test_the_migrations_are_one_line_without_branches(engine: Engine) -> None:
    with engine.connect() as connection:
        scripts = ScriptDirectory.from_config(alembic_config(connection))
        assert len(scripts.get_heads()) == 1
        # The files' names are the revisions, in order: that is how commands know them without Alembic.
        assert [script.revision for script in reversed(list(scripts.walk_revisions()))] == list(revisions())
        assert MigrationContext.configure(connection).get_current_revision() == scripts.get_current_head()


def test_upgrading_twice_changes_nothing(empty: Engine) -> None:
    assert upgrade_database(empty) == revisions()
    with empty.connect() as connection:
        before = _shape(connection), connection.execute(text("SELECT * FROM installation")).all()
    assert upgrade_database(empty) == ()
    with empty.connect() as connection:
        assert (_shape(connection), connection.execute(text("SELECT * FROM installation")).all()) == before


def test_a_database_is_no_sandbox_unless_asked_for(empty: Engine) -> None:
    assert is_sandbox(empty) is False
    upgrade_database(empty)
    assert is_sandbox(empty) is False


def test_only_a_new_database_becomes_a_sandbox(empty: Engine) -> None:
    upgrade_database(empty)
    with pytest.raises(Refused, match="no sandbox"):
        upgrade_database(empty, sandbox=True)
    assert is_sandbox(empty) is False


def test_a_sandbox_stays_one(empty: Engine) -> None:
    assert upgrade_database(empty, sandbox=True) == revisions()
    assert is_sandbox(empty) is True
    assert upgrade_database(empty, sandbox=True) == ()
    assert upgrade_database(empty) == ()
    assert is_sandbox(empty) is True


@pytest.mark.parametrize("backend", ["sqlite"], indirect=True)
def test_the_way_back_leaves_no_table(engine: Engine) -> None:
    from alembic import command

    with engine.begin() as connection:
        command.downgrade(alembic_config(connection), "base")
        assert set(inspect(connection).get_table_names()) <= {"alembic_version"}

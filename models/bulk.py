"""Many rows into a table at once, past SQLAlchemy; what differs between SQLite and PostgreSQL, as in `engine.py`."""

import json
from collections.abc import Iterable, Sequence
from itertools import islice
from typing import Any

from sqlalchemy import (
    ARRAY,
    ColumnElement,
    Connection,
    SQLColumnExpression,
    Table,
    Text,
    any_,
    func,
    literal,
    select,
    text,
)
from sqlalchemy.exc import DBAPIError
from sqlmodel import Session, SQLModel

_BATCH = 10_000  # rows of one statement on SQLite: memory, nothing else


def insert_rows(session: Session, model: type[SQLModel], columns: Sequence[str], rows: Iterable[Sequence[Any]]) -> None:
    """Insert rows of values as the database keeps them (kopecks, `YYYY-MM`, words as text), in this transaction.

    Every constraint is checked as ever. Raises what SQLAlchemy raises.
    """
    connection = session.connection()
    name = _table(model).name
    if connection.dialect.name == "postgresql":
        _copy(connection, f"COPY {name} ({', '.join(columns)}) FROM STDIN", rows)
        return
    statement = f"INSERT INTO {name} ({', '.join(columns)}) VALUES ({', '.join('?' * len(columns))})"
    rest = iter(rows)
    while batch := list(islice(rest, _BATCH)):
        connection.exec_driver_sql(statement, batch)


def new_ids(session: Session, model: type[SQLModel], count: int) -> Sequence[int]:
    """So many ids of a table that nobody else gets, ascending; on SQLite until the end of the transaction."""
    table = _table(model)
    if session.get_bind().dialect.name == "postgresql":
        # The sequence is looked up once, not for every id: that took three quarters of the time.
        sequence = session.execute(select(func.pg_get_serial_sequence(table.name, "id"))).scalar_one()
        statement = text("SELECT nextval(CAST(:sequence AS regclass)) FROM generate_series(1, :count)")
        return sorted(session.execute(statement, {"sequence": sequence, "count": count}).scalars())
    # BEGIN IMMEDIATE: nobody else writes.
    last: int = session.execute(select(func.coalesce(func.max(table.c.id), 0))).scalar_one()
    return range(last + 1, last + 1 + count)


def among(session: Session, column: SQLColumnExpression[Any], values: Sequence[str]) -> ColumnElement[bool]:
    """Whether a column has one of many values, which are sent as one parameter."""
    if session.get_bind().dialect.name == "postgresql":
        return column == any_(literal(list(values), ARRAY(Text)))
    of_json = func.json_each(json.dumps(values, ensure_ascii=False)).table_valued("value")
    return column.in_(select(of_json.c.value))


def _copy(connection: Connection, command: str, rows: Iterable[Sequence[Any]]) -> None:
    """PostgreSQL's COPY, its errors as those of any other statement."""
    driver: Any = connection.connection.driver_connection
    errors = connection.dialect.loaded_dbapi.Error
    try:
        with driver.cursor() as cursor, cursor.copy(command) as copy:
            for row in rows:
                copy.write_row(row)
    except errors as error:
        raise DBAPIError.instance(
            command, None, error, errors, hide_parameters=True, dialect=connection.dialect
        ) from error


def _table(model: type[SQLModel]) -> Table:
    table: Table = model.__table__  # type: ignore[attr-defined]
    return table

"""What outside witnesses saw: clients' acknowledgements, the mail server's log, faults, readings, the database's rows.

Nothing here imports the ledger: rows are read with the database's own driver, as they stand.
"""

import json
import re
import sqlite3
from collections import defaultdict
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime
from functools import cached_property
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit
from zoneinfo import ZoneInfo

import psycopg
import yaml
from psycopg.rows import dict_row

Row = dict[str, Any]

TABLES = (
    "lead",
    "attempt",
    "checkpoint",
    "contact",
    "violation",
    "message",
    "tenure",
    "walk",
    "audit_event",
    "partner",
    "ranking",
    "ranking_entry",
    "publication",
    "invoice",
    "invoice_revision",
    "invoice_line",
    "ingest_batch",
    "quarantined_row",
    "month_close",
    "probable_double",
    "accepted_issuer",
)
JOURNALS = ("acknowledged", "mails", "faults", "readings")

_INSTANT = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{6}Z")
_JSON = {"data", "checklist", "skipped", "missing", "inputs", "counts", "months"}


@dataclass
class Evidence:
    """Everything a verdict rests on; `at` in journals is the witnesses' own clock, in seconds."""

    tables: dict[str, list[Row]]
    programme: Row  # programme.yaml as it is written
    now: datetime  # the database's clock when the rows were read
    acknowledged: list[Row] = field(default_factory=list)  # what a client was told is done
    mails: list[Row] = field(default_factory=list)  # every mail the server took; `answered`: it could say so
    faults: list[Row] = field(default_factory=list)  # what was killed, stopped or broken
    readings: list[Row] = field(default_factory=list)  # what somebody who only reads saw meanwhile
    with_prefect: bool = False
    postmen: int = 1  # how many mails a steward sends at once

    def rows(self, table: str) -> list[Row]:
        return self.tables[table]

    def acks(self, kind: str) -> list[Row]:
        return [line for line in self.acknowledged if line["kind"] == kind]

    @cached_property
    def leads(self) -> dict[int, Row]:
        return {lead["id"]: lead for lead in self.rows("lead")}

    @cached_property
    def attempts(self) -> dict[int, Row]:
        return {attempt["id"]: attempt for attempt in self.rows("attempt")}

    @cached_property
    def tenures(self) -> dict[int, Row]:
        return {tenure["id"]: tenure for tenure in self.rows("tenure")}

    @cached_property
    def attempts_of(self) -> dict[int, list[Row]]:
        """The attempts of each lead, in order of their numbers."""
        return grouped(sorted(self.rows("attempt"), key=lambda row: row["number"]), "lead_id")

    @cached_property
    def messages_of(self) -> dict[int | None, list[Row]]:
        return grouped(self.rows("message"), "lead_id")

    @cached_property
    def events(self) -> dict[str, list[Row]]:
        """The audit trail by event, in order."""
        return grouped(sorted(self.rows("audit_event"), key=lambda row: row["id"]), "event")

    @cached_property
    def open_tenures(self) -> list[Row]:
        return [tenure for tenure in self.rows("tenure") if tenure["ended_at"] is None]

    @cached_property
    def last_walk(self) -> Row | None:
        return max(self.rows("walk"), key=lambda walk: walk["id"], default=None)

    @cached_property
    def zone(self) -> ZoneInfo:
        return ZoneInfo(self.programme["timezone"])

    def rules(self, month: str) -> Row:
        """The rules in force for a month."""
        return max((rules for rules in self.programme["rules"] if str(rules["from"]) <= month), key=lambda r: r["from"])


def grouped(rows: Iterable[Row], column: str) -> dict[Any, list[Row]]:
    """Rows by the value of a column, their order kept."""
    result: dict[Any, list[Row]] = defaultdict(list)
    for row in rows:
        result[row[column]].append(row)
    return result


def read_tables(url: str) -> tuple[dict[str, list[Row]], datetime]:
    """Every row of a SQLite or PostgreSQL database, in one snapshot, and its clock."""
    if url.startswith("sqlite"):
        with _sqlite(url) as connection:
            connection.execute("BEGIN")
            return {table: list(_sqlite_rows(connection, table)) for table in TABLES}, datetime.now(UTC)
    with psycopg.connect(url.replace("postgresql+psycopg", "postgresql", 1), row_factory=dict_row) as connection:
        connection.execute("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ")
        tables = {
            table: [_plain(row) for row in connection.execute(f'SELECT * FROM "{table}"')]  # type: ignore[call-overload]
            for table in TABLES
        }
        now = connection.execute("SELECT clock_timestamp() AS now").fetchone()
        assert now is not None
        return tables, now["now"].astimezone(UTC)


def _sqlite(url: str) -> sqlite3.Connection:
    path = urlsplit(url).path.removeprefix("/")
    return sqlite3.connect(f"file:/{path.lstrip('/')}?mode=ro", uri=True, isolation_level=None)


def _sqlite_rows(connection: sqlite3.Connection, table: str) -> Iterator[Row]:
    cursor = connection.execute(f'SELECT * FROM "{table}"')
    names = [column[0] for column in cursor.description]
    for values in cursor:
        yield _plain(dict(zip(names, values, strict=True)))


def _plain(row: Row) -> Row:
    """Instants aware and UTC, JSON read, whatever the database keeps them as."""
    for name, value in row.items():
        if isinstance(value, str):
            if name in _JSON:
                row[name] = json.loads(value)
            elif _INSTANT.fullmatch(value):
                row[name] = datetime.fromisoformat(value)
        elif isinstance(value, datetime):
            row[name] = value.astimezone(UTC)
    return row


class Journal:
    """A witness's log: one JSON line an observation, written before anything is built on it."""

    def __init__(self, path: Path) -> None:
        self._file = path.open("a", encoding="utf-8", buffering=1)

    def write(self, **line: Any) -> None:
        self._file.write(json.dumps(line, ensure_ascii=False, default=str) + "\n")

    def close(self) -> None:
        self._file.close()


def read_journal(path: Path) -> list[Row]:
    """The whole lines of a log; the last one may be torn if its writer was killed."""
    if not path.exists():
        return []
    lines = path.read_text("utf-8").split("\n")
    return [json.loads(line) for line in lines[:-1] if line]


def read_evidence(url: str, folder: Path, *, with_prefect: bool = False) -> Evidence:
    """The evidence that a run of real stewards left in a folder, and the database as it is now."""
    tables, now = read_tables(url)
    journals = {name: read_journal(folder / f"{name}.jsonl") for name in JOURNALS}
    programme = yaml.safe_load((folder / "programme.yaml").read_text("utf-8"))
    postmen = 4 if url.startswith("postgresql") else 1  # as docs/operations.md has it
    return Evidence(tables, programme, now, **journals, with_prefect=with_prefect, postmen=postmen)

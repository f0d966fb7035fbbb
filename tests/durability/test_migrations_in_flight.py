"""Upgrades while leads are in flight: migrations only add, so the version before works on, and nothing stands still.

What is promised: code of one version works on the schema of a newer one; code that is newer than the schema says so.
"""

import re
import threading
from collections.abc import Iterator
from dataclasses import replace
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest
from alembic import command
from alembic.script import ScriptDirectory
from sqlalchemy import Connection, Engine, MetaData, inspect, text
from sqlmodel import col, select

from models import Checkpoint, Lead, Message
from models.engine import open_engine
from models.revision import MIGRATIONS
from models.upgrade import alembic_config, upgrade_database
from rasti.cli.main import run
from rasti.errors import NotUpgraded, Unavailable
from rasti.ledger.book import Book
from rasti.ledger.messages import anything_due, claim
from rasti.ledger.tokens import add_token
from rasti.ledger.verdicts import due_checkpoints, judge_checkpoint
from rasti.portal.app import create_app
from rasti.rules.kinds import Channel, TokenScope, Verdict
from rasti.settings import Settings
from rasti.steward.guard import guard_round
from rasti.steward.process import run_loops
from tests.builders import arrive, lead_data, lead_state, log, receive, won_month
from tests.clock import MovableClock
from tests.durability.storage import use_installation
from tests.portal.programs import Program, is_problem
from tests.portal.visitors import ORIGIN, Browser

REVISIONS = [script.revision for script in reversed(list(ScriptDirectory(str(MIGRATIONS)).walk_revisions()))]
PATIENCE = 60.0  # seconds; only something broken takes that long


def to(engine: Engine, revision: str) -> None:
    """Bring a database to a revision, up or down."""
    with engine.begin() as connection:
        config = alembic_config(connection)
        known = ScriptDirectory.from_config(config)
        now = connection.execute(text("SELECT version_num FROM alembic_version")).scalar() if _has(connection) else None
        back = now is not None and REVISIONS.index(now) > REVISIONS.index(revision)
        assert known.get_revision(revision) is not None
        (command.downgrade if back else command.upgrade)(config, revision)
    engine.dispose()


def _has(connection: Connection) -> bool:
    return inspect(connection).has_table("alembic_version")


def shape(engine: Engine) -> dict[str, Any]:
    """What a writer of a version has to know of each table."""
    inspector = inspect(engine)
    return {
        table: {
            "columns": {column["name"]: column for column in inspector.get_columns(table)},
            "unique": {tuple(unique["column_names"]) for unique in inspector.get_unique_constraints(table)}
            | {tuple(index["column_names"]) for index in inspector.get_indexes(table) if index["unique"]},
            "checks": {check["name"]: check["sqltext"] for check in inspector.get_check_constraints(table)},
            "keys": {tuple(key["constrained_columns"]) for key in inspector.get_foreign_keys(table)},
        }
        for table in inspector.get_table_names()
    }


def refused(before: dict[str, Any], after: dict[str, Any]) -> list[str]:
    """What a migration takes away from, or asks anew of, a version that knows the schema before it only."""
    wrong = []
    for table, old in before.items():
        if table not in after:
            wrong.append(f"{table} is gone")
            continue
        new = after[table]
        for name, column in old["columns"].items():
            kept = new["columns"].get(name)
            if kept is None:
                wrong.append(f"{table}.{name} is gone")
            elif str(kept["type"]) != str(column["type"]) or (column["nullable"] and not kept["nullable"]):
                wrong.append(f"{table}.{name} is another")
        for name in new["columns"].keys() - old["columns"].keys():
            column = new["columns"][name]
            if not column["nullable"] and column["default"] is None:
                wrong.append(f"{table}.{name} has to be given")
        known = set(old["columns"])
        # A new column that such a writer leaves empty keeps its rows out of a unique index: NULLs are not equal.
        wrong += [
            f"{table}{columns} became unique"
            for columns in new["unique"] - old["unique"]
            if known & set(columns)
            and all(name in known or new["columns"][name]["default"] is not None for name in columns)
        ]
        wrong += [f"{table}{columns} refers now" for columns in new["keys"] - old["keys"] if known & set(columns)]
        wrong += [f"{table}: {check}" for check in _tightened(old["checks"], new["checks"], known)]
    return wrong


def _tightened(old: dict[str, str], new: dict[str, str], known: set[str]) -> Iterator[str]:
    for name, condition in new.items():
        if name not in old and set(re.findall(r"\w+", condition)) & known:
            yield f"{name} is new"
        if name in old and not set(re.findall(r"'\w+'", old[name])) <= set(re.findall(r"'\w+'", condition)):
            yield f"{name} allows less"


@pytest.fixture
def empty(empty_database_url: str) -> Iterator[Engine]:
    engine = open_engine(empty_database_url)
    yield engine
    engine.dispose()


def test_every_migration_only_adds(empty: Engine) -> None:
    shapes = []
    for revision in REVISIONS:
        to(empty, revision)
        shapes.append(shape(empty))
    for revision, (before, after) in zip(REVISIONS[1:], pairwise(shapes), strict=True):
        assert refused(before, after) == [], revision


@pytest.mark.parametrize("backend", ["sqlite"], indirect=True)
@pytest.mark.parametrize(
    ("change", "said"),
    [
        ("ALTER TABLE lead RENAME COLUMN product TO article", "lead.product is gone"),
        ("DROP TABLE heartbeat", "heartbeat is gone"),
        ("ALTER TABLE lead ADD COLUMN colour TEXT NOT NULL DEFAULT ''", None),
        ("ALTER TABLE lead ADD COLUMN colour TEXT CHECK (workplaces < 9)", "lead: "),
        ("CREATE UNIQUE INDEX one_product ON lead (product)", "lead('product',) became unique"),
        (
            "ALTER TABLE lead ADD COLUMN colour TEXT; CREATE UNIQUE INDEX one ON lead (product, colour)",
            None,
        ),
        (
            "ALTER TABLE lead ADD COLUMN colour TEXT DEFAULT ''; CREATE UNIQUE INDEX one ON lead (product, colour)",
            "lead('product', 'colour') became unique",
        ),
    ],
)
def test_what_would_harm_the_version_before_is_found(empty: Engine, change: str, said: str | None) -> None:
    to(empty, REVISIONS[-1])
    before = shape(empty)
    with empty.begin() as connection:
        for statement in change.split(";"):
            connection.exec_driver_sql(statement)
    found = refused(before, shape(empty))
    assert any(finding.startswith(said) for finding in found) if said else found == []


@pytest.mark.parametrize(("older", "newer"), list(pairwise(REVISIONS)))
def test_rows_as_the_version_before_writes_them_are_taken(book: Book, empty: Engine, older: str, newer: str) -> None:
    """With its columns alone; here those of the tables that every lead fills."""
    won_month(book)
    lead = arrive(book)
    receive(book, lead)
    log(book, lead)
    known = as_of(older, book.engine, empty)
    to(empty, newer)
    with empty.begin() as connection:
        for name in ("message", "contact", "checkpoint"):
            table = known.tables[name]
            rows = [dict(row._mapping) for row in connection.execute(table.select().order_by(table.c.id))]
            assert rows
            connection.execute(table.delete())
            connection.execute(table.insert(), rows)
            assert [dict(row._mapping) for row in connection.execute(table.select().order_by(table.c.id))] == rows


def as_of(revision: str, source: Engine, target: Engine) -> MetaData:
    """Fill an empty database of a revision with what it can hold of another; the tables as that revision knows them."""
    to(target, revision)
    known = MetaData()
    known.reflect(target, only=lambda name, _metadata: name != "alembic_version")
    with source.connect() as reading, target.begin() as writing:
        for table in known.sorted_tables:
            rows = [dict(row._mapping) for row in reading.execute(table.select())]
            if rows:
                writing.execute(table.insert(), rows)
            if rows and writing.dialect.name == "postgresql" and "id" in table.c and table.name != "installation":
                writing.exec_driver_sql(
                    f"SELECT setval(pg_get_serial_sequence('{table.name}', 'id'), (SELECT max(id) FROM {table.name}))"
                )
    return known


class VersionBefore:
    """A process of the version before, in a thread: it knows its own columns only, and writes until told to stop."""

    def __init__(self, url: str, known: MetaData) -> None:
        self.engine = open_engine(url)
        self.known = known
        self.stop, self.began = threading.Event(), threading.Event()
        self.acknowledged: list[str] = []
        self.failed: list[str] = []
        self.thread = threading.Thread(target=self._go_on)

    def _go_on(self) -> None:
        while not self.stop.is_set():
            key = f"tenure_ended:before-{len(self.acknowledged)}-{len(self.failed)}"
            try:
                self._write(key)
                self.acknowledged.append(key)
            except Exception as error:  # noqa: BLE001 - whatever it is: what was not acknowledged may be missing
                self.failed.append(f"{type(error).__name__}: {error}")
            self.began.set()

    def _write(self, key: str) -> None:
        message, event = self.known.tables["message"], self.known.tables["audit_event"]
        with self.engine.begin() as connection:
            first = dict(connection.execute(message.select().limit(1)).mappings().one())
            del first["id"]
            connection.execute(message.insert(), first | {"dedupe_key": key})
            past = dict(connection.execute(event.select().limit(1)).mappings().one())
            del past["id"]
            connection.execute(event.insert(), past | {"actor": key})
            connection.execute(message.update().where(message.c.dedupe_key == key).values(tries=1))

    def __enter__(self) -> "VersionBefore":
        self.thread.start()
        assert self.began.wait(PATIENCE)
        return self

    def __exit__(self, *_error: object) -> None:
        self.stop.set()
        self.thread.join(PATIENCE)
        self.engine.dispose()


@pytest.mark.parametrize("older", REVISIONS[:-1])
def test_an_upgrade_with_leads_in_flight_while_the_version_before_writes_on(
    book: Book, empty: Engine, empty_database_url: str, clock: MovableClock, older: str
) -> None:
    won_month(book)
    called, neglected, fresh = (arrive(book, number) for number in (1, 2, 3))
    for lead in (called, neglected):
        receive(book, lead)
    log(book, called)
    known = as_of(older, book.engine, empty)
    book = replace(book, engine=empty, written=[])
    with VersionBefore(empty_database_url, known) as before:
        _upgrade(empty_database_url)
        done = len(before.acknowledged)
        _until(before, done + 3)  # it goes on, on the newer schema
    with book.read() as tx:
        keys = set(tx.all(select(Message.dedupe_key)))
    assert set(before.acknowledged) <= keys
    assert all("locked" in why or "deadlock" in why for why in before.failed), before.failed

    # And every lead goes on to its verdicts.
    receive(book, fresh)
    clock.advance(minutes=30)
    log(book, fresh)
    clock.advance(minutes=31)
    verdicts = {}
    for point in due_checkpoints(book):
        judgement = judge_checkpoint(book, point)
        verdicts[judgement.lead_id] = judgement.verdict
    assert verdicts == {called: Verdict.MET, neglected: Verdict.VIOLATED, fresh: Verdict.MET}
    guard_round(book, grace=clock.now - clock.now)
    clock.advance(days=20)
    guard_round(book, grace=clock.now - clock.now)
    with book.read() as tx:
        open_ = tx.all(select(Checkpoint.id).where(col(Checkpoint.verdict).is_(None), col(Checkpoint.due_at) < tx.now))
    assert open_ == []
    assert lead_state(book, called) == "closed"


def _upgrade(url: str) -> None:
    """As `rasti db upgrade` does it."""
    engine = open_engine(url)
    try:
        upgrade_database(engine)
    finally:
        engine.dispose()


def _until(before: VersionBefore, count: int) -> None:
    pause = threading.Event()
    for _look in range(int(PATIENCE / 0.02)):
        if len(before.acknowledged) >= count:
            return
        pause.wait(0.02)
    raise AssertionError(f"the version before wrote nothing more: {before.failed[-1:]}")


@pytest.fixture
def of_a_newer_version(book: Book) -> Book:
    """A database that a version to come has upgraded, and in which it has written a message of a kind of its own."""
    won_month(book)
    with book.engine.begin() as connection:
        connection.exec_driver_sql("ALTER TABLE lead ADD COLUMN colour VARCHAR")
        connection.exec_driver_sql("UPDATE alembic_version SET version_num = '9999_to_come'")
        connection.exec_driver_sql("UPDATE message SET kind = 'postcard' WHERE kind = 'tenure_started'")
    book.engine.dispose()
    return book


def test_this_version_works_on_beside_a_newer_one(of_a_newer_version: Book, tmp_path: Path) -> None:
    book = of_a_newer_version
    settings = Settings(home=tmp_path, portal_url=ORIGIN)
    app = create_app(book, settings)
    assert Browser(app).get("/readyz").status_code == 200
    site = Program(app, add_token(book, "site", TokenScope.LEADS_WRITE))
    assert site.post("leads", lead_data()).json()["created"] is True
    # What it does not know it leaves to the newer one, and delivers the rest.
    with book.read() as tx:
        kinds = set(tx.session.execute(text("SELECT kind FROM message WHERE channel = 'mail'")).scalars())
    assert {"postcard", "lead"} <= kinds
    assert {taken.kind.value for taken in claim(book, "relay", limit=50)} >= {"lead", "welcome"}
    assert not anything_due(book, Channel.MAIL)


def test_an_upgrade_by_the_older_version_is_refused(
    of_a_newer_version: Book, database_url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: Any
) -> None:
    use_installation(monkeypatch, tmp_path, database_url)
    assert run(["db", "upgrade"]) == 1
    assert "upgraded by a newer version" in capsys.readouterr().err
    assert run(["status"]) == 0


def test_code_that_is_newer_than_the_schema_says_what_to_do(
    book: Book, database_url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: Any
) -> None:
    won_month(book)
    lead = arrive(book)
    receive(book, lead)
    token = add_token(book, "site", TokenScope.LEADS_WRITE)
    book.engine.dispose()
    to(book.engine, "0002_portal")  # without the column that came after it
    app = create_app(replace(book, written=[]), Settings(home=tmp_path, portal_url=ORIGIN))
    answer = Program(app, token).get(f"leads/{lead}")
    assert is_problem(answer, 503)
    assert "rasti db upgrade" in answer.json()["detail"]
    assert Browser(app).get("/readyz").json()["database"] == "not upgraded"
    with pytest.raises(Unavailable, match="rasti db upgrade"):
        guard_round(book, grace=book.clock(None) - book.clock(None))  # type: ignore[arg-type]
    use_installation(monkeypatch, tmp_path, database_url)
    assert run(["lead", "show", str(lead)]) == 1
    assert "rasti db upgrade" in capsys.readouterr().err
    with book.engine.connect() as connection:
        assert connection.execute(select(Lead.id)).scalars().all() == [lead]


def test_no_command_works_on_a_schema_that_lacks_the_newest_migration(
    book: Book, database_url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: Any
) -> None:
    won_month(book)
    book.engine.dispose()
    to(book.engine, REVISIONS[-2])
    use_installation(monkeypatch, tmp_path, database_url)
    for command_line in (["status"], ["sweep"], ["partners", "accept", "P2"]):
        assert run(command_line) == 1
        assert f"it lacks {REVISIONS[-1]}" in capsys.readouterr().err
    with pytest.raises(NotUpgraded, match="rasti db upgrade"):
        run_loops(book, Settings(home=tmp_path), threading.Event())


def test_an_upgrade_says_what_it_did_and_a_dry_run_what_it_would_do(
    empty_database_url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: Any
) -> None:
    use_installation(monkeypatch, tmp_path, empty_database_url)

    def said(*options: str) -> str:
        assert run(["db", "upgrade", *options]) == 0
        return str(capsys.readouterr().out).strip()

    assert said("--dry-run").splitlines() == REVISIONS
    assert said("--dry-run").splitlines() == REVISIONS, "nothing was written"
    assert said() == "The database is ready."
    engine = open_engine(empty_database_url)
    to(engine, REVISIONS[-3])
    assert said("--dry-run").splitlines() == REVISIONS[-2:]
    assert said() == f"The database was upgraded: {REVISIONS[-2]}, {REVISIONS[-1]}."
    assert said() == said("--dry-run") == "The database is up to date."


@pytest.mark.parametrize("backend", ["postgres"], indirect=True)
def test_a_role_that_may_not_make_tables_is_told_what_it_lacks(
    empty_database_url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: Any
) -> None:
    engine = open_engine(empty_database_url)
    with engine.begin() as connection:
        connection.exec_driver_sql("CREATE ROLE guest LOGIN PASSWORD 'guest'")
        connection.exec_driver_sql("REVOKE CREATE ON SCHEMA public FROM PUBLIC")
    try:
        url = engine.url.set(username="guest", password="guest").render_as_string(hide_password=False)
        use_installation(monkeypatch, tmp_path, url)
        assert run(["db", "upgrade"]) == 1
        said = capsys.readouterr().err
        assert "permission denied for schema public" in said
        assert "ALTER SCHEMA public OWNER TO" in said
        assert "Traceback" not in said
    finally:
        with engine.begin() as connection:
            connection.exec_driver_sql("DROP OWNED BY guest")
            connection.exec_driver_sql("DROP ROLE guest")
        engine.dispose()

"""Backups of a running system, and what a restore leaves: bounded, listed, and with an alarm."""

import json
import sqlite3
import threading
from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import Engine, make_url, text, update
from sqlmodel import col, func, select

from models import AuditEvent, Checkpoint, Installation, Lead, Message, Violation
from models.engine import open_engine
from rasti.cli.main import run
from rasti.clients import snapshots
from rasti.clients.backups import read_backup, write_backup
from rasti.clients.mailbox import read_mailbox
from rasti.errors import RastiError, Refused, Unavailable
from rasti.ledger.book import Book
from rasti.ledger.pulse import lags_if_current
from rasti.ledger.restored import last_restore_within
from rasti.ledger.verdicts import judge_checkpoint
from rasti.ledger.views import lead_view, status_view
from rasti.rules.kinds import Event, MessageState, Verdict
from rasti.settings import Settings
from rasti.steward.relay import deliver
from tests.builders import WINNER, arrive, log, receive, won_month
from tests.clock import MovableClock
from tests.durability.storage import ROOT, use_installation, use_postgres_programs

pytestmark = pytest.mark.postgres


@dataclass
class Installation_:
    """An installation of a test: its book, its folder, and the command line."""

    book: Book
    clock: MovableClock
    home: Path
    url: str
    capsys: pytest.CaptureFixture[str]

    def rasti(self, *arguments: object) -> tuple[int, Any, str]:
        """A command at the test's instant: status, what it printed (JSON is read), what it said on stderr."""
        self.book.engine.dispose()
        words = [str(argument) for argument in arguments]
        status = run(["--at", self.clock.now.isoformat(), *words])
        out, err = self.capsys.readouterr()
        return status, json.loads(out) if "--json" in words and not status else out, err

    def back_up(self) -> Path:
        status, made, err = self.rasti("backup", self.home / "backups", "--json")
        assert status == 0, err
        return Path(made["backup"])

    @property
    def settings(self) -> Settings:
        return Settings(home=self.home, database_url=self.url)

    def messages(self) -> list[Message]:
        with self.book.read() as tx:
            return tx.all(select(Message).order_by(col(Message.id)))


@pytest.fixture
def here(
    book: Book,
    clock: MovableClock,
    database_url: str,
    backend: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> Iterator[Installation_]:
    """A sandbox, so that commands go by the test's clock; the winner holds the leads."""
    use_installation(monkeypatch, tmp_path, database_url)
    if backend == "postgres":
        use_postgres_programs(monkeypatch, database_url)
    with book.write() as tx:
        tx.session.execute(update(Installation).values(sandbox=True))
    won_month(book)
    yield Installation_(book, clock, tmp_path, database_url, capsys)
    if backend == "postgres":
        _drop_former(book, database_url)


def _drop_former(book: Book, url: str) -> None:
    """A restore keeps the former database on the server: a test's is removed."""
    with book.engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
        names = connection.execute(text("SELECT datname FROM pg_database")).scalars().all()
        for name in names:
            if name.startswith(f"{make_url(url).database}_before_"):
                connection.exec_driver_sql(f'DROP DATABASE "{name}"')


def test_restoring_an_hour_old_backup_gives_bounded_listed_duplicates_and_an_alarm(here: Installation_) -> None:
    book, clock = here.book, here.clock
    called, neglected = arrive(book, 1), arrive(book, 2)
    receive(book, called)
    receive(book, neglected)
    waiting = {message.id for message in here.messages()}
    made = here.back_up()

    clock.advance(minutes=20)  # the hour of which nothing is left: mail, a call, another lead and its mail
    deliver(book, here.settings)
    before = {letter.number: letter.message_id for letter in read_mailbox(here.settings.mailbox)}
    log(book, called)
    lost = arrive(book, 3)
    deliver(book, here.settings)
    after = {letter.number for letter in read_mailbox(here.settings.mailbox)}
    clock.advance(minutes=41)

    status, told, err = here.rasti("restore", made, "--replace", "--json")
    assert status == 0, err
    # Bounded and listed: what waited in the backup and was due, nothing else.
    due = {message.id for message in here.messages() if message.kind != "alert_restored"} & waiting
    assert {mail["message"] for mail in told["again"]} <= due
    in_mailbox = {mail["message"]: mail["message_id"] for mail in told["again"] if mail["in_mailbox"]}
    assert in_mailbox == {number: before[number] for number in in_mailbox}
    assert {"lead", "welcome"} <= {mail["kind"] for mail in told["again"] if mail["in_mailbox"]}
    assert {mail["message"] for mail in told["unknown"]} == after - set(before)
    assert {mail["lead"] for mail in told["unknown"]} == {lost}
    assert [(point["lead"], point["kind"]) for point in told["checkpoints"]] == [(called, "1h"), (neglected, "1h")]

    # What goes out now goes out under the same Message-IDs, and the operators are told.
    deliver(book, here.settings)
    letters = {(letter.number, letter.kind): letter for letter in read_mailbox(here.settings.mailbox)}
    alarm = next(letter for (_number, kind), letter in letters.items() if kind == "alert_restored")
    assert alarm.recipient == "operator"
    for mail in told["again"]:
        assert str(mail["message"]) in alarm.text
    with book.read() as tx:
        sent = tx.all(select(Message).where(col(Message.state) == MessageState.SENT))
        restored = last_restore_within(tx)
        events = tx.all(select(AuditEvent).where(col(AuditEvent.event) == Event.DATABASE_RESTORED))
    twice = {message.id: message.external_id for message in sent if message.id in before}
    assert twice
    assert twice.items() <= before.items()
    assert twice.keys() <= {mail["message"] for mail in told["again"]}
    assert restored is not None and restored.restored_at == clock.now
    assert [event.data["made_at"] for event in events] == [told["made_at"]]
    view = status_view(book)["restored"]
    assert view == {"made_at": "2019-09-02T07:00:00Z", "restored_at": "2019-09-02T08:01:00Z"}

    # The call of the gap is lost, and nobody loses the leads for it.
    with book.read() as tx:
        points = tx.all(select(Checkpoint.id).where(col(Checkpoint.due_at) < clock.now))
    judged = [judge_checkpoint(book, point) for point in points]
    assert {judgement.verdict for judgement in judged} == {Verdict.VOID}
    with book.read() as tx:
        assert tx.all(select(Violation)) == []
    assert status_view(book)["holder"] == WINNER

    # The site sends the lead of the gap again: it is there once.
    with book.read() as tx:
        assert tx.all(select(Lead.source_id)) == ["request-1", "request-2"]
    again = arrive(book, 3)
    assert arrive(book, 3) == again
    with book.read() as tx:
        assert len(tx.all(select(Lead))) == 3


def test_a_call_that_is_logged_again_after_the_restore_meets_its_checkpoint(here: Installation_) -> None:
    lead = arrive(here.book)
    receive(here.book, lead)
    made = here.back_up()
    here.clock.advance(minutes=30)
    status, out, _err = here.rasti("restore", made, "--replace")
    assert (status, "prefect deploy --all" in out) == (0, True)
    log(here.book, lead)
    here.clock.advance(minutes=31)
    with here.book.read() as tx:
        point = tx.all(select(Checkpoint.id).order_by(col(Checkpoint.due_at)))[0]
    assert judge_checkpoint(here.book, point).verdict is Verdict.MET


def test_a_later_window_is_judged_as_ever(here: Installation_) -> None:
    lead = arrive(here.book)
    receive(here.book, lead)
    made = here.back_up()
    here.clock.advance(minutes=30)
    assert here.rasti("restore", made, "--replace")[0] == 0
    log(here.book, lead)
    here.clock.advance(days=3, seconds=1)
    with here.book.read() as tx:
        point = tx.all(select(Checkpoint.id).order_by(col(Checkpoint.due_at)))[1]
    assert judge_checkpoint(here.book, point).verdict is Verdict.VIOLATED


def test_a_backup_is_taken_while_others_write_and_holds_every_acknowledged_lead(
    here: Installation_, programme: Any
) -> None:
    """Everything acknowledged before it is in it, with all that belongs to the same transaction."""
    stop, acknowledged = threading.Event(), list[int]()
    first = threading.Event()

    def intake() -> None:
        writer = replace(here.book, engine=open_engine(here.url), written=[])
        number = 100
        while not stop.is_set():
            acknowledged.append(arrive(writer, number))
            number += 1
            first.set()
        writer.engine.dispose()

    thread = threading.Thread(target=intake)
    thread.start()
    try:
        assert first.wait(30)
        sure = list(acknowledged)
        made = write_backup(here.home / "backups", here.clock.now, {"application": here.url}, ROOT / "programme.yaml")
    finally:
        stop.set()
        thread.join()
    assert here.rasti("restore", made.path, "--replace")[0] == 0
    with here.book.read() as tx:
        there = set(tx.all(select(Lead.id)))
        arrived = tx.all(select(AuditEvent.lead_id).where(col(AuditEvent.event) == Event.LEAD_ARRIVED))
        welcomes = tx.all(select(Message.lead_id).where(col(Message.kind) == "welcome"))
    assert set(sure) <= there
    assert set(arrived) == there == set(welcomes), "a transaction is there whole, or not at all"


def test_the_former_database_is_kept(here: Installation_) -> None:
    made = here.back_up()
    lead = arrive(here.book)
    _status, told, _err = here.rasti("restore", made, "--replace", "--json")
    former = told["kept"]["application"]
    parsed = make_url(here.url)
    url = f"sqlite:///{former}" if parsed.get_backend_name() == "sqlite" else parsed.set(database=former)
    engine = open_engine(url if isinstance(url, str) else url.render_as_string(hide_password=False))
    kept = replace(here.book, engine=engine)
    assert lead_view(kept, lead)["state"] == "in_work"
    with here.book.read() as tx:
        assert tx.all(select(Lead)) == []
    engine.dispose()


def test_what_exists_is_not_overwritten_unasked(here: Installation_) -> None:
    made = here.back_up()
    lead = arrive(here.book)
    status, _out, err = here.rasti("restore", made)
    assert status == 1
    assert "--replace" in err
    assert lead_view(here.book, lead)["state"] == "in_work"


def test_nothing_is_restored_while_somebody_is_connected(here: Installation_) -> None:
    made = here.back_up()
    lead = arrive(here.book)
    portal = replace(here.book, engine=open_engine(here.url))
    status_view(portal)  # its connection stays in the pool, idle
    status, _out, err = here.rasti("restore", made, "--replace")
    assert status == 1
    assert "in use" in err
    portal.engine.dispose()
    assert lead_view(here.book, lead)["state"] == "in_work"
    assert here.rasti("restore", made, "--replace")[0] == 0


def test_who_comes_while_the_backup_is_put_in_place_does_not_get_in_between(here: Installation_) -> None:
    made = read_backup(here.back_up())
    lead = arrive(here.book)
    here.book.engine.dispose()
    with snapshots.restoration(here.url, made.file("application"), "now") as loaded:
        status_view(here.book)  # connected again
        with pytest.raises(Refused, match="in use"):
            loaded.put_in_place()
    assert lead_view(here.book, lead)["state"] == "in_work"
    assert not list(here.home.glob("*.part*"))


@pytest.mark.parametrize("damage", ["cut", "flipped", "gone", "manifest", "broken off"])
def test_a_damaged_backup_is_refused_and_nothing_changes(here: Installation_, damage: str) -> None:
    made = here.back_up()
    lead = arrive(here.book)
    file = next(made.glob("application.*"))
    content = file.read_bytes()
    if damage == "cut":
        file.write_bytes(content[:-1])
    elif damage == "flipped":
        middle = len(content) // 2
        file.write_bytes(content[:middle] + bytes([content[middle] ^ 1]) + content[middle + 1 :])
    elif damage == "gone":
        file.unlink()
    elif damage == "manifest":
        (made / "manifest.json").write_text("{", "utf-8")
    else:
        made = made.rename(made.with_name(f"{made.name}.part"))
    status, _out, err = here.rasti("restore", made, "--replace")
    assert status == 1
    assert str(made) in err
    assert "Traceback" not in err
    assert lead_view(here.book, lead)["state"] == "in_work"


def test_a_backup_of_a_newer_version_is_refused(here: Installation_) -> None:
    made = here.back_up()
    manifest = json.loads((made / "manifest.json").read_text("utf-8"))
    manifest["parts"]["application"]["revision"] = "9999_to_come"
    (made / "manifest.json").write_text(json.dumps(manifest), "utf-8")
    status, _out, err = here.rasti("restore", made, "--replace")
    assert status == 1
    assert "newer version" in err


def test_a_backup_of_an_older_version_is_brought_up_to_date(here: Installation_) -> None:
    from alembic import command

    from models.upgrade import alembic_config

    lead = arrive(here.book)
    with here.book.engine.begin() as connection:
        command.downgrade(alembic_config(connection), "0002_portal")
    here.book.engine.dispose()
    made = write_backup(here.home / "backups", here.clock.now, {"application": here.url}, ROOT / "programme.yaml")
    assert made.parts["application"].revision == "0002_portal"
    assert here.rasti("restore", made.path, "--replace")[0] == 0
    assert lags_if_current(here.book) is not None
    assert lead_view(here.book, lead)["state"] == "in_work"


@pytest.mark.parametrize("backend", ["sqlite"], indirect=True)
def test_a_backup_is_for_its_owner_alone_and_of_one_kind_of_database(
    here: Installation_, monkeypatch: pytest.MonkeyPatch
) -> None:
    made = here.back_up()
    assert made.stat().st_mode & 0o077 == 0
    assert [file.stat().st_mode & 0o077 for file in made.iterdir()] == [0] * 3
    monkeypatch.setenv("RASTI_DATABASE_URL", "postgresql+psycopg://nobody@127.0.0.1:1/nowhere")
    assert run(["restore", str(made), "--replace"]) == 1
    told = here.capsys.readouterr().err
    assert "of application is one of sqlite, but RASTI_DATABASE_URL names postgresql" in told


@pytest.mark.parametrize("backend", ["postgres"], indirect=True)
def test_without_the_programs_of_postgresql_the_command_says_so(
    here: Installation_, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    made = here.back_up()
    monkeypatch.setenv("PATH", str(tmp_path))
    for arguments, tool in (
        (["backup", here.home / "more"], "pg_dump"),
        (["restore", made, "--replace"], "pg_restore"),
    ):
        status, _out, err = here.rasti(*arguments)
        assert status == 1
        assert f"{tool} was not found" in err
    assert list((here.home / "more").iterdir()) == []
    assert status_view(here.book)["holder"] == WINNER


@pytest.mark.parametrize("backend", ["sqlite"], indirect=True)
def test_into_an_empty_place_a_backup_needs_no_replace(
    here: Installation_, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    made = here.back_up()
    use_installation(monkeypatch, tmp_path / "new", "")
    assert run(["--at", here.clock.now.isoformat(), "restore", str(made)]) == 0
    book = replace(here.book, engine=open_engine(f"sqlite:///{tmp_path / 'new' / 'rasti.sqlite3'}"))
    assert status_view(book)["holder"] == WINNER
    assert [file.name for file in (tmp_path / "new").iterdir() if "part" in file.name] == []
    book.engine.dispose()


@pytest.mark.parametrize("backend", ["sqlite"], indirect=True)
def test_a_backup_without_the_configured_prefect_is_refused_unless_asked_for(
    here: Installation_, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PREFECT_API_URL", "http://127.0.0.1:1/api")
    status, _out, err = here.rasti("backup", here.home / "backups")
    assert status == 1
    assert "--application-only" in err
    assert not (here.home / "backups").exists()
    status, made, _err = here.rasti("backup", here.home / "backups", "--application-only", "--json")
    assert status == 0
    assert [part["part"] for part in made["parts"]] == ["application", "programme"]


@pytest.mark.parametrize("backend", ["sqlite"], indirect=True)
def test_the_application_is_restored_alone_where_prefect_has_another_kind_of_database(
    here: Installation_, monkeypatch: pytest.MonkeyPatch
) -> None:
    _prefect_file(here.home / "prefect" / "prefect.db", runs=3)
    made = here.back_up()
    monkeypatch.setenv("PREFECT_SERVER_DATABASE_CONNECTION_URL", "postgresql+asyncpg://nobody@127.0.0.1:1/prefect")
    status, _out, err = here.rasti("restore", made, "--replace")
    assert status == 1
    assert "of prefect is one of sqlite, but PREFECT_SERVER_DATABASE_CONNECTION_URL names postgresql" in err
    status, told, err = here.rasti("restore", made, "--replace", "--application-only", "--json")
    assert (status, told["parts"]) == (0, ["application"]), err


def _prefect_file(path: Path, runs: int) -> None:
    path.parent.mkdir(exist_ok=True)
    with closing(sqlite3.connect(path, isolation_level=None)) as connection:
        connection.execute("CREATE TABLE IF NOT EXISTS alembic_version (version_num TEXT)")
        connection.execute("CREATE TABLE IF NOT EXISTS flow_run (id INTEGER PRIMARY KEY)")
        connection.execute("DELETE FROM alembic_version")
        connection.execute("INSERT INTO alembic_version VALUES ('prefect')")
        connection.executemany("INSERT INTO flow_run VALUES (?)", [(run,) for run in range(runs)])


@pytest.mark.parametrize("backend", ["sqlite"], indirect=True)
def test_both_databases_are_backed_up_and_restored(here: Installation_) -> None:
    prefect = here.home / "prefect" / "prefect.db"
    _prefect_file(prefect, runs=3)
    made = here.back_up()
    arrive(here.book)
    prefect.unlink()
    _prefect_file(prefect, runs=5)
    with closing(sqlite3.connect(prefect)) as server:
        server.execute("PRAGMA journal_mode=WAL")
        server.execute("SELECT * FROM flow_run").fetchall()
        status, _out, err = here.rasti("restore", made, "--replace")
        assert (status, "in use" in err) == (1, True), "the Prefect server runs"
    _status, told, _err = here.rasti("restore", made, "--replace", "--json")
    assert set(told["kept"]) == {"application", "prefect"}
    with closing(sqlite3.connect(prefect)) as connection:
        assert connection.execute("SELECT count(*) FROM flow_run").fetchone() == (3,)
    with here.book.read() as tx:
        assert tx.session.execute(select(func.count()).select_from(Lead)).scalar_one() == 0


@pytest.mark.parametrize("backend", ["sqlite"], indirect=True)
@pytest.mark.parametrize("point", ["prefect.taken", "application.taken", "manifest.written", "renamed"])
def test_a_backup_that_is_killed_leaves_nothing_that_looks_whole(here: Installation_, point: str) -> None:
    import multiprocessing
    import signal

    _prefect_file(here.home / "prefect" / "prefect.db", runs=1)
    here.book.engine.dispose()
    folder = here.home / "backups"
    victim = multiprocessing.get_context("spawn").Process(target=_killed_at, args=(point, folder, here.home, here.url))
    victim.start()
    victim.join()
    assert victim.exitcode == -signal.SIGKILL
    whole = []
    for path in folder.iterdir():
        try:
            whole.append(read_backup(path).path)
        except RastiError:
            assert path.name.endswith(".part")
    assert len(whole) == (point == "renamed")
    here.clock.advance(seconds=1)
    assert read_backup(here.back_up()).parts.keys() == {"prefect", "application", "programme"}


def _killed_at(point: str, folder: Path, home: Path, url: str) -> None:
    import os
    import signal
    from datetime import UTC, datetime

    def pass_point(name: str) -> None:
        if name == point:
            os.kill(os.getpid(), signal.SIGKILL)

    databases = {"prefect": f"sqlite:///{home}/prefect/prefect.db", "application": url}
    made_at = datetime(2019, 9, 2, 7, tzinfo=UTC)
    write_backup(folder, made_at, databases, ROOT / "programme.yaml", reach=pass_point)


@pytest.mark.parametrize("backend", ["sqlite"], indirect=True)
def test_a_restore_that_fails_half_way_changes_nothing(here: Installation_) -> None:
    """The alarm is raised in the loaded copy, before it takes the place of the database."""
    made = here.back_up()
    lead = arrive(here.book)
    here.book.engine.dispose()
    backup = read_backup(made)
    with pytest.raises(RuntimeError), snapshots.restoration(here.url, backup.file("application"), "now"):
        raise RuntimeError
    assert lead_view(here.book, lead)["state"] == "in_work"
    assert not list(here.home.glob("*part*"))


@pytest.mark.parametrize("backend", ["sqlite"], indirect=True)
def test_a_backup_of_a_damaged_database_is_not_kept(here: Installation_, engine: Engine) -> None:
    add = [arrive(here.book, number) for number in range(1, 30)]
    assert add
    here.book.engine.dispose()
    path = Path(make_url(here.url).database or "")
    with closing(sqlite3.connect(path)) as connection:
        connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
        root = connection.execute("SELECT rootpage FROM sqlite_master WHERE name = 'ix_audit_event_at'").fetchone()[0]
        size = connection.execute("PRAGMA page_size").fetchone()[0]
    with path.open("r+b") as file:
        file.seek((root - 1) * size)
        file.write(b"\x00" * size)
    with pytest.raises(Unavailable):
        write_backup(here.home / "backups", here.clock.now, {"application": here.url}, ROOT / "programme.yaml")
    assert list((here.home / "backups").iterdir()) == []

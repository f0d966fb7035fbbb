"""The steward as a process: relay, guard, keeper of Prefect's runs, reader of bounces, each in a loop until stopped."""

import logging
import threading
import time
from collections.abc import Callable
from datetime import timedelta

from models.engine import open_engine
from models.revision import check_schema
from models.wake import outbox_alarm
from rasti.clients.programme_file import load_programme
from rasti.errors import DatabaseUnavailable, RastiError
from rasti.ledger.book import Book
from rasti.ledger.heartbeats import beat
from rasti.ledger.mail_trouble import mail_trouble
from rasti.logs import log
from rasti.settings import Settings
from rasti.steward.bounces import LOOP as BOUNCES
from rasti.steward.bounces import keep_reading
from rasti.steward.guard import guard_round
from rasti.steward.outage import Outage
from rasti.steward.relay import deliver_round, open_postman

RELAY_EVERY = 1.0  # seconds; new messages wake the relay, this is for those whose time has come
GUARD_EVERY = 2.0
FIRST_PAUSE = 1.0  # after a failed round
LONGEST_PAUSE = 30.0
BEAT_EVERY = 10.0

# So many mails at once: each waits for the mail server and for its commits. SQLite has one writer, who need not be
# fought over.
POSTMEN = {"postgresql": 4}


class Pulse:
    """Notes that a loop finishes its rounds, a few times a minute: the operator's desk shows when it did last."""

    def __init__(self, book: Book, loop: str) -> None:
        self._book, self._loop = book, loop
        self._next = 0.0

    def beat(self) -> None:
        if time.monotonic() >= self._next:
            beat(self._book, self._loop)
            self._next = time.monotonic() + BEAT_EVERY


def run_steward(settings: Settings, stop: threading.Event, *, ready: threading.Event | None = None) -> None:
    """Relay and guard until `stop` is set; `ready` is set when they run.

    A database that is away is waited for. Raises NotFound, BadInput: the programme; NotUpgraded: the database.
    """
    programme = load_programme(settings.programme)
    engine = open_engine(settings.database)
    try:
        run_loops(Book(engine, programme, actor="steward"), settings, stop, ready=ready)
    finally:
        engine.dispose()


def run_loops(book: Book, settings: Settings, stop: threading.Event, *, ready: threading.Event | None = None) -> None:
    """The loops over an open ledger; returns when all have ended. Raises NotUpgraded: tables or migrations lack."""
    _wait_for_database(book, stop)
    loops: dict[str, Callable[[], None]] = {
        "relay": lambda: _relay(book, settings, stop),
        "guard": lambda: _guard(book, settings, stop),
    }
    if settings.prefect_api_url is not None:
        loops["runs"] = lambda: _runs(book, settings, stop)
    if settings.bounce_folder is not None:
        loops[BOUNCES] = lambda: keep_reading(book, settings, stop)
    threads = [
        threading.Thread(target=_keep_going, args=(name, loop, stop), name=f"steward-{name}")
        for name, loop in loops.items()
    ]
    for thread in threads:
        thread.start()
    log("steward.started", loops=",".join(loops))
    if "runs" not in loops:
        log("steward.without_prefect", why="PREFECT_API_URL is not set: the guard gives every verdict")
    if ready is not None:
        ready.set()
    try:
        stop.wait()
    finally:
        stop.set()
        for thread in threads:
            thread.join()
        log("steward.stopped")


def _wait_for_database(book: Book, stop: threading.Event) -> None:
    """Return when the database can be used, or `stop` is set: machines start in any order. Raises NotUpgraded."""
    pause = FIRST_PAUSE
    while not stop.is_set():
        try:
            check_schema(book.engine)
        except DatabaseUnavailable as error:
            log("steward.waits_for_database", level=logging.WARNING, retry_in=pause, why=error)
            stop.wait(pause)
            pause = min(pause * 2, LONGEST_PAUSE)
        else:
            return


def _keep_going(name: str, loop: Callable[[], None], stop: threading.Event) -> None:
    """Run a loop; when it fails, for example because the database is away, begin it again after a growing pause."""
    pause = FIRST_PAUSE
    while not stop.is_set():
        began = time.monotonic()
        try:
            loop()
        except RastiError as error:
            log("steward.interrupted", level=logging.WARNING, loop=name, retry_in=pause, why=error)
        except Exception as error:  # noqa: BLE001 - the guarantee is that the loops go on
            log("steward.failed", level=logging.ERROR, error=error, loop=name, retry_in=pause)
        if time.monotonic() - began > LONGEST_PAUSE:
            pause = FIRST_PAUSE  # it went well for a while
        stop.wait(pause)
        pause = min(pause * 2, LONGEST_PAUSE)


def _relay(book: Book, settings: Settings, stop: threading.Event) -> None:
    postmen = [open_postman(settings) for _postman in range(POSTMEN.get(book.engine.dialect.name, 1))]
    alarm = outbox_alarm(book.engine)
    pulse, outage = Pulse(book, "relay"), Outage()
    try:
        while not stop.is_set():
            outage.note(deliver_round(book, settings, postman=postmen[0], helpers=postmen[1:], stop=stop))
            outage.tell(lambda: mail_trouble(book))
            if outage.is_idle():
                for postman in postmen:
                    postman.close()
            pulse.beat()
            if not outage.pause:
                alarm.wait(stop, RELAY_EVERY)
            next_try = time.monotonic() + outage.pause
            while (left := next_try - time.monotonic()) > 0 and not stop.wait(min(left, BEAT_EVERY)):
                pulse.beat()
    finally:
        alarm.close()
        for postman in postmen:
            postman.close()


def _guard(book: Book, settings: Settings, stop: threading.Event) -> None:
    pulse = Pulse(book, "guard")
    while not stop.is_set():
        guard_round(book, grace=timedelta(seconds=settings.guard_grace))
        pulse.beat()
        stop.wait(GUARD_EVERY)


def _runs(book: Book, settings: Settings, stop: threading.Event) -> None:
    from rasti.steward.runs import keep_runs

    keep_runs(book, settings, stop)

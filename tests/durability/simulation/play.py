"""Many schedules in one process, each over a copy of one prepared database."""

import gc
import logging
import shutil
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from models.engine import open_engine
from rasti.ledger.book import Book
from tests.clock import MovableClock
from tests.databases import SqliteDatabases, open_postgres
from tests.durability.simulation.schedule import Outcome, prepare, programme, run_schedule
from tests.durability.simulation.world import Engines


def begin() -> None:
    """A process that only plays schedules. What is imported stays, and need not be looked through again and again."""
    logging.disable()  # what the loops report of every fault
    gc.freeze()
    gc.set_threshold(20_000, 20, 50)


def play(seeds: Sequence[int], *, steps: int | None = None, postgres: bool = False) -> list[Outcome]:
    """These seeds, one after the other."""
    with _folder() as folder:
        return list((_on_postgres if postgres else _on_sqlite)(seeds, steps, folder))


class SqliteCopies:
    """A path at which every schedule finds a copy of the prepared database; its engines keep what they compiled."""

    def __init__(self, folder: Path) -> None:
        self.folder, self.path = folder, folder / "schedule.sqlite3"
        self._template = SqliteDatabases(folder).template
        _prepare(f"sqlite:///{self._template}", folder)
        self.engines = Engines(f"sqlite:///{self.path}")

    def renew(self) -> Engines:
        """The database as it was prepared."""
        for old in self.folder.glob(f"{self.path.name}*"):
            old.unlink()
        shutil.copyfile(self._template, self.path)
        return self.engines


def _on_sqlite(seeds: Sequence[int], steps: int | None, folder: Path) -> Iterator[Outcome]:
    copies = SqliteCopies(folder)
    for seed in seeds:
        yield _run(seed, copies.renew(), folder, steps)


def _on_postgres(seeds: Sequence[int], steps: int | None, folder: Path) -> Iterator[Outcome]:
    databases = open_postgres()
    try:
        _prepare(databases.template_url, folder)
        for seed in seeds:
            with databases.new() as url:
                yield _run(seed, Engines(url), folder, steps)
    finally:
        databases.close()


def _run(seed: int, engines: Engines, folder: Path, steps: int | None) -> Outcome:
    home = folder / f"home-{seed}"
    home.mkdir()
    try:
        return run_schedule(seed, engines, home, steps=steps)
    finally:
        shutil.rmtree(home)


@contextmanager
def _folder() -> Iterator[Path]:
    """In memory where there is such a place: schedules survive no power cut, and need not."""
    memory = Path("/dev/shm")
    with tempfile.TemporaryDirectory(prefix="rasti-simulation-", dir=memory if memory.is_dir() else None) as folder:
        yield Path(folder)


def _prepare(url: str, folder: Path) -> None:
    """The template that is copied holds already what every schedule begins with."""
    engine = open_engine(url)
    prepare(Book(engine, programme(), clock=MovableClock("2019-09-01 00:05"), actor="billing"), folder)
    if engine.dialect.name == "sqlite":
        with engine.connect() as connection:
            connection.exec_driver_sql("COMMIT")  # a checkpoint is refused inside a transaction
            connection.exec_driver_sql("PRAGMA wal_checkpoint(TRUNCATE)")
    engine.dispose()

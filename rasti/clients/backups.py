"""Backups as folders: a file for each database, the rules, and a manifest that says what they are.

A backup is written under a name that ends in `.part` and gets its own when all of it is on disk: one that was broken
off never looks like a whole one.
"""

import json
import os
import shutil
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass
from datetime import datetime
from importlib.metadata import version
from pathlib import Path

from rasti.clients import snapshots
from rasti.clients.disk import to_disk
from rasti.clients.snapshots import sha256
from rasti.errors import BadInput, Refused, Unavailable
from rasti.settings import Settings

FORMAT = 1
APPLICATION, PREFECT, PROGRAMME = "application", "prefect", "programme"
_MANIFEST = "manifest.json"
_PART = ".part"
_FILES = {"sqlite": "{name}.sqlite3", "postgresql": "{name}.pgdump"}


@dataclass(frozen=True)
class Part:
    """A file of a backup."""

    file: str
    kind: str  # sqlite, postgresql; yaml
    revision: str | None  # of the schema
    sha256: str
    bytes: int


@dataclass(frozen=True)
class Backup:
    """A backup as its manifest describes it; `made_at`: nothing that was committed before is missing (UTC)."""

    path: Path
    made_at: datetime
    version: str
    parts: Mapping[str, Part]

    def file(self, part: str) -> Path:
        return self.path / self.parts[part].file


def write_backup(
    folder: Path,
    made_at: datetime,
    databases: Mapping[str, str],
    programme: Path,
    *,
    reach: Callable[[str], None] = lambda _point: None,
) -> Backup:
    """Back up databases (URLs by name, in this order) into a new folder inside `folder`.

    `made_at` is an instant before this call. `reach` is told of every point at which it may break off.
    Raises Unavailable: a database, a tool or the disk; Refused: there is one of this second already.
    """
    path = folder / f"rasti-{made_at:%Y%m%dT%H%M%SZ}"
    part = folder / f"{path.name}.{os.getpid()}{_PART}"
    try:
        folder.mkdir(parents=True, exist_ok=True)
        part.mkdir(mode=0o700)
        try:
            parts = {}
            for name, url in databases.items():
                parts[name] = _take(part, name, url)
                reach(f"{name}.taken")
            parts[PROGRAMME] = _keep_programme(part, programme)
            backup = Backup(path, made_at, version("rasti"), parts)
            _write(part / _MANIFEST, json.dumps(_as_json(backup), indent=2).encode())
            reach("manifest.written")
            to_disk(part)
            if path.exists():
                raise Refused("The backup {path} exists already.", path=path)
            part.replace(path)
            reach("renamed")
            to_disk(folder)
        finally:
            shutil.rmtree(part, ignore_errors=True)
    except OSError as error:
        raise Unavailable("The backup {path} cannot be written: {why}.", path=path, why=error.strerror) from error
    return backup


def read_backup(path: Path) -> Backup:
    """A backup, every file of it checked by its digest. Raises BadInput: it is none, or it is damaged."""
    backup = _read_manifest(path)
    for part in backup.parts.values():
        try:
            found = sha256(path / part.file)
        except OSError as error:
            raise BadInput("{path} cannot be read: {why}.", path=path / part.file, why=error.strerror) from error
        if found != part.sha256:
            raise BadInput("The backup {path} is damaged: {file} is not what was written.", path=path, file=part.file)
    return backup


def prefect_database(settings: Settings) -> str:
    """The URL of Prefect's own database: Prefect's setting, or the file in PREFECT_HOME or where `rasti up` has it."""
    for name in ("PREFECT_SERVER_DATABASE_CONNECTION_URL", "PREFECT_API_DATABASE_CONNECTION_URL"):
        if url := os.environ.get(name):
            return url.replace("sqlite+aiosqlite:", "sqlite:", 1).replace("postgresql+asyncpg:", "postgresql+psycopg:")
    home = Path(os.environ.get("PREFECT_HOME") or settings.home / "prefect")
    return f"sqlite:///{(home / 'prefect.db').resolve()}"


def _take(folder: Path, name: str, url: str) -> Part:
    kind = snapshots.kind_of(url)
    path = folder / _FILES[kind].format(name=name)
    revision = snapshots.take(url, path)
    return Part(path.name, kind, revision, sha256(path), path.stat().st_size)


def _keep_programme(folder: Path, programme: Path) -> Part:
    path = folder / "programme.yaml"
    _write(path, programme.read_bytes())
    return Part(path.name, "yaml", None, sha256(path), path.stat().st_size)


def _as_json(backup: Backup) -> dict[str, object]:
    return {
        "format": FORMAT,
        "made_at": backup.made_at.isoformat(),
        "rasti": backup.version,
        "parts": {name: asdict(part) for name, part in backup.parts.items()},
    }


def _read_manifest(path: Path) -> Backup:
    if path.name.endswith(_PART):
        raise BadInput("{path} is a backup that was broken off.", path=path)
    try:
        known = json.loads((path / _MANIFEST).read_bytes())
        if known["format"] != FORMAT:
            raise BadInput("The backup {path} has another format: {format}.", path=path, format=known["format"])
        parts = {name: Part(**part) for name, part in known["parts"].items()}
        if APPLICATION not in parts or any(Path(part.file).name != part.file for part in parts.values()):
            raise ValueError("its parts")
        return Backup(path, datetime.fromisoformat(known["made_at"]), str(known["rasti"]), parts)
    except OSError as error:
        raise BadInput("{path} is no backup: {why}.", path=path, why=f"{_MANIFEST}: {error.strerror}") from error
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise BadInput("{path} is no backup: {why}.", path=path, why=f"{_MANIFEST}: {error}") from error


def _write(path: Path, content: bytes) -> None:
    with os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as file:
        file.write(content)
        file.flush()
        os.fsync(file.fileno())

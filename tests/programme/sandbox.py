"""Where a play takes place: a folder and a database of its own, copied from a scene, on SQLite or PostgreSQL."""

import hashlib
import shutil
import sqlite3
import uuid
from abc import ABC, abstractmethod
from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path

import psycopg
import pytest
from psycopg import sql
from sqlalchemy.engine import URL, make_url

# For many corners of one calculation, and for what never reaches the database: one of the two is enough.
ON_SQLITE = pytest.mark.parametrize("stage", ["sqlite"], indirect=True)


@dataclass(frozen=True)
class Sandbox:
    """A folder with programme.yaml and the home, and the environment that points the programme at its database."""

    folder: Path
    environment: dict[str, str]
    backend: "Backend"

    @property
    def home(self) -> Path:
        return self.folder / "home"

    def fingerprint(self) -> str:
        """A digest of every row of every table: equal means that nothing at all was written."""
        digest = hashlib.sha256()
        for table in self.backend.rows(self):
            digest.update(table.encode())
        return digest.hexdigest()


class Backend(ABC):
    """One kind of database: opens empty sandboxes and copies of existing ones."""

    @abstractmethod
    def empty(self, folder: Path) -> Sandbox: ...

    @abstractmethod
    def copy(self, scene: Sandbox, folder: Path) -> Sandbox: ...

    @abstractmethod
    def rows(self, sandbox: Sandbox) -> Iterator[str]: ...

    def environment(self, folder: Path) -> dict[str, str]:
        return {
            "RASTI_HOME": str(folder / "home"),
            "RASTI_PROGRAMME": str(folder / "programme.yaml"),
            "RASTI_OPERATOR_EMAIL": "operator@vendor.example",
        }


class Sqlite(Backend):
    """The default: a file in the home."""

    def empty(self, folder: Path) -> Sandbox:
        (folder / "home").mkdir(parents=True)
        return Sandbox(folder, self.environment(folder), self)

    def copy(self, scene: Sandbox, folder: Path) -> Sandbox:
        shutil.copytree(scene.folder, folder, dirs_exist_ok=True)
        return Sandbox(folder, self.environment(folder), self)

    def rows(self, sandbox: Sandbox) -> Iterator[str]:
        for path in sorted(sandbox.home.rglob("*")):
            if path.is_file() and path.read_bytes()[:15] == b"SQLite format 3":
                with closing(sqlite3.connect(path)) as connection:
                    tables = connection.execute("SELECT name FROM sqlite_master WHERE type = 'table' ORDER BY name")
                    for (table,) in tables.fetchall():
                        contents = connection.execute(f'SELECT * FROM "{table}"').fetchall()
                        yield f"{table}:{sorted(map(repr, contents))}"


class Postgres(Backend):
    """A database a sandbox on one running server; a copy is CREATE DATABASE ... TEMPLATE."""

    def __init__(self, server: URL) -> None:
        self.admin = server.set(drivername="postgresql")

    def empty(self, folder: Path) -> Sandbox:
        (folder / "home").mkdir(parents=True)
        return self._create(folder, template=None)

    def copy(self, scene: Sandbox, folder: Path) -> Sandbox:
        shutil.copytree(scene.folder, folder, dirs_exist_ok=True)
        return self._create(folder, template=make_url(scene.environment["RASTI_DATABASE_URL"]).database)

    def drop(self, sandbox: Sandbox) -> None:
        name = make_url(sandbox.environment["RASTI_DATABASE_URL"]).database or ""
        self._execute(sql.SQL("DROP DATABASE IF EXISTS {} WITH (FORCE)").format(sql.Identifier(name)))

    def rows(self, sandbox: Sandbox) -> Iterator[str]:
        url = make_url(sandbox.environment["RASTI_DATABASE_URL"]).set(drivername="postgresql")
        with psycopg.connect(url.render_as_string(hide_password=False)) as connection:
            tables = connection.execute(
                "SELECT tablename FROM pg_tables WHERE schemaname = 'public' ORDER BY 1"
            ).fetchall()
            for (table,) in tables:
                query = sql.SQL("SELECT t::text FROM {} AS t ORDER BY 1").format(sql.Identifier(table))
                yield f"{table}:{connection.execute(query).fetchall()}"

    def _create(self, folder: Path, *, template: str | None) -> Sandbox:
        name = f"play_{uuid.uuid4().hex[:12]}"
        statement: sql.Composed = sql.SQL("CREATE DATABASE {}").format(sql.Identifier(name))
        if template:
            statement += sql.SQL(" TEMPLATE {}").format(sql.Identifier(template))
        self._execute(statement)
        url = self.admin.set(drivername="postgresql+psycopg", database=name).render_as_string(hide_password=False)
        return Sandbox(folder, self.environment(folder) | {"RASTI_DATABASE_URL": url}, self)

    def _execute(self, statement: sql.Composed) -> None:
        with psycopg.connect(self.admin.render_as_string(hide_password=False), autocommit=True) as connection:
            connection.execute(statement)

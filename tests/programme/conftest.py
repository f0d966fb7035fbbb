"""Sandboxes on both databases. A scene is played once a session and copied for each test that starts from it."""

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.databases import PostgresDatabases

from .play import Play
from .post_office import PostOffice
from .sandbox import Backend, Postgres, Sandbox, Sqlite


def _empty(play: Play) -> None:
    """A migrated sandbox with the default rules."""
    play.programme()
    play.run("db", "upgrade", "--sandbox")


def _august(play: Play) -> None:
    """2019-08 is billed: ALFA 40 %, BETA 30 %, GAMMA 20 %, DELTA 10 %; OMEGA is a partner without invoices."""
    play.at("2019-09-01 00:05").partners("ALFA", "BETA", "GAMMA", "DELTA", "OMEGA")
    play.bill(
        {
            "ALFA": {"2019-07": "20000.00", "2019-08": "28000.00"},
            "BETA": {"2019-07": "10000.00", "2019-08": "13000.00"},
            "GAMMA": {"2019-07": "10000.00", "2019-08": "12000.00"},
            "DELTA": {"2019-07": "10000.00", "2019-08": "11000.00"},
        }
    )


def _september(play: Play) -> None:
    """ALFA, the winner of 2019-08, holds the leads of September since the night of the 1st."""
    assert play.at("2019-09-01 00:10").hand_to_winner("2019-08") == "ALFA"


SCENES: dict[str, tuple[str | None, Callable[[Play], None]]] = {
    "empty": (None, _empty),
    "august": ("empty", _august),
    "september": ("august", _september),
}


class Stage:
    """One backend and the scenes that were played on it."""

    def __init__(self, backend: Backend, folder: Path) -> None:
        self.backend = backend
        self.folder = folder
        self.scenes: dict[str, Sandbox] = {}

    def scene(self, name: str) -> Sandbox:
        if name not in self.scenes:
            parent, perform = SCENES[name]
            folder = self.folder / name
            sandbox = self.backend.copy(self.scene(parent), folder) if parent else self.backend.empty(folder)
            perform(Play(sandbox))
            self.scenes[name] = sandbox
        return self.scenes[name]


@pytest.fixture(scope="session")
def sqlite_stage(tmp_path_factory: pytest.TempPathFactory) -> Stage:
    return Stage(Sqlite(), tmp_path_factory.mktemp("sqlite"))


@pytest.fixture(scope="session")
def postgres_stage(postgres_databases: PostgresDatabases, tmp_path_factory: pytest.TempPathFactory) -> Stage:
    return Stage(Postgres(postgres_databases.url), tmp_path_factory.mktemp("postgres"))


@pytest.fixture(params=["sqlite", pytest.param("postgres", marks=pytest.mark.postgres)])
def stage(request: pytest.FixtureRequest) -> Stage:
    stage: Stage = request.getfixturevalue(f"{request.param}_stage")
    return stage


def _play(stage: Stage, scene: str, folder: Path) -> Iterator[Play]:
    sandbox = stage.backend.copy(stage.scene(scene), folder / "sandbox")
    yield Play(sandbox)
    if isinstance(stage.backend, Postgres):
        stage.backend.drop(sandbox)


@pytest.fixture
def play(stage: Stage, tmp_path: Path) -> Iterator[Play]:
    """An empty programme with the default rules."""
    yield from _play(stage, "empty", tmp_path)


@pytest.fixture
def august(stage: Stage, tmp_path: Path) -> Iterator[Play]:
    """The scene `_august`, not ranked yet."""
    yield from _play(stage, "august", tmp_path)


@pytest.fixture
def september(stage: Stage, tmp_path: Path) -> Iterator[Play]:
    """The scene `_september`."""
    yield from _play(stage, "september", tmp_path)


@pytest.fixture
def post_office() -> Iterator[PostOffice]:
    """A mail server that refuses whom it is told to refuse."""
    with PostOffice() as office:
        yield office

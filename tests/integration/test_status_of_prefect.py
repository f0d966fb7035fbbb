"""`rasti status` says how Prefect does, and is neither slower nor wrong when it is away."""

import json
import socket
import time
from pathlib import Path

import pytest

from models.engine import open_engine
from models.upgrade import upgrade_database
from rasti.cli.main import run

ROOT = Path(__file__).parents[2]


@pytest.fixture(autouse=True)
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    for name, value in {"HOME": tmp_path, "PROGRAMME": ROOT / "programme.yaml", "LANGUAGE": "en"}.items():
        monkeypatch.setenv(f"RASTI_{name}", str(value))
    engine = open_engine(f"sqlite:///{tmp_path / 'rasti.sqlite3'}")
    upgrade_database(engine)
    engine.dispose()


def test_without_a_prefect_there_is_nothing_to_say(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["status", "--json"]) == 0
    assert "prefect" not in json.loads(capsys.readouterr().out)


def test_one_that_is_down_is_said(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.setenv("PREFECT_API_URL", "http://127.0.0.1:1/api")
    assert run(["status", "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["prefect"]["reasons"] == ["prefect_down"]
    assert run(["status"]) == 0
    assert "Prefect at http://127.0.0.1:1/api/ cannot be reached" in capsys.readouterr().out.replace("\n", " ")


def test_one_that_does_not_answer_is_not_waited_for(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    with socket.create_server(("127.0.0.1", 0)) as silent:
        monkeypatch.setenv("PREFECT_API_URL", f"http://127.0.0.1:{silent.getsockname()[1]}/api")
        began = time.monotonic()
        assert run(["status", "--json"]) == 0
        assert time.monotonic() - began < 5  # one second, and what a busy machine adds
    assert json.loads(capsys.readouterr().out)["prefect"]["up"] is False

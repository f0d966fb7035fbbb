"""`rasti sweep` and `rasti steward` on the command line."""

import json
import os
import signal
import subprocess
import sys
import threading
from pathlib import Path

import pytest

from models.engine import open_engine
from models.upgrade import upgrade_database
from rasti.cli.main import run
from rasti.clients.mailbox import read_mailbox
from rasti.clients.programme_file import load_programme
from rasti.ledger.book import Book
from tests.builders import arrive, won_month
from tests.clock import MovableClock

ROOT = Path(__file__).parents[2]


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, clock: MovableClock) -> Path:
    """A sandbox in which a lead has just arrived."""
    monkeypatch.chdir(tmp_path)
    for name, value in {"HOME": tmp_path, "PROGRAMME": ROOT / "programme.yaml", "LANGUAGE": "en"}.items():
        monkeypatch.setenv(f"RASTI_{name}", str(value))
    engine = open_engine(f"sqlite:///{tmp_path / 'rasti.sqlite3'}")
    upgrade_database(engine, sandbox=True)
    book = Book(engine, load_programme(ROOT / "programme.yaml"), clock=clock)
    won_month(book)
    arrive(book)
    engine.dispose()
    return tmp_path


def test_a_sweep_delivers_judges_and_says_so_as_json(home: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["--at", "2019-09-02T10:00:00+03:00", "sweep", "--json"]) == 0
    first = json.loads(capsys.readouterr().out)
    assert first == {"delivered": 3, "judged": 0, "violations": 0, "switches": 0, "handed_over": 0}
    assert {letter.kind for letter in read_mailbox(home / "mailbox")} == {"lead", "welcome", "tenure_started"}
    assert run(["--at", "2019-09-02T11:00:01+03:00", "sweep", "--grace", "30", "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["judged"] == 0
    assert run(["--at", "2019-09-02T11:00:01+03:00", "sweep", "--json"]) == 0
    last = json.loads(capsys.readouterr().out)
    assert {name: last[name] for name in ("judged", "violations", "switches", "handed_over")} == {
        "judged": 1,
        "violations": 1,
        "switches": 1,
        "handed_over": 1,
    }


@pytest.mark.usefixtures("home")
def test_a_sweep_draws_a_table_for_a_person(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["--at", "2019-09-02T10:00:00+03:00", "sweep"]) == 0
    shown = capsys.readouterr()
    assert "Delivered" in shown.out
    assert shown.err == ""


@pytest.mark.usefixtures("home")
@pytest.mark.parametrize("grace", ["-1", "soon", "nan", "inf"])
def test_a_grace_that_is_no_time_is_wrong_usage(grace: str) -> None:
    assert run(["sweep", "--grace", grace]) == 2


@pytest.mark.usefixtures("home")
def test_the_steward_does_not_run_by_a_made_up_clock(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["--at", "2019-09-02T10:00:00+03:00", "steward"]) == 1
    assert "sweep" in capsys.readouterr().err


def test_the_steward_without_a_database_says_what_to_do(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("RASTI_HOME", str(tmp_path))
    monkeypatch.setenv("RASTI_PROGRAMME", str(ROOT / "programme.yaml"))
    assert run(["steward"]) == 1
    assert "rasti db upgrade" in capsys.readouterr().err


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_the_steward_delivers_and_stops_on_a_signal(home: Path, number: int) -> None:
    process = subprocess.Popen(
        [sys.executable, "-m", "rasti.cli.main", "steward"],
        cwd=home,
        env=os.environ | {"PYTHONPATH": str(ROOT)},
        stderr=subprocess.PIPE,
        text=True,
    )
    assert process.stderr is not None
    watchdog = threading.Timer(60, process.kill)
    watchdog.start()
    lines = []
    for line in process.stderr:
        lines.append(line)
        if "steward.started" in line:
            process.send_signal(signal.SIGHUP)  # its log files were rotated: it goes on
        if "message.sent" in line and "kind=lead" in line:
            process.send_signal(number)
    assert process.wait() == 0
    watchdog.cancel()
    assert "steward.stopped" in lines[-1]
    assert not any("@" in line or "Петров" in line for line in lines)

"""Operators at the command line: made, listed, disabled."""

import io
import json
from pathlib import Path

import pytest

from rasti.cli.main import run

PASSWORD = "correct horse battery"


@pytest.fixture(autouse=True)
def _home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.chdir(tmp_path)
    root = Path(__file__).parents[2]
    for name, value in {"HOME": tmp_path, "PROGRAMME": root / "programme.yaml", "LANGUAGE": "en"}.items():
        monkeypatch.setenv(f"RASTI_{name}", str(value))
    assert run(["db", "upgrade"]) == 0
    capsys.readouterr()


def add(monkeypatch: pytest.MonkeyPatch, name: str = "olga", password: str = PASSWORD, *options: str) -> int:
    """Add an operator with a password from standard input; the exit status."""
    monkeypatch.setattr("sys.stdin", io.StringIO(f"{password}\n"))
    return run(["operator", "add", name, "--password-stdin", *options])


def test_an_operator_is_added_with_a_code_secret_that_is_shown_once(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    assert add(monkeypatch, "olga", PASSWORD, "--json") == 0
    added = json.loads(capsys.readouterr().out)
    assert added["totp_uri"].startswith("otpauth://totp/rasti:olga?secret=" + added["totp_secret"])
    assert run(["operator", "list", "--json"]) == 0
    listed = capsys.readouterr().out
    assert added["totp_secret"] not in listed
    assert [(row["operator"], row["disabled_at"]) for row in json.loads(listed)] == [("olga", None)]


def test_a_person_gets_a_code_to_scan(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    assert add(monkeypatch) == 0
    shown = capsys.readouterr().out
    assert "█" in shown
    assert PASSWORD not in shown


@pytest.mark.parametrize(
    ("name", "password", "says"),
    [("olga", "short", "at least 12 characters"), (" ", PASSWORD, "1 to 64"), ("a\tb", PASSWORD, "printable")],
)
def test_a_name_or_password_that_will_not_do_is_refused(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], name: str, password: str, says: str
) -> None:
    assert add(monkeypatch, name, password) == 1
    assert says in capsys.readouterr().err
    assert run(["operator", "list", "--json"]) == 0
    assert json.loads(capsys.readouterr().out) == []


def test_a_name_is_taken_once(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    assert add(monkeypatch) == 0
    assert add(monkeypatch) == 1
    assert "olga already" in capsys.readouterr().err


def test_an_operator_is_disabled_with_a_reason(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    assert add(monkeypatch) == 0
    assert run(["operator", "disable", "olga"]) == 2
    assert run(["operator", "disable", "olga", "--reason", " "]) == 2
    capsys.readouterr()
    assert run(["operator", "disable", "olga", "--reason", "left", "--json"]) == 0
    assert json.loads(capsys.readouterr().out) == {"operator": "olga", "disabled": True}
    assert run(["operator", "disable", "olga", "--reason", "left", "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["disabled"] is False
    assert run(["operator", "disable", "nobody", "--reason", "left"]) == 1


def test_the_portal_runs_by_the_real_clock_and_shows_the_mailbox_on_this_machine_only(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(["--at", "2019-09-02T10:00:00+03:00", "portal"]) == 1
    assert "real clock" in capsys.readouterr().err
    monkeypatch.setenv("RASTI_SHOW_MAILBOX", "true")
    assert run(["portal", "--host", "0.0.0.0"]) == 1
    assert "loopback" in capsys.readouterr().err

"""Tokens of the API at the command line: made, listed, revoked."""

import json
from pathlib import Path

import pytest
from sqlmodel import select

from models import ApiToken, AuditEvent
from models.engine import open_engine
from rasti.cli.main import run
from rasti.clients.programme_file import load_programme
from rasti.ledger.book import Book
from rasti.ledger.tokens import find_token
from rasti.rules.kinds import TokenScope
from tests.builders import WINNER, add_cast

ROOT = Path(__file__).parents[2]


@pytest.fixture(autouse=True)
def book(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Book:
    """The ledger of the installation that the commands use."""
    monkeypatch.chdir(tmp_path)
    for name, value in {"HOME": tmp_path, "PROGRAMME": ROOT / "programme.yaml", "LANGUAGE": "en"}.items():
        monkeypatch.setenv(f"RASTI_{name}", str(value))
    assert run(["db", "upgrade"]) == 0
    capsys.readouterr()
    book = Book(open_engine(f"sqlite:///{tmp_path / 'rasti.sqlite3'}"), load_programme(ROOT / "programme.yaml"))
    add_cast(book)
    return book


def printed(capsys: pytest.CaptureFixture[str], *words: str) -> str:
    """What a command that succeeds prints."""
    assert run(["token", *words]) == 0
    return capsys.readouterr().out


@pytest.mark.parametrize(("scope", "partner"), [("leads:write", None), ("contacts:write", WINNER), ("read", None)])
def test_a_token_is_printed_once_and_kept_as_a_hash(
    capsys: pytest.CaptureFixture[str], book: Book, scope: str, partner: str | None
) -> None:
    options = ["--partner", partner] if partner else []
    token = printed(capsys, "add", "crm", "--scope", scope, *options).strip()
    assert token.startswith("rasti_")
    assert len(token) == len("rasti_") + 43
    caller = find_token(book, token)
    assert caller is not None
    assert (caller.name, caller.scope, caller.partner) == ("crm", TokenScope(scope), partner)
    assert token not in printed(capsys, "list", "--json")
    with book.read() as tx:
        rows = repr([*tx.all(select(ApiToken)), *tx.all(select(AuditEvent))])
    assert token not in rows
    assert "token.added" in rows


def test_a_token_as_json(capsys: pytest.CaptureFixture[str]) -> None:
    added = json.loads(printed(capsys, "add", "site", "--scope", "leads:write", "--json"))
    token = added.pop("token")
    assert added == {"name": "site", "scope": "leads:write", "partner": None}
    (listed,) = json.loads(printed(capsys, "list", "--json"))
    assert listed.pop("created_at").endswith("Z")
    assert listed == added | {"revoked_at": None}
    assert token not in printed(capsys, "list")


@pytest.mark.parametrize(
    "words",
    [
        ["add", "x", "--scope", "leads:write", "--partner", WINNER],
        ["add", "x", "--scope", "read", "--partner", WINNER],
        ["add", "x", "--scope", "contacts:write"],
        ["add", "x", "--scope", "leads"],
        ["add", "x"],
        ["add", "--scope", "read"],
        ["revoke", "x"],
    ],
)
def test_wrong_usage(capsys: pytest.CaptureFixture[str], words: list[str]) -> None:
    assert run(["token", *words]) == 2
    assert capsys.readouterr().out == ""
    assert json.loads(printed(capsys, "list", "--json")) == []


@pytest.mark.parametrize(
    ("words", "says"),
    [
        (["add", "x", "--scope", "contacts:write", "--partner", "nobody"], "nobody"),
        (["add", " ", "--scope", "read"], "1 to 64"),
        (["add", "x" * 65, "--scope", "read"], "1 to 64"),
        (["add", "a\tb", "--scope", "read"], "printable"),
        (["revoke", "x", "--reason", "lost"], "no token x"),
    ],
)
def test_what_is_refused_is_said(capsys: pytest.CaptureFixture[str], words: list[str], says: str) -> None:
    assert run(["token", *words]) == 1
    assert says in capsys.readouterr().err


def test_a_name_is_taken_once_also_after_it_was_revoked(capsys: pytest.CaptureFixture[str]) -> None:
    printed(capsys, "add", "site", "--scope", "read")
    assert run(["token", "add", "site", "--scope", "read"]) == 1
    printed(capsys, "revoke", "site", "--reason", "lost")
    assert run(["token", "add", "site", "--scope", "read"]) == 1


def test_a_revoked_token_opens_nothing(capsys: pytest.CaptureFixture[str], book: Book) -> None:
    token = printed(capsys, "add", "site", "--scope", "read").strip()
    assert run(["token", "revoke", "site", "--reason", " "]) == 2
    assert find_token(book, token) is not None
    capsys.readouterr()
    assert json.loads(printed(capsys, "revoke", "site", "--reason", "lost", "--json")) == {
        "name": "site",
        "revoked": True,
    }
    assert find_token(book, token) is None
    assert json.loads(printed(capsys, "revoke", "site", "--reason", "again", "--json"))["revoked"] is False
    with book.read() as tx:
        events = [
            (event.event, event.data["token"], event.data.get("reason"))
            for event in tx.all(select(AuditEvent).order_by(AuditEvent.id))
            if event.event.startswith("token.")
        ]
    assert events == [("token.added", "site", None), ("token.revoked", "site", "lost")]

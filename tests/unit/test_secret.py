"""The installation's secret: made once, used by everybody, said to nobody."""

import stat
import threading
from pathlib import Path

import pytest

from rasti import secret
from rasti.errors import BadInput, Unavailable
from rasti.secret import Secret, load_secret
from rasti.settings import Settings, load_settings

KEY = "0123456789abcdef" * 2


@pytest.fixture(autouse=True)
def _fresh() -> None:
    secret._from_file.cache_clear()


def test_a_token_depends_on_the_secret_the_purpose_and_the_identity() -> None:
    tokens = {
        Secret(key).token(purpose, identity)
        for key in (KEY, KEY[::-1])
        for purpose in ("link", "code")
        for identity in ("1", "2")
    }
    assert len(tokens) == 8
    assert Secret(KEY).token("link", "1") == Secret(KEY).token("link", "1")
    assert {len(token) for token in tokens} == {43}


def test_what_was_sealed_is_opened_with_the_same_secret_and_purpose_only() -> None:
    sealed = Secret(KEY).seal("code", "JBSWY3DP")
    assert "JBSWY3DP" not in sealed
    assert Secret(KEY).open("code", sealed) == "JBSWY3DP"
    for other in (Secret(KEY[::-1]), Secret(KEY)):
        with pytest.raises(Unavailable, match=r"RASTI_SECRET_KEY"):
            other.open("link", sealed)


def test_the_file_is_made_once_and_is_its_owners_alone(tmp_path: Path) -> None:
    first = load_secret(Settings(home=tmp_path / "home")).token("x", "y")
    file = tmp_path / "home" / "secret.key"
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    secret._from_file.cache_clear()
    assert load_secret(Settings(home=tmp_path / "home")).token("x", "y") == first
    assert [path.name for path in (tmp_path / "home").iterdir()] == ["secret.key"]


def test_processes_that_start_at_once_have_the_same_secret(tmp_path: Path) -> None:
    together = threading.Barrier(8)
    found: list[str] = []

    def start() -> None:
        together.wait(10)
        found.append(secret._from_file.__wrapped__(tmp_path / "secret.key"))

    threads = [threading.Thread(target=start) for _number in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(found) == 8
    assert len(set(found)) == 1


def test_a_damaged_file_is_named(tmp_path: Path) -> None:
    (tmp_path / "secret.key").write_text("short")
    with pytest.raises(Unavailable, match=r"secret\.key"):
        load_secret(Settings(home=tmp_path))


def test_a_short_secret_is_refused_and_not_repeated(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("RASTI_SECRET_KEY", "hunter2")
    with pytest.raises(BadInput, match=r"RASTI_SECRET_KEY.*32 characters") as error:
        load_settings()
    assert "hunter2" not in str(error.value)

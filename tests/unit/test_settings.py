"""Settings: an unknown or a wrong one stops the start and is named."""

from pathlib import Path

import pytest

from rasti.cli.main import run
from rasti.errors import BadInput
from rasti.settings import load_settings, prefect_setting


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("RASTI_LANGUAGE", "fr"),
        ("RASTI_GUARD_GRACE", "nan"),
        ("RASTI_PREFECT_RUNS_PER_MINUTE", "0"),
        ("RASTI_MAIL_FROM", "nobody"),
        ("RASTI_MAIL_FROM", "a@b.example\nBcc: all@b.example"),
        ("RASTI_MAIL_REPLY_TO", "nobody"),
        ("RASTI_MAIL_REPLY_TO", "a@b.example\nBcc: all@b.example"),
        ("RASTI_BOUNCES", "imap://leads:password@mail.vendor.example"),
        ("RASTI_BOUNCES", "/var/mail/rasti"),
        ("RASTI_OPERATOR_EMAIL", ""),
        ("RASTI_PORTAL_URL", "portal"),
        ("RASTI_SMTP_URL", "http://mail.example"),
        ("RASTI_DATABASE_URL", "mysql://db.example/rasti"),
        ("RASTI_COLOUR", "red"),
    ],
)
def test_a_wrong_or_unknown_setting_is_named(monkeypatch: pytest.MonkeyPatch, name: str, value: str) -> None:
    monkeypatch.setenv(name, value)
    with pytest.raises(BadInput, match=name):
        load_settings()


@pytest.mark.parametrize("line", ["RASTI_COLOUR=red", "rasti_colour=red", "RASTI_GUARD_GRACE=soon"])
def test_a_wrong_or_unknown_setting_of_the_env_file_is_named(folder: Path, line: str) -> None:
    (folder / ".env").write_text(f"{line}\nOTHER=1\n", encoding="utf-8")
    with pytest.raises(BadInput, match=line.partition("=")[0].upper()):
        load_settings()


def test_an_env_file_that_is_no_text_is_named(folder: Path) -> None:
    (folder / ".env").write_bytes(b"\xff\xfe")
    with pytest.raises(BadInput, match=r"\.env"):
        load_settings()


def test_a_sender_may_have_a_name(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("RASTI_MAIL_FROM", "Leads <leads@vendor.example>")
    assert load_settings().mail_from == "Leads <leads@vendor.example>"


def test_a_password_in_a_wrong_setting_is_not_repeated(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("RASTI_BOUNCES", "imap://leads:password@mail.vendor.example")
    with pytest.raises(BadInput) as error:
        load_settings()
    assert "password@" not in str(error.value)
    assert "imaps://" in str(error.value)


def test_a_home_that_cannot_be_made_is_said_without_a_trace(
    folder: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    (folder / "file").touch()
    monkeypatch.setenv("RASTI_HOME", str(folder / "file"))
    assert run(["db", "upgrade"]) == 1
    assert str(folder / "file") in capsys.readouterr().err


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="no /dev/full here")
def test_a_full_disk_is_said_without_a_trace(
    folder: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    (folder / "rasti.sqlite3").symlink_to("/dev/full")
    monkeypatch.setenv("RASTI_HOME", str(folder))
    assert run(["db", "upgrade"]) == 1
    assert "Traceback" not in (message := capsys.readouterr().err)
    assert message


def test_prefects_settings_are_read_where_its_own_commands_read_them(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    assert load_settings().prefect_api_url is None

    profiles = tmp_path / "profiles.toml"
    profiles.write_text(
        'active = "office"\n[profiles.office]\nPREFECT_API_URL = "http://office/api"\n'
        'PREFECT_API_AUTH_STRING = "rasti:office"\n[profiles.home]\nPREFECT_API_URL = "http://home/api"\n'
    )
    monkeypatch.setenv("PREFECT_PROFILES_PATH", str(profiles))
    assert load_settings().prefect_api_url == "http://office/api"
    assert prefect_setting("PREFECT_API_AUTH_STRING") == "rasti:office"
    monkeypatch.setenv("PREFECT_PROFILE", "home")
    assert load_settings().prefect_api_url == "http://home/api"

    (tmp_path / ".env").write_text("PREFECT_API_URL=http://env-file/api\n")
    assert load_settings().prefect_api_url == "http://env-file/api"
    monkeypatch.setenv("PREFECT_API_URL", "http://environment/api")
    assert load_settings().prefect_api_url == "http://environment/api"


def test_a_profile_of_prefect_that_cannot_be_read_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    profiles = tmp_path / "profiles.toml"
    profiles.write_text("active = \n")
    monkeypatch.setenv("PREFECT_PROFILES_PATH", str(profiles))
    with pytest.raises(BadInput, match=r"profiles\.toml cannot be read"):
        load_settings().prefect_api_url  # noqa: B018

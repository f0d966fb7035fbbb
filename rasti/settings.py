"""Settings from the environment (prefix RASTI_) or a `.env` file; a wrong one stops the start by name."""

import os
import re
import tomllib
from functools import cached_property
from pathlib import Path
from typing import Literal

from dotenv import dotenv_values
from pydantic import Field, ValidationError, field_validator
from pydantic_settings import BaseSettings, SettingsConfigDict

from rasti.errors import BadInput
from rasti.mail_folder import ImapAddress, MaildirAddress, parse_mail_folder
from rasti.rules.addresses import read_address, read_sender
from rasti.smtp_url import SmtpAddress

# Read by pydantic-settings of Prefect or by our own tests, not settings of the application.
_NOT_OURS = {"RASTI_TEST_POSTGRES_URL", "RASTI_TEST_PICTURES"}


class Settings(BaseSettings):
    """What an installation may set; paths are relative to the working directory."""

    model_config = SettingsConfigDict(env_prefix="RASTI_", env_file=".env", env_file_encoding="utf-8", extra="ignore")

    home: Path = Field(Path("var"), description="Folder of the database, the mailbox, the inbox and the logs.")
    database_url: str = Field("", description="SQLAlchemy URL; empty: SQLite in the home folder.")
    programme: Path = Field(Path("programme.yaml"), description="The programme's rules.")
    smtp_url: str = Field(
        "", description="smtp://, smtp+starttls:// or smtps://[user:password@]host[:port]; empty: local mailbox."
    )
    sources: Path | None = Field(
        None, description="A YAML file that lists the billing sources; none: the inbox folder."
    )
    mail_from: str = Field(
        "rasti@localhost", description="Sender of all mail, with or without a name: Leads <leads@vendor.example>."
    )
    mail_reply_to: str = Field(
        "", description="Where answers of partners and clients to our mail go (Reply-To); empty: to the sender."
    )
    bounces: str = Field(
        "",
        description="Folder into which mail to the sender comes, read for bounces: `maildir:/var/mail/rasti` or "
        "`imaps://user:password@host[:port][/FOLDER]` (percent-encoded); empty: none.",
    )
    operator_email: str = Field("operator@localhost", description="Where alerts to operators go.")
    portal_url: str = Field("http://127.0.0.1:8000", description="Public address of the portal, used in mails.")
    secret_key: str = Field(
        "", description="At least 32 characters, the same for all processes; empty: `secret.key` in the home folder."
    )
    show_mailbox: bool = Field(
        False, description="Show the local mailbox, with everybody's mail, at `/mailbox`: for a demo on one machine."
    )
    guard_grace: float = Field(30.0, ge=0, description="Seconds the guard leaves to the normal path.")
    prefect_runs_per_minute: int = Field(600, ge=1, description="Upper bound on created Prefect runs a minute.")
    language: Literal["ru", "en"] = Field("ru", description="Language of what users see.")

    @field_validator("database_url")
    @classmethod
    def _known_database(cls, url: str) -> str:
        if url and not url.startswith(("sqlite:///", "postgresql+psycopg://")):
            raise ValueError("must start with sqlite:/// or postgresql+psycopg://")
        return url

    @field_validator("secret_key")
    @classmethod
    def _long_secret(cls, key: str) -> str:
        if key and len(key) < 32:
            raise ValueError("must have at least 32 characters")
        return key

    @field_validator("mail_from")
    @classmethod
    def _a_sender(cls, text: str) -> str:
        read_sender(text)
        return text

    @field_validator("mail_reply_to")
    @classmethod
    def _an_address_for_answers(cls, text: str) -> str:
        return cls._a_sender(text) if text else ""

    @field_validator("bounces")
    @classmethod
    def _a_mail_folder(cls, text: str) -> str:
        if text:
            parse_mail_folder(text)
        return text

    @field_validator("operator_email")
    @classmethod
    def _a_mail_address(cls, text: str) -> str:
        read_address(text, dotless=True)
        return text

    @field_validator("portal_url")
    @classmethod
    def _a_web_address(cls, url: str) -> str:
        if not re.fullmatch(r"https?://[^\s/]\S*", url):
            raise ValueError("must start with http:// or https://")
        return url

    @cached_property
    def database(self) -> str:
        """The database URL in force."""
        return self.database_url or f"sqlite:///{(self.home / 'rasti.sqlite3').resolve()}"

    @cached_property
    def mailbox(self) -> Path:
        """Folder of the local mailbox."""
        return self.home / "mailbox"

    @cached_property
    def bounce_folder(self) -> MaildirAddress | ImapAddress | None:
        """Where bounces are looked for; none: nowhere."""
        return parse_mail_folder(self.bounces) if self.bounces else None

    @property
    def loops_off(self) -> frozenset[str]:
        """Loops of the steward that are not configured: nobody waits for their heartbeat, though they had one once."""
        off = {"runs": self.prefect_api_url is None, "bounces": not self.bounces}
        return frozenset(loop for loop, is_off in off.items() if is_off)

    @cached_property
    def prefect_api_url(self) -> str | None:
        """Prefect's own setting: where its API is; none means that no Prefect is configured."""
        return prefect_setting("PREFECT_API_URL")


def load_settings() -> Settings:
    """Read the settings. Raises BadInput that names the setting: unknown, or with a wrong value."""
    known = {f"RASTI_{name.upper()}" for name in Settings.model_fields}
    for name in sorted({*os.environ, *_dotenv()}):
        if name.startswith("RASTI_") and name not in known | _NOT_OURS:
            raise BadInput("Unknown setting {name}: known are {known}.", name=name, known=", ".join(sorted(known)))
    try:
        settings = Settings()
    except ValidationError as error:
        first = error.errors()[0]
        name = f"RASTI_{str(first['loc'][0]).upper()}"
        # A URL may hold a password, and the secret is one: they are not repeated.
        raise BadInput(
            "Setting {name} is wrong: {why} (it is {value!r}).",
            name=name,
            why=first["msg"].removeprefix("Value error, "),
            value="…" if name.endswith(("_URL", "_KEY", "_BOUNCES")) else first.get("input"),
        ) from error
    if settings.smtp_url:
        SmtpAddress.parse(settings.smtp_url)
    return settings


def prefect_setting(name: str) -> str | None:
    """A setting of Prefect's, from where its own commands read it: environment, `.env`, `prefect config set`."""
    return os.environ.get(name) or _dotenv().get(name) or _profile_of_prefect().get(name)


def _profile_of_prefect() -> dict[str, str]:
    """The active profile; Prefect itself would take a second to tell. Raises BadInput: it cannot be read."""
    home = Path(os.environ.get("PREFECT_HOME") or "~/.prefect").expanduser()
    path = Path(os.environ.get("PREFECT_PROFILES_PATH") or home / "profiles.toml")
    try:
        profiles = tomllib.loads(path.read_text("utf-8"))
    except (FileNotFoundError, NotADirectoryError, PermissionError):
        return {}  # a service without a home has none
    except (OSError, ValueError) as error:
        raise BadInput("{path} cannot be read: {why}.", path=path, why=error) from error
    active = os.environ.get("PREFECT_PROFILE") or profiles.get("active")
    found: dict[str, str] = profiles.get("profiles", {}).get(active, {})
    return found


def _dotenv() -> dict[str, str | None]:
    """What the `.env` file sets, in the spelling of the environment. Raises BadInput: it cannot be read."""
    try:
        return {name.upper(): value for name, value in dotenv_values(".env", encoding="utf-8").items()}
    except (OSError, UnicodeDecodeError) as error:
        raise BadInput("{path} cannot be read: {why}.", path=".env", why=error) from error

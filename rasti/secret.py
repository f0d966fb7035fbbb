"""The installation's secret: what is made from it can be made again by every process, and read from no database.

From RASTI_SECRET_KEY, or else a file in the home folder that is made once; portals and stewards on several machines
share the setting.
"""

import base64
import hashlib
import hmac
import os
import secrets
from contextlib import suppress
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING

from rasti.errors import Unavailable

if TYPE_CHECKING:
    from cryptography.fernet import Fernet

    from rasti.settings import Settings

_FILE = "secret.key"
_LONG_ENOUGH = 32  # characters


class Secret:
    """Makes tokens that cannot be guessed, and seals what must be read again; each purpose has a key of its own."""

    def __init__(self, key: str) -> None:
        self._key = key.encode()

    def token(self, purpose: str, identity: str) -> str:
        """The token of an identity, 43 characters that may stand in a URL (HMAC-SHA256)."""
        return _text(hmac.digest(self._of(purpose), identity.encode(), "sha256"))

    def seal(self, purpose: str, text: str) -> str:
        """Encrypt a text (Fernet: AES-128-CBC with HMAC-SHA256)."""
        return self._fernet(purpose).encrypt(text.encode()).decode()

    def open(self, purpose: str, sealed: str) -> str:
        """Decrypt it. Raises Unavailable: it was sealed with another secret."""
        from cryptography.fernet import InvalidToken

        try:
            return self._fernet(purpose).decrypt(sealed.encode()).decode()
        except InvalidToken as error:
            raise Unavailable(
                "What was sealed cannot be opened: RASTI_SECRET_KEY, or {file} in the home folder, is not what it was.",
                file=_FILE,
            ) from error

    def _fernet(self, purpose: str) -> "Fernet":
        from cryptography.fernet import Fernet

        return Fernet(base64.urlsafe_b64encode(self._of(purpose)))

    def _of(self, purpose: str) -> bytes:
        return hmac.digest(self._key, purpose.encode(), "sha256")


def new_token() -> str:
    """A random token, 43 characters that may stand in a URL or a cookie."""
    return secrets.token_urlsafe(32)


def digest(token: str) -> str:
    """How a token is kept: SHA-256. A token is random and long, so it needs no salt and no slow hash."""
    return hashlib.sha256(token.encode()).hexdigest()


def load_secret(settings: "Settings") -> Secret:
    """The secret of this installation; made at first use. Raises Unavailable: its file cannot be read or written."""
    return Secret(settings.secret_key or _from_file(settings.home.resolve() / _FILE))


@lru_cache(maxsize=16)
def _from_file(path: Path) -> str:
    try:
        if not path.exists():
            _make(path)
        key = path.read_text("ascii").strip()
    except (OSError, UnicodeDecodeError) as error:
        raise Unavailable("The secret {path} cannot be used: {why}.", path=path, why=error) from error
    if len(key) < _LONG_ENOUGH:
        raise Unavailable(
            "The secret {path} cannot be used: {why}.", path=path, why=f"shorter than {_LONG_ENOUGH} characters"
        )
    return key


def _make(path: Path) -> None:
    """Several processes may start at once: whoever links its file first wins, and no one reads half a secret."""
    path.parent.mkdir(parents=True, exist_ok=True)
    part = path.with_name(f"{path.name}.{secrets.token_hex(8)}")
    descriptor = os.open(part, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    try:
        with os.fdopen(descriptor, "w", encoding="ascii") as file:
            file.write(new_token() + "\n")
            file.flush()
            os.fsync(file.fileno())
        with suppress(FileExistsError):
            os.link(part, path)
    finally:
        part.unlink()


def _text(raw: bytes) -> str:
    return base64.urlsafe_b64encode(raw).rstrip(b"=").decode()

"""Where the mail server is and how to log in, as RASTI_SMTP_URL says it."""

import re
from dataclasses import dataclass
from urllib.parse import unquote, urlsplit

from rasti.errors import BadInput

_PORTS = {"smtp": 25, "smtp+starttls": 587, "smtps": 465}
# In these a sign of the URL's own grammar would be read as such: the password would end there, or be another.
_LOGIN = re.compile(r"(?:[^@/?#%\s]|%[0-9A-Fa-f]{2})*")


@dataclass(frozen=True)
class SmtpAddress:
    """A mail server and the login to it."""

    scheme: str
    host: str
    port: int
    user: str = ""
    password: str = ""

    @classmethod
    def parse(cls, url: str) -> "SmtpAddress":
        """Read a URL such as smtp+starttls://user:password@host:587. Raises BadInput, without the password."""
        login, at, _host = url.partition("://")[2].rpartition("@")
        try:
            parts = urlsplit(url)
            host, port = parts.hostname, parts.port
        except ValueError:
            host, port = None, None
        if at and not _LOGIN.fullmatch(login):
            raise BadInput(
                "RASTI_SMTP_URL is wrong: a sign such as @ / ? # % or a space in user or password has to be "
                "percent-encoded, for example %40 for @ and %2F for /. Write {form}.",
                field="RASTI_SMTP_URL",
                form=_FORM,
            )
        if not host or parts.scheme not in _PORTS or parts.path not in ("", "/") or parts.query or parts.fragment:
            raise BadInput("RASTI_SMTP_URL is wrong: write {form}.", field="RASTI_SMTP_URL", form=_FORM)
        user, password = unquote(parts.username or ""), unquote(parts.password or "")
        if not (user + password).isascii():
            raise BadInput(
                "RASTI_SMTP_URL is wrong: user and password of a mail server may have letters of ASCII only.",
                field="RASTI_SMTP_URL",
            )
        return cls(parts.scheme, host, port or _PORTS[parts.scheme], user, password)


_FORM = "smtp://, smtp+starttls:// or smtps://[user:password@]host[:port]"

"""The one tree of errors.

RastiError
├── BadInput      what was given cannot be understood (422)
├── NotFound      what was named does not exist (404)
├── Refused       understood, but a rule says no (409)
│   ├── Conflict  the same id with another content (409)
│   └── TooMany   too often in too short a time (429)
├── Unauthorized  nobody knows who is calling (401)
├── Forbidden     not this caller's business (403)
├── TooLarge      more bytes than can be taken (413)
├── WrongMedia    not the kind of content that is taken here (415)
└── Unavailable   the database, a file or a server cannot be used now (503)
    ├── DatabaseUnavailable  the database: away, busy, its disk full, read-only (503)
    └── NotUpgraded          the database lacks tables or migrations of this version (503)

A message is a `str.format` template in English plus its values: `str(error)` is English, `error.text(gettext)` is the
reader's language. It says what is wrong, which value, and what to do.
"""

from collections.abc import Callable
from typing import ClassVar


class RastiError(Exception):
    """Base of all errors a user may meet; `status` is the HTTP status (RFC 9457)."""

    status: ClassVar[int] = 500

    def __init__(self, template: str, **values: object) -> None:
        super().__init__(template)
        self.template = template
        self.values = values

    def text(self, translate: Callable[[str], str] = str) -> str:
        """The message in the reader's language; `translate` is a gettext function."""
        return translate(self.template).format(
            **{key: value.text(translate) if isinstance(value, Reason) else value for key, value in self.values.items()}
        )

    def __str__(self) -> str:
        return self.text()


class Reason:
    """A value of a message that is a message itself: said in the same language as the message around it."""

    def __init__(self, template: str, **values: object) -> None:
        self.template = template
        self.values = values

    def text(self, translate: Callable[[str], str] = str) -> str:
        """The reason in the reader's language."""
        return translate(self.template).format(**self.values)

    def __str__(self) -> str:
        return self.text()


class WrongValue(ValueError):
    """What a validator says of a value, in any language."""

    def __init__(self, reason: Reason) -> None:
        super().__init__(str(reason))
        self.reason = reason


def marked(message: str) -> str:
    """A message that is translated where it is shown; the catalogue finds it by this name."""
    return message


class BadInput(RastiError):
    """What was given cannot be understood; `field` names the place of it."""

    status = 422

    def __init__(self, template: str, *, field: str | None = None, **values: object) -> None:
        super().__init__(template, field=field, **values)
        self.field = field


class NotFound(RastiError):
    """What was named does not exist."""

    status = 404


class Refused(RastiError):
    """Understood, but a rule of the programme says no; nothing was written."""

    status = 409


class Conflict(Refused):
    """The same id was used before with another content (D17)."""


class TooMany(Refused):
    """Tried too often; `after` is the number of seconds to wait."""

    status = 429

    def __init__(self, template: str, *, after: int, **values: object) -> None:
        super().__init__(template, after=after, **values)
        self.after = after


class Unauthorized(RastiError):
    """Nobody knows who is calling."""

    status = 401


class Forbidden(RastiError):
    """The caller has no business with this."""

    status = 403


class TooLarge(RastiError):
    """More bytes than this address takes, or nobody knows how many."""

    status = 413


class WrongMedia(RastiError):
    """Not the kind of content that this address takes."""

    status = 415


class Unavailable(RastiError):
    """The database, a file or a server cannot be used now."""

    status = 503


class DatabaseUnavailable(Unavailable):
    """The database is away, busy, read-only, or its disk is full; `why` may name its host and role."""

    def __init__(self, why: object, template: str = "") -> None:
        usual = marked("The database cannot be used now: {why}. Nothing was written; try again.")
        super().__init__(template or usual, why=why)


class NotUpgraded(Unavailable):
    """The database lacks tables or migrations of this version: waiting does not help, `rasti db upgrade` does."""

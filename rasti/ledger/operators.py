"""Operators: made at the command line; they sign in with a password and a one-time code (RFC 6238)."""

import hmac
from dataclasses import dataclass
from functools import cache
from typing import TYPE_CHECKING, Any

from sqlalchemy import update
from sqlmodel import col, select

from models import Operator
from rasti.errors import BadInput, NotFound, Refused
from rasti.ledger.book import Book
from rasti.ledger.sessions import count_try, end_all_sessions_within, open_session_within
from rasti.rules.kinds import Event, Role
from rasti.secret import Secret

if TYPE_CHECKING:
    from argon2 import PasswordHasher

SHORTEST_PASSWORD = 12
_PURPOSE = "one-time code"
_STEP = 30  # seconds a code is valid (RFC 6238)
_TRIES_OF_A_NAME = 10  # in a quarter of an hour
_TRIES_OF_A_SENDER = 30


@dataclass(frozen=True)
class Added:
    """A new operator; the secret of the one-time codes is shown once, as text and as a URI for an app."""

    name: str
    totp_secret: str
    totp_uri: str


def add_operator(book: Book, name: str, password: str, *, secret: Secret) -> Added:
    """Make an operator. Raises BadInput: the name or the password; Refused: the name is taken."""
    import pyotp

    name = name.strip()
    if not name or len(name) > 64 or not name.isprintable():
        raise BadInput("An operator's name has 1 to 64 printable characters.", field="name")
    if len(password) < SHORTEST_PASSWORD:
        raise BadInput("A password has at least {least} characters.", field="password", least=SHORTEST_PASSWORD)
    totp_secret = pyotp.random_base32()
    hashed = _hasher().hash(password)
    with book.write() as tx:
        if tx.session.get(Operator, name) is not None:
            raise Refused("There is an operator {name} already.", name=name)
        sealed = secret.seal(_PURPOSE, totp_secret)
        tx.session.add(Operator(name=name, password_hash=hashed, totp_sealed=sealed, created_at=tx.now))
        tx.session.flush()
        tx.audit(Event.OPERATOR_ADDED, operator=name)
    uri = pyotp.TOTP(totp_secret).provisioning_uri(name=name, issuer_name="rasti")
    return Added(name, totp_secret, uri)


def disable_operator(book: Book, name: str, *, reason: str) -> bool:
    """An operator may sign in no more, and is signed out everywhere. False: disabled before. Raises NotFound."""
    with book.write() as tx:
        operator = tx.session.get(Operator, name)
        if operator is None:
            raise NotFound("There is no operator {name}.", name=name)
        if operator.disabled_at is not None:
            return False
        operator.disabled_at = tx.now
        end_all_sessions_within(tx, name)
        tx.session.flush()
        tx.audit(Event.OPERATOR_DISABLED, operator=name, reason=reason)
        return True


def list_operators(book: Book) -> list[Operator]:
    """All operators by name."""
    with book.read() as tx:
        return tx.all(select(Operator).order_by(Operator.name))


def sign_in_operator(
    book: Book, name: str, password: str, code: str, *, sender: str, secret: Secret, former: str | None = None
) -> str:
    """Open a session for an operator; the new cookie's token.

    Raises Refused: name, password or code are wrong (which, nobody is told), or the code was used; TooMany.
    """
    count_try(book, [("operator", name, _TRIES_OF_A_NAME), ("operators of", sender, _TRIES_OF_A_SENDER)])
    with book.read() as tx:
        operator = tx.session.get(Operator, name)
        now = tx.now
    # Slow on purpose, so outside any transaction; as slow for a name that does not exist.
    known = _verify(operator.password_hash if operator else _decoy(), password)
    step = _step_of(secret.open(_PURPOSE, operator.totp_sealed), code, int(now.timestamp())) if operator else None
    if operator is not None and known and step is not None:
        with book.write() as tx:
            changed = tx.session.execute(
                update(Operator)
                .where(
                    col(Operator.name) == name,
                    col(Operator.disabled_at).is_(None),
                    col(Operator.totp_last_step) < step,
                )
                .values(totp_last_step=step)
                .returning(col(Operator.name))
            ).scalar_one_or_none()
            if changed is not None:
                return open_session_within(tx, Role.OPERATOR, name, former=former)
    raise Refused("Name, password or one-time code is wrong, or the code was used already.")


def _step_of(totp_secret: str, code: str, now: int) -> int | None:
    """The time step whose code this is: the present one, or one beside it for clocks that differ a little."""
    import pyotp

    totp: Any = pyotp.TOTP(totp_secret)
    given = "".join(code.split())
    for step in (now // _STEP + offset for offset in (0, -1, 1)):
        if hmac.compare_digest(totp.generate_otp(step).encode(), given.encode()):
            return step
    return None


def _verify(hashed: str, password: str) -> bool:
    from argon2.exceptions import VerificationError

    try:
        return _hasher().verify(hashed, password)
    except VerificationError:
        return False


@cache
def _decoy() -> str:
    return _hasher().hash("nobody has this password")


@cache
def _hasher() -> "PasswordHasher":
    from argon2 import PasswordHasher
    from argon2.profiles import RFC_9106_LOW_MEMORY

    return PasswordHasher.from_parameters(RFC_9106_LOW_MEMORY)

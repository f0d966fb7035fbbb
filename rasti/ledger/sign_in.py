"""A partner signs in by a link that is mailed to them: used once, for a short time; nobody learns who is a partner."""

import secrets
from datetime import timedelta

from sqlalchemy import or_, update
from sqlmodel import col, select

from models import Partner, SignInLink
from rasti.errors import Refused
from rasti.ledger.book import Book, Tx
from rasti.ledger.sessions import count_try, open_session_within
from rasti.rules.addresses import email_key
from rasti.rules.kinds import Event, MessageKind, Role
from rasti.secret import Secret, digest

VALID = timedelta(minutes=10)
_PURPOSE = "sign-in link"
_MAILS_OF_AN_ADDRESS = 5  # in a quarter of an hour
_MAILS_OF_A_SENDER = 30


def link_token(secret: Secret, link_id: str) -> str:
    """What stands in the mailed link. It is made again when the mail is written, so that it is stored nowhere."""
    return secret.token(_PURPOSE, link_id)


def request_link(book: Book, email: str, *, sender: str, secret: Secret) -> None:
    """Mail a link to the partners with this address, if there are any; the answer is the same if there are none.

    `sender` is where the request came from (an IP address). Raises TooMany.
    """
    key = email_key(email.strip())
    count_try(book, [("mail", key, _MAILS_OF_AN_ADDRESS), ("sender", sender, _MAILS_OF_A_SENDER)])
    with book.write() as tx:
        for code in _partners_with(tx, key):
            link_id = secrets.token_hex(16)
            tx.session.add(
                SignInLink(
                    id=link_id,
                    partner_code=code,
                    token_hash=digest(link_token(secret, link_id)),
                    requested_at=tx.now,
                    expires_at=tx.now + VALID,
                )
            )
            tx.session.flush()
            tx.audit(Event.SIGN_IN_REQUESTED, partner_code=code)
            tx.send(MessageKind.SIGN_IN, link_id, partner_code=code, link=link_id)


def _partners_with(tx: Tx, key: str) -> list[str]:
    # A version before this one wrote no key, and changed an address without it.
    near = or_(col(Partner.email_key) == key, col(Partner.email_key).is_(None))
    rows = tx.session.execute(select(Partner.code, Partner.email).where(near).order_by(Partner.code)).all()
    return [code for code, email in rows if email_key(email) == key]


def use_link(book: Book, token: str, *, former: str | None = None) -> str:
    """Open a session by a mailed link, once; the new cookie's token. `former` is the browser's session until now.

    Raises Refused: unknown, used, or too old; which of them, nobody is told.
    """
    with book.write() as tx:
        partner = tx.session.execute(
            update(SignInLink)
            .where(
                col(SignInLink.token_hash) == digest(token),
                col(SignInLink.used_at).is_(None),
                col(SignInLink.expires_at) > tx.now,
            )
            .values(used_at=tx.now)
            .returning(col(SignInLink.partner_code))
        ).scalar_one_or_none()
        if partner is None:
            raise Refused("This link is no longer valid: it works once and for 10 minutes. Ask for a new one.")
        return open_session_within(tx, Role.PARTNER, partner, former=former)

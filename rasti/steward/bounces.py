"""Reads what came back: each bounce of the folder marks its message, and the operators hear of it."""

import logging
import threading
import time
from collections import Counter
from dataclasses import replace
from itertools import islice

from rasti.clients.bounce_folder import BounceFolder, FolderUnreadable, open_bounce_folder
from rasti.clients.bounces import BounceAction, parse_bounce
from rasti.errors import DatabaseUnavailable, NotUpgraded
from rasti.ledger.book import Book
from rasti.ledger.bounces import BounceEffect, record_bounce
from rasti.ledger.heartbeats import beat, note_failure
from rasti.logs import log
from rasti.mail_folder import ImapAddress, MaildirAddress
from rasti.settings import Settings

LOOP = "bounces"
READ_EVERY = 60.0  # seconds
BEAT_EVERY = 10.0
MOST = 500  # mails a round

_NO_BOUNCE = "no_bounce"
_FAILED = "failed"


def read_bounces(book: Book, folder: BounceFolder, *, stop: threading.Event | None = None) -> Counter[str]:
    """Work through the unseen mails of a folder; how many had which effect (BounceEffect), or were no bounce at all.

    One that cannot be worked through is left for the next round and stops no other. Raises FolderUnreadable,
    Unavailable: the database.
    """
    own = replace(book, actor=LOOP, written=[])
    counts: Counter[str] = Counter()
    for name, content in islice(folder.unseen(), MOST):
        if stop is not None and stop.is_set():
            break
        try:
            effect = _record(own, content)
        except (DatabaseUnavailable, NotUpgraded):
            raise
        except Exception as error:  # noqa: BLE001 - one poison mail must not keep the others from being read
            log("bounce.failed", level=logging.ERROR, error=error)
            effect = _FAILED
        counts[effect] += 1
        if effect not in (BounceEffect.EARLY, _FAILED):
            own.reach("bounce.before_seen")
            folder.mark_seen(name)
            own.reach("bounce.after_seen")
    if counts:
        # Unknown ones are counted too: many of them are a forger, or another database's.
        log("bounces.read", counts=",".join(f"{effect}:{count}" for effect, count in sorted(counts.items())))
    return counts


def read_bounces_once(book: Book, settings: Settings) -> None:
    """One round by hand; a folder that cannot be read is logged and stops nothing. Raises Unavailable: the database."""
    if settings.bounce_folder is not None:
        failure = _round(book, settings.bounce_folder, None)
        if failure is not None:
            log("bounces.unreadable", level=logging.WARNING, why=failure)


def keep_reading(book: Book, settings: Settings, stop: threading.Event) -> None:
    """A round every minute until stopped. What keeps it from reading is logged when it begins, and when it is over."""
    assert settings.bounce_folder is not None, "nothing to read"
    failure: str | None = None
    while not stop.is_set():
        before, failure = failure, _round(book, settings.bounce_folder, stop)
        if failure is None:
            beat(book, LOOP)
        else:
            note_failure(book, LOOP, failure)
        if failure is not None and failure != before:
            log("bounces.unreadable", level=logging.WARNING, why=failure)
        elif failure is None and before is not None:
            log("bounces.readable")
        _wait(book, stop, alive=failure is None)


def _round(book: Book, address: MaildirAddress | ImapAddress, stop: threading.Event | None) -> str | None:
    """Read the folder once; why it cannot be read, or None."""
    folder = open_bounce_folder(address)
    try:
        read_bounces(book, folder, stop=stop)
    except FolderUnreadable as error:
        return str(error)
    finally:
        folder.close()
    return None


def _wait(book: Book, stop: threading.Event, *, alive: bool) -> None:
    """Until the next round; whoever reads once a minute is seen more often, for the desk calls a minute late."""
    next_round = time.monotonic() + READ_EVERY
    while not stop.wait(BEAT_EVERY) and time.monotonic() < next_round:
        if alive:
            beat(book, LOOP)


def _record(book: Book, content: bytes) -> str:
    bounce = parse_bounce(content)
    if bounce is None or bounce.action is not BounceAction.FAILED:
        return _NO_BOUNCE
    effect = record_bounce(book, bounce.message_id, bounce.status)
    if effect is BounceEffect.MARKED:
        log("bounce.marked", level=logging.WARNING, message_id=bounce.message_id, status=bounce.status)
    return effect

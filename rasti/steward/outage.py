"""How the relay's loop goes on while the mail server takes no mail: one try now and then, and an error in the log."""

import logging
import time
from collections.abc import Callable
from dataclasses import dataclass, field

from rasti.ledger.mail_trouble import MailTrouble
from rasti.logs import log
from rasti.steward.relay import Delivered

FIRST_PAUSE = 2.0  # seconds between two tries
LONGEST_PAUSE = 30.0
TOLD_EVERY = 60.0  # seconds between two errors in the log
IDLE = 30.0  # seconds after which connections that carry nothing are closed


@dataclass
class Outage:
    """Whether the mail server can be used, as far as the last rounds tell. `clock`: seconds, monotonic."""

    clock: Callable[[], float] = time.monotonic
    pause: float = 0.0  # seconds until the next try; 0: it can be used
    _down: bool = False  # no mail was taken since a round found that
    _told_at: float | None = None
    _used_at: float = field(init=False)

    def __post_init__(self) -> None:
        self._used_at = self.clock()

    def note(self, round_: Delivered) -> None:
        """What a round came to; one that tried nothing tells nothing, unless no mail waits for the server any more."""
        if round_.tried:
            self._used_at = self.clock()
        if round_.trouble is not None:
            self.pause, self._down = min(max(self.pause * 2, FIRST_PAUSE), LONGEST_PAUSE), True
            return
        if round_.tried or not round_.postponed:
            self.pause = 0.0
        if round_.delivered and self._down:
            log("mail.works_again", delivered=round_.delivered)
            self._down = False

    def is_idle(self) -> bool:
        """Whether the connections have carried nothing for a while: once each time."""
        if self.clock() - self._used_at < IDLE:
            return False
        self._used_at = float("inf")
        return True

    def tell(self, look: Callable[[], MailTrouble | None]) -> None:
        """Say in the log that mail cannot be delivered, once a minute."""
        if self._told_at is not None and self.clock() - self._told_at < TOLD_EVERY:
            return
        self._told_at = self.clock()
        trouble = look()
        if trouble is not None and (trouble.waiting or trouble.alerts):
            log("mail.undelivered", level=logging.ERROR, **trouble.facts())

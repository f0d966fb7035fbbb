"""Where the way of a change breaks off: a seeded choice at every named point of every process."""

from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from random import Random
from typing import Any

from sqlalchemy.exc import OperationalError


class Killed(BaseException):
    """The process is gone in this instant; nothing it would have done afterwards is done."""


@dataclass(frozen=True)
class Odds:
    """How often, of a thousand passes, each fault happens."""

    crash: int = 12
    commit_refused: int = 8
    reply_lost: int = 10
    interleave: int = 40
    slow: int = 20


@dataclass
class Faults:
    """Decides at each point. `note` tells the witness, `meanwhile` lets somebody else act, `slow` lets time pass."""

    random: Random
    note: Callable[[str, str], None]
    meanwhile: Callable[[str], None]
    slow: Callable[[], None]
    odds: Odds = field(default_factory=Odds)
    quiet: bool = False  # no faults any more: what was begun is finished
    depth: int = 0
    passes: Counter[str] = field(default_factory=Counter)
    crashes: Counter[str] = field(default_factory=Counter)

    def reach(self, process: str, point: str) -> None:
        """A process passes a point."""
        self.passes[point] += 1
        if self.quiet:
            return
        step, _dot, place = point.rpartition(".")
        for fault, chance in self._possible(step, place):
            if self.random.randrange(1000) < chance:
                self._strike(fault, process, point)
                return

    def _possible(self, step: str, place: str) -> Iterator[tuple[str, int]]:
        odds = self.odds
        yield "crash", odds.crash
        if place == "before_commit":
            yield "commit refused", odds.commit_refused
            return
        if place == "after_commit":
            yield "reply lost", odds.reply_lost
        if step == "mail" and place == "after_send":
            yield "crash", odds.crash * 4  # the one window in which a copy can come of it
            yield "slow", odds.slow
        if self.depth == 0:
            yield "interleave", odds.interleave

    def _strike(self, fault: str, process: str, point: str) -> None:
        if fault == "crash":
            self.crashes[point] += 1
        if fault == "interleave":
            with self._deeper():
                self.meanwhile(process)
            return
        self.note(fault, process)
        if fault == "slow":
            self.slow()
        elif fault == "crash":
            raise Killed(point)
        else:
            raise OperationalError(point, None, ConnectionError(f"{fault} at {point}"))

    @contextmanager
    def _deeper(self) -> Iterator[None]:
        self.depth += 1
        try:
            yield
        finally:
            self.depth -= 1


class MailServer:
    """A mail server outside: it keeps what it took, answers as it likes, and knows whether its 250 arrived."""

    def __init__(self, random: Random, took: Callable[..., None], fault: Callable[[str], None], wait: Any) -> None:
        self.random, self._took, self._fault, self._wait = random, took, fault, wait
        self.quiet = False

    def send(self, mail: Any) -> None:
        from rasti.clients.smtp import Delayed, Rejected
        from rasti.errors import Unavailable

        roll = 1000 if self.quiet else self.random.randrange(1000)
        if roll < 25:
            self._fault("421")
            raise Unavailable("421")
        if roll < 55:
            self._fault("451")
            raise Delayed("451")
        if roll < 75:
            self._fault("550")
            raise Rejected("550")
        if roll < 90:
            self._fault("hangs before DATA")
            self._wait(20)
            raise Unavailable("hangs")
        if roll < 105:
            self._fault("hangs after DATA")
            self._took(mail, answered=False)
            self._wait(20)
            raise Unavailable("hangs")
        if roll < 130:
            self._fault("drops after DATA")
            self._took(mail, answered=False)
            raise Unavailable("dropped")
        self._took(mail, answered=True)

    def close(self) -> None:
        """Nothing is kept open."""

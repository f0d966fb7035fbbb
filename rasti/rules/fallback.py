"""The walk down a ranking: who gets the leads, and who is skipped (R8, R9, D9)."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from rasti.rules.kinds import Skipped


@dataclass(frozen=True)
class Skip:
    """A ranked partner who does not get the leads, and why."""

    partner: str
    reason: Skipped


@dataclass(frozen=True)
class WalkResult:
    """Who was found (None: nobody is left, the ranking is exhausted) and who was passed."""

    partner: str | None
    place: int | None
    skipped: tuple[Skip, ...]


def walk_down(places: Sequence[tuple[int, str]], below: int, obstacle: Callable[[str], Skipped | None]) -> WalkResult:
    """The first partner strictly below a place with no obstacle; `below` 0 starts at place 1."""
    skipped: list[Skip] = []
    for place, partner in sorted(places):
        if place <= below:
            continue
        reason = obstacle(partner)
        if reason is None:
            return WalkResult(partner, place, tuple(skipped))
        skipped.append(Skip(partner, reason))
    return WalkResult(None, None, tuple(skipped))

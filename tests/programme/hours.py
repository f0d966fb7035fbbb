"""One lead at 10:00 and its three due times: where the tests of checkpoints start."""

from .papers import after
from .play import Play

START = "2019-09-03 10:00"
DUE = {"1h": after(START, hours=1), "3d": after(START, hours=72), "2w": after(START, hours=336)}


def arrived(play: Play) -> int:
    """A lead comes on a Tuesday at 10:00; the call window has been open since the tenure began."""
    return play.at(START).lead()


def past(play: Play, kind: str) -> Play:
    """A second after a due time, everything judged."""
    return play.at(after(DUE[kind], seconds=1)).settle()

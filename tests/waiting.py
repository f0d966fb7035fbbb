"""Waits for something to become true: a condition with a deadline, no fixed times."""

import time
from collections.abc import Callable
from typing import TypeVar

T = TypeVar("T")


def eventually(look: Callable[[], T], *, seconds: float = 60, what: str = "") -> T:
    """What `look` returns as soon as that is true; AssertionError after the deadline."""
    deadline = time.monotonic() + seconds
    while True:
        found = look()
        if found:
            return found
        if time.monotonic() > deadline:
            raise AssertionError(f"not within {seconds:.0f} s: {what or look}")
        time.sleep(0.1)

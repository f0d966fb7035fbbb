"""The step of the flow `sweep`."""

from datetime import timedelta

from rasti.steward import guard
from rasti.steward.guard import SweepReport
from tasks.opening import open_book
from tasks.step import step


@step("sweep")
def sweep() -> SweepReport:
    """One round of relay and guard, which leaves the guard's grace to the normal path."""
    book, settings = open_book()
    return guard.sweep(book, settings, grace=timedelta(seconds=settings.guard_grace))

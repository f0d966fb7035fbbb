"""Violations are acted on in the order of the instants at which their verdicts could first be given (D13).

Whoever changes the holder, or what a walk looks at, first checks under the locks that nothing before that instant is
left to be judged or acted on; if something is, the transaction is given up, that is done first, and the change begins
anew. So what is refused has written nothing (D12), and who holds the leads does not depend on when the guard ran.
"""

from collections.abc import Collection
from datetime import datetime

from sqlalchemy import ColumnElement, func
from sqlmodel import and_, col, or_, select

from models import Violation
from rasti.ledger.batches import FOUND
from rasti.ledger.book import Tx
from rasti.ledger.verdicts import undecided

# Rows of a version that did not store it: there it is when they were recorded.
occurred_at: ColumnElement[datetime] = func.coalesce(col(Violation.occurred_at), col(Violation.recorded_at))


class Unsettled(Exception):
    """Something that comes before a change is not judged or not acted on yet; never leaves
    `rasti.ledger.fallback.once_settled`."""

    def __init__(self, checkpoints: list[int], violations: list[int]) -> None:
        super().__init__(checkpoints, violations)
        self.checkpoints = checkpoints
        self.violations = violations


def check_settled(tx: Tx, *, before: Violation | None = None, among: Collection[int] = ()) -> None:
    """That all is judged and acted on that comes before a violation, or before now. `among`: violations (ids) that this
    transaction acts on itself, in their order. Raises Unsettled, which `rasti.ledger.fallback.once_settled` sees to.

    What could not be done (it was logged) is not waited for: one poison item must not stop the leads of a month.
    """
    instant = tx.now if before is None else place(before)[0]
    limit = FOUND + len(tx.book.tried)
    checkpoints = _untried(tx, "checkpoint", undecided(tx, instant, limit=limit))
    if checkpoints:
        raise Unsettled(checkpoints, [])
    statement = select(Violation.id).where(col(Violation.acted_at).is_(None))
    if before is not None:
        earlier = and_(occurred_at == instant, col(Violation.checkpoint_id) < before.checkpoint_id)
        statement = statement.where(or_(occurred_at < instant, earlier))
    unacted = tx.all(statement.order_by(occurred_at, col(Violation.checkpoint_id)).limit(limit + len(among)))
    others = _untried(tx, "violation", [violation for violation in unacted if violation not in among])
    if others:
        # With those of `among` that come before them: alone they would overtake these, which are known as tried.
        raise Unsettled([], [violation for violation in unacted if violation in among or violation in others])


def place(violation: Violation) -> tuple[datetime, int]:
    """Where a violation stands in the order in which they are acted on."""
    return violation.occurred_at or violation.recorded_at, violation.checkpoint_id


def _untried(tx: Tx, what: str, found: list[int]) -> list[int]:
    return [item for item in found if (what, item) not in tx.book.tried]

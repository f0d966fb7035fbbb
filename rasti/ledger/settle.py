"""Whatever ends or pauses an attempt, and every contact, first judges what is overdue (D12)."""

from collections.abc import Callable
from typing import TypeVar

from models import Lead
from rasti.ledger.book import Book, Lock, Tx
from rasti.ledger.fallback import act_on_lead, fall_back, unacted_of
from rasti.ledger.handover import hand_over_waiting
from rasti.ledger.leads import lock_lead
from rasti.ledger.verdicts import judge_overdue

Result = TypeVar("Result")


class _Overdue(Exception):
    """A violation of the lead has to be recorded and acted on before the change."""


def change_settled(book: Book, lead_id: int, change: Callable[[Tx, Lead], Result]) -> Result:
    """Run `change` in a transaction in which nothing of the lead is overdue and no violation is left to act on.

    What was overdue is judged and acted on first, as if that had come in time; so is what the change itself causes.
    A change that is refused writes nothing, not even that. Raises NotFound.
    """
    acted, rehearsed = False, False
    transition = change.__qualname__.partition(".")[0]  # the function in which the change is written
    while True:
        try:
            with book.write(transition) as tx:
                tx.lock(Lock.TENURE, shared=True)
                lead = lock_lead(tx, lead_id)
                judge_overdue(tx, lead)
                before = unacted_of(tx, lead)
                if before and not rehearsed:
                    raise _Overdue
                if not before:
                    result = change(tx, lead)
                    tx.session.flush()
                    after = unacted_of(tx, lead)
                    break
        except _Overdue:
            _rehearse(book, lead_id, change)
            rehearsed = True
            continue
        for violation_id in before:
            fall_back(book, violation_id)
            acted = True
    for violation_id in after:
        fall_back(book, violation_id)
    if acted or after:
        hand_over_waiting(book)
    return result


def _rehearse(book: Book, lead_id: int, change: Callable[[Tx, Lead], Result]) -> None:
    """Raise what `change` refuses once the lead is settled. Only what its own violations do to it can matter for that,
    so those of other leads, which come first in earnest (D13), are left out."""
    with book.rehearse() as tx:
        tx.lock(Lock.TENURE)
        lead = lock_lead(tx, lead_id)
        while True:
            judge_overdue(tx, lead)
            tx.session.flush()
            if not act_on_lead(tx, lead):
                break
        change(tx, lead)

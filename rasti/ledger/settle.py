"""Whatever ends or pauses an attempt, and every contact, first judges what is overdue (D12)."""

from collections.abc import Callable
from typing import TypeVar

from models import Lead
from rasti.ledger.book import Book, Lock, Tx
from rasti.ledger.fallback import fall_back, unacted_of
from rasti.ledger.handover import hand_over_waiting
from rasti.ledger.leads import lock_lead
from rasti.ledger.verdicts import judge_overdue

Result = TypeVar("Result")


def change_settled(book: Book, lead_id: int, change: Callable[[Tx, Lead], Result]) -> Result:
    """Run `change` in a transaction in which nothing of the lead is overdue and no violation is left to act on.

    What was overdue is judged and acted on first, as if that had come in time; so is what the change itself causes.
    Raises NotFound.
    """
    acted = False
    transition = change.__qualname__.partition(".")[0]  # the function in which the change is written
    while True:
        with book.write(transition) as tx:
            tx.lock(Lock.TENURE, shared=True)
            lead = lock_lead(tx, lead_id)
            judge_overdue(tx, lead)
            before = unacted_of(tx, lead)
            if not before:
                result = change(tx, lead)
                tx.session.flush()
                after = unacted_of(tx, lead)
                break
        for violation_id in before:
            fall_back(book, violation_id)
            acted = True
    for violation_id in after:
        fall_back(book, violation_id)
    if acted or after:
        hand_over_waiting(book)
    return result

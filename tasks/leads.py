"""Steps of a lead's way: hand over, judge, fall back. All of them find the work done when they come second."""

import time

from rasti.ledger import fallback, handover, verdicts
from rasti.ledger.fallback import FallBack
from rasti.ledger.handover import HandOver
from rasti.ledger.verdicts import Judgement
from tasks.opening import open_book
from tasks.step import step

CLOCK_SKEW = 10.0  # seconds by which Prefect's clock may be ahead of the database's


@step("hand over")
def hand_over(lead_id: int) -> HandOver:
    """Give the lead to the holder, if its turn has come (R7, R10, D16)."""
    return handover.hand_over(open_book()[0], lead_id)


@step("judge")
def judge(checkpoint_id: int) -> Judgement:
    """Give the verdict on a checkpoint (D12); a run that came a moment too early waits that moment."""
    book, _settings = open_book()
    judgement = verdicts.judge_checkpoint(book, checkpoint_id)
    if judgement.verdict is None and judgement.not_before is not None:
        with book.read() as tx:
            early = (judgement.not_before - tx.now).total_seconds()
        if early < CLOCK_SKEW:
            # Exactly at the due instant nothing is overdue yet: a verdict needs a moment more.
            time.sleep(max(0.0, early) + 0.01)
            judgement = verdicts.judge_checkpoint(book, checkpoint_id)
    return judgement


@step("fall back")
def fall_back(violation_id: int) -> FallBack:
    """Switch to the next partner, if the violation calls for it (R13, D13)."""
    return fallback.fall_back(open_book()[0], violation_id)


@step("hand over waiting leads")
def hand_over_waiting() -> list[int]:
    """Hand over the leads whose turn has come, paced (D16)."""
    return handover.hand_over_waiting(open_book()[0])

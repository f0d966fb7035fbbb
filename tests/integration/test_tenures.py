"""Who holds the leads: activation, fallback, switch, declining, suspension (R5, R8, R13, D8-D10, D13)."""

import pytest
from sqlmodel import col, select

from models import Attempt, Tenure
from rasti.errors import NotFound, Refused
from rasti.ledger.book import Book
from rasti.ledger.desk import assign_lead
from rasti.ledger.fallback import fall_back, violations_to_act_on
from rasti.ledger.tenures import activate, decline, resume, suspend, switch_holder
from rasti.ledger.verdicts import due_checkpoints, judge_checkpoint
from rasti.ledger.views import lead_view, status_view
from rasti.ledger.violations import list_violations, record_violation, reverse_violation
from rasti.rules.kinds import CheckpointKind, Skipped
from rasti.rules.month import Month
from tests.builders import (
    MONTH,
    SECOND,
    STRANGER,
    THIRD,
    WINNER,
    add_cast,
    add_partner,
    arrive,
    publish_places,
    receive,
    won_month,
)
from tests.clock import MovableClock

FIRST, THREE_DAYS, TWO_WEEKS = CheckpointKind


def holder(book: Book) -> object:
    return status_view(book)["holder"]


def judge_and_act(book: Book) -> int:
    """What runs and guard do; how many switches it made."""
    for checkpoint in due_checkpoints(book):
        judge_checkpoint(book, checkpoint)
    return sum(fall_back(book, violation).switched for violation in violations_to_act_on(book))


def test_the_winner_holds_the_leads_and_activating_again_changes_nothing(book: Book) -> None:
    won_month(book)
    before = status_view(book)
    again = activate(book, MONTH)
    assert (again.holder, again.activated_now) == (WINNER, False)
    assert status_view(book) == before


def test_activation_skips_with_reasons_also_below_the_announced_three(book: Book) -> None:
    """D9."""
    add_cast(book, not_ready=(SECOND,), suspended=(THIRD,))
    fourth = add_partner(book, "fourth")
    publish_places(book, places=(WINNER, SECOND, THIRD, fourth))
    decline(book, MONTH, WINNER, reason="busy")
    activation = activate(book, MONTH)
    assert activation.holder == fourth
    skipped = [(skip.partner, skip.reason) for skip in activation.skipped]
    assert skipped == [(WINNER, Skipped.DECLINED), (SECOND, Skipped.NOT_READY), (THIRD, Skipped.SUSPENDED)]
    assert activate(book, MONTH).skipped == activation.skipped


def test_what_cannot_be_activated_is_refused_and_nothing_changes(book: Book, clock: MovableClock) -> None:
    add_cast(book)
    with pytest.raises(Refused, match="not published"):
        activate(book, MONTH)
    publish_places(book)
    clock.set("2019-10-01 00:00")
    with pytest.raises(Refused, match="past"):
        activate(book, MONTH)
    assert holder(book) is None


def test_the_old_tenure_ends_with_the_next_activation_also_if_nobody_is_left(book: Book, clock: MovableClock) -> None:
    """D9."""
    won_month(book)
    clock.set("2019-10-01 00:05")
    assert holder(book) == WINNER  # leads before the activation still have a holder (D8)
    september = Month.parse("2019-09")
    publish_places(book, september, (SECOND,))
    decline(book, september, SECOND, reason="busy")
    assert activate(book, september).holder is None
    assert holder(book) is None
    assert not activate(book, september).activated_now


def test_five_neglected_leads_make_one_switch(book: Book, clock: MovableClock) -> None:
    """D13."""
    won_month(book)
    leads = [arrive(book, number) for number in range(1, 6)]
    for lead in leads:
        receive(book, lead)
    clock.advance(hours=1, seconds=1)
    assert judge_and_act(book) == 1
    assert holder(book) == SECOND
    assert [lead_view(book, lead)["state"] for lead in leads] == ["waiting"] * 5


def test_an_old_tenures_violation_makes_no_switch(book: Book, clock: MovableClock) -> None:
    """D13."""
    won_month(book)
    receive(book, arrive(book))
    switch_holder(book, SECOND, reason="asked")
    clock.advance(hours=1, seconds=1)
    assert judge_and_act(book) == 0
    assert holder(book) == SECOND


def test_a_violation_at_three_days_switches_and_the_lead_stays(book: Book, clock: MovableClock) -> None:
    """D13."""
    won_month(book)
    lead = arrive(book)
    receive(book, lead)
    record_violation(book, lead, THREE_DAYS, reason="the client says so")
    assert holder(book) == SECOND
    assert lead_view(book, lead)["state"] == "in_work"


def test_acting_twice_finds_the_work_done(book: Book, clock: MovableClock) -> None:
    won_month(book)
    lead = arrive(book)
    receive(book, lead)
    recorded = record_violation(book, lead, FIRST, reason="the client says so")
    again = fall_back(book, recorded.violation_id)
    assert (again.acted_now, again.switched, again.holder) == (False, False, SECOND)
    assert record_violation(book, lead, FIRST, reason="once more").violation_id == recorded.violation_id
    assert len(list_violations(book)) == 1


def test_a_violation_on_a_met_first_hour_counts_but_the_verdict_and_the_lead_stay(
    book: Book, clock: MovableClock
) -> None:
    """D13."""
    from rasti.ledger.contacts import log_contact
    from rasti.rules.bodies import parse_contact
    from tests.builders import contact_data

    won_month(book)
    lead = arrive(book)
    receive(book, lead)
    log_contact(book, lead, parse_contact(contact_data(happened_at=clock.now.isoformat())))
    clock.advance(hours=2)
    judge_and_act(book)
    record_violation(book, lead, FIRST, reason="a spot check")
    attempt = lead_view(book, lead)["attempts"][0]  # type: ignore[index]
    assert (attempt["checkpoints"][0]["verdict"], attempt["ended_at"]) == ("met", None)
    assert holder(book) == SECOND


def test_reversing_changes_no_holder_and_lets_the_partner_win_again(book: Book, clock: MovableClock) -> None:
    """D9, D13: reversed ones are not counted."""
    won_month(book)
    lead = arrive(book)
    receive(book, lead)
    violation = record_violation(book, lead, FIRST, reason="by mistake").violation_id
    assert reverse_violation(book, violation, reason="the call was made")
    assert not reverse_violation(book, violation, reason="again")
    assert holder(book) == SECOND
    publish_places(book, places=(WINNER, SECOND, THIRD), version=2)
    assert activate(book, MONTH, switch=True, reason="corrected").holder == WINNER


@pytest.mark.parametrize("acted_before", [True, False])
def test_reversing_one_that_nobody_has_acted_on_yet_comes_out_the_same(
    book: Book, clock: MovableClock, acted_before: bool
) -> None:
    """D13: the guard's timing does not decide who holds the leads."""
    won_month(book)
    lead = arrive(book)
    receive(book, lead)
    clock.advance(hours=1, seconds=10)
    [checkpoint] = due_checkpoints(book)
    violation = judge_checkpoint(book, checkpoint).violation_id  # and the run dies here
    assert violation is not None
    if acted_before:
        fall_back(book, violation)
    clock.advance(seconds=10)
    assert reverse_violation(book, violation, reason="the call was made")
    assert holder(book) == SECOND
    assert lead_view(book, lead)["state"] == "waiting"
    assert violations_to_act_on(book) == []


def test_an_unreversed_violation_skips_its_partner_in_a_switch(book: Book, clock: MovableClock) -> None:
    """D9."""
    won_month(book)
    lead = arrive(book)
    receive(book, lead)
    record_violation(book, lead, FIRST, reason="neglected")
    publish_places(book, places=(WINNER, THIRD, SECOND), version=2)
    activation = activate(book, MONTH, switch=True, reason="corrected")
    assert (activation.holder, activation.skipped[0].reason) == (THIRD, Skipped.VIOLATED)


def test_a_corrected_version_changes_the_holder_only_by_a_switch_with_a_reason(book: Book) -> None:
    """D5, D9."""
    won_month(book)
    publish_places(book, places=(SECOND, WINNER), version=2)
    assert activate(book, MONTH).holder == WINNER
    with pytest.raises(Refused, match="reason"):
        activate(book, MONTH, switch=True)
    assert activate(book, MONTH, switch=True, reason="corrected").holder == SECOND


def test_after_a_switch_to_a_partner_without_a_place_a_fallback_goes_below_the_lowest_that_held(book: Book) -> None:
    """D9."""
    won_month(book)
    decline(book, MONTH, WINNER, reason="busy")
    assert holder(book) == SECOND
    switch_holder(book, STRANGER, reason="asked")
    decline(book, MONTH, STRANGER, reason="too much")
    assert holder(book) == THIRD


def test_a_switch_to_the_present_holder_changes_nothing(book: Book) -> None:
    won_month(book)
    before = status_view(book)
    assert not switch_holder(book, WINNER, reason="asked")
    assert status_view(book) == before


def test_an_operator_may_name_one_who_declined_but_none_who_cannot_hold(book: Book) -> None:
    """D9."""
    won_month(book, not_ready=(THIRD,))
    decline(book, MONTH, WINNER, reason="busy")
    assert switch_holder(book, WINNER, reason="they changed their mind")
    suspend(book, SECOND, reason="a complaint")
    for partner in (SECOND, THIRD):
        with pytest.raises(Refused, match=partner):
            switch_holder(book, partner, reason="asked")
        with pytest.raises(Refused, match=partner):
            assign_lead(book, arrive(book), partner, reason="asked")
    with pytest.raises(NotFound, match="nobody"):
        switch_holder(book, "nobody", reason="asked")


def test_suspending_the_holder_moves_on_and_leads_in_work_stay(book: Book) -> None:
    """D10."""
    won_month(book)
    lead = arrive(book)
    assert suspend(book, WINNER, reason="a complaint") == SECOND
    assert lead_view(book, lead)["state"] == "in_work"
    assert resume(book, WINNER, reason="settled")
    assert not resume(book, WINNER, reason="settled")
    assert holder(book) == SECOND


def test_declining_before_the_activation_is_remembered(book: Book) -> None:
    add_cast(book)
    publish_places(book)
    decline(book, MONTH, WINNER, reason="busy")
    assert activate(book, MONTH).holder == SECOND


def test_an_assignment_to_another_partner_belongs_to_no_tenure(book: Book, clock: MovableClock) -> None:
    """D14: its violation switches nobody."""
    won_month(book)
    lead = arrive(book)
    assert assign_lead(book, lead, STRANGER, reason="they know the client")
    receive(book, lead)
    clock.advance(hours=1, seconds=1)
    assert judge_and_act(book) == 0
    assert holder(book) == WINNER
    assert lead_view(book, lead)["state"] == "waiting"


def test_a_clock_that_is_set_back_makes_no_two_tenures_overlap_D8(book: Book, clock: MovableClock) -> None:
    won_month(book)
    started = clock.now
    clock.advance(seconds=-30)
    decline(book, MONTH, WINNER, reason="holidays")
    with book.read() as tx:
        first, second = tx.all(select(Tenure).order_by(col(Tenure.id)))
    assert (first.started_at, first.ended_at, second.started_at) == (started, started, started)


def test_a_clock_that_is_set_back_makes_no_two_attempts_overlap_D11(book: Book, clock: MovableClock) -> None:
    won_month(book)
    lead = arrive(book)
    started = clock.now
    clock.advance(seconds=-30)
    assign_lead(book, lead, SECOND, reason="the client knows them")
    with book.read() as tx:
        first, second = tx.all(select(Attempt).order_by(col(Attempt.id)))
    assert (first.started_at, first.ended_at, second.started_at) == (started, started, started)

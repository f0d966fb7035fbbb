"""What a contact lacks to count (R12, D12)."""

from datetime import timedelta

import pytest

from rasti.rules.kinds import CHECKLISTS, ChecklistItem, CheckpointKind, ContactKind, Outcome
from rasti.rules.programme import Programme
from rasti.rules.regulation import ContactFact, Window
from rasti.rules.shortfall import Shortfall, shortfall, tasks_of
from tests.clock import moscow

START = moscow("2019-09-02 10:00")
WINDOWS = [
    Window(CheckpointKind.FIRST_HOUR, START, START + timedelta(hours=1)),
    Window(CheckpointKind.THREE_DAYS, START + timedelta(hours=24), START + timedelta(hours=72)),
]


def contact(number: int, minutes: int, kind: ContactKind, outcome: Outcome, *items: ChecklistItem) -> ContactFact:
    return ContactFact(number, START + timedelta(minutes=minutes), kind, outcome, frozenset(items))


def unanswered(number: int, minutes: int) -> ContactFact:
    return contact(number, minutes, ContactKind.CALL, Outcome.NO_ANSWER)


def lacks(programme: Programme, *contacts: ContactFact) -> Shortfall:
    """What the last of them lacks."""
    return shortfall(contacts[-1], WINDOWS, contacts, programme.rules[0])


@pytest.mark.parametrize("kind", list(CheckpointKind))
def test_the_tasks_are_the_checklist_in_the_order_of_a_call(kind: CheckpointKind) -> None:
    assert set(tasks_of(kind)) == CHECKLISTS[kind]
    assert tasks_of(kind)[0] is ChecklistItem.REACHED


def test_a_call_lacks_what_was_not_ticked(programme: Programme) -> None:
    items = tuple(tasks_of(CheckpointKind.FIRST_HOUR))
    call = contact(1, 5, ContactKind.CALL, Outcome.REACHED, *items[:3])
    assert lacks(programme, call) == Shortfall(CheckpointKind.FIRST_HOUR, items=items[3:])


def test_unanswered_calls_lack_the_second_call_and_the_message(programme: Programme) -> None:
    first = Shortfall(CheckpointKind.FIRST_HOUR, calls=1, next_call_at=START + timedelta(minutes=15), message=True)
    assert lacks(programme, unanswered(1, 5)) == first
    assert lacks(programme, unanswered(1, 5), unanswered(2, 14)) == first  # too soon
    assert lacks(programme, unanswered(1, 5), unanswered(2, 15)) == Shortfall(CheckpointKind.FIRST_HOUR, message=True)


def test_a_message_alone_lacks_both_calls_or_its_checklist(programme: Programme) -> None:
    message = contact(1, 5, ContactKind.MESSAGE, Outcome.NO_ANSWER)
    assert lacks(programme, message) == Shortfall(CheckpointKind.FIRST_HOUR, calls=2)


def test_after_a_contact_that_met_the_checkpoint_another_is_history(programme: Programme) -> None:
    met = contact(1, 5, ContactKind.CALL, Outcome.REACHED, *CHECKLISTS[CheckpointKind.FIRST_HOUR])
    assert lacks(programme, met, unanswered(2, 20)) == Shortfall(CheckpointKind.FIRST_HOUR, met_before=True)


def test_between_the_windows_a_contact_belongs_to_none(programme: Programme) -> None:
    assert lacks(programme, unanswered(1, 61)) == Shortfall(None)

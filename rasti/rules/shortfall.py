"""What a contact lacks to count, in facts that a page can say in words (R12, D12)."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from rasti.rules.kinds import CHECKLISTS, ChecklistItem, CheckpointKind, ContactKind, Outcome
from rasti.rules.programme import Rules
from rasti.rules.regulation import ContactFact, Window, credit, unanswered_calls, written_messages

# As a call goes.
CALL_ORDER = (
    ChecklistItem.REACHED,
    ChecklistItem.INTRODUCED,
    ChecklistItem.ABOUT_CLOUD_REQUEST,
    ChecklistItem.ASKED_HOW_TRIAL_GOES,
    ChecklistItem.ASKED_QUESTIONS,
    ChecklistItem.LEFT_CONTACTS,
)


@dataclass(frozen=True)
class Shortfall:
    """Why a contact met nothing; `kind`: the checkpoint in whose window it began, none: between the windows."""

    kind: CheckpointKind | None
    met_before: bool = False
    items: tuple[ChecklistItem, ...] = ()  # what the checklist lacks
    calls: int = 0  # unanswered calls that are still needed beside what there is
    next_call_at: datetime | None = None  # from when another unanswered call counts
    message: bool = False  # a message or mail is still needed


def tasks_of(kind: CheckpointKind) -> list[ChecklistItem]:
    """The checklist of a checkpoint, in the order of a call."""
    return [item for item in CALL_ORDER if item in CHECKLISTS[kind]]


def shortfall(
    contact: ContactFact, windows: Sequence[Window], contacts: Sequence[ContactFact], rules: Rules
) -> Shortfall:
    """What a logged contact that did not count lacks; `contacts`: all of its attempt, in any order."""
    window = next((window for window in windows if contact.began_at in window), None)
    if window is None:
        return Shortfall(None)
    inside = sorted((fact for fact in contacts if fact.began_at in window), key=lambda fact: (fact.began_at, fact.id))
    if window.kind in credit(windows, contacts, rules):
        return Shortfall(window.kind, met_before=True)
    unanswered = contact.outcome is Outcome.NO_ANSWER or contact.kind in (ContactKind.MESSAGE, ContactKind.EMAIL)
    if contact.outcome is Outcome.REACHED and not unanswered:
        return Shortfall(window.kind, items=_missing(contact, window.kind))
    calls = unanswered_calls(inside, rules)
    left = max(0, rules.no_answer.calls - len(calls))
    return Shortfall(
        window.kind,
        items=_missing(contact, window.kind) if contact.outcome is Outcome.REACHED else (),
        calls=left,
        next_call_at=calls[-1].began_at + rules.no_answer.apart if calls and left else None,
        message=not written_messages(inside),
    )


def _missing(contact: ContactFact, kind: CheckpointKind) -> tuple[ChecklistItem, ...]:
    return tuple(item for item in tasks_of(kind) if item not in contact.checklist)

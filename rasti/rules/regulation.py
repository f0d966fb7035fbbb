"""The regulation: when a clock starts, its windows, and what a contact is worth (R12, D11, D12).

A verdict depends on stored facts alone: on time, late, twice or in any order, it comes out the same.
"""

from collections.abc import Sequence, Set
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta

from rasti.rules.call_window import CallWindow
from rasti.rules.kinds import (
    CHECKLISTS,
    FINAL_OUTCOMES,
    ChecklistItem,
    CheckpointKind,
    ContactKind,
    Outcome,
    Verdict,
)
from rasti.rules.programme import Rules


@dataclass(frozen=True)
class Window:
    """The span of a checkpoint; both ends belong to it."""

    kind: CheckpointKind
    opens_at: datetime
    due_at: datetime

    def __contains__(self, instant: datetime) -> bool:
        return self.opens_at <= instant <= self.due_at


@dataclass(frozen=True)
class ContactFact:
    """A contact as stored: when it began by the server's clock and, once logged, what it was."""

    id: int
    began_at: datetime
    kind: ContactKind | None = None
    outcome: Outcome | None = None  # none: begun, not logged
    checklist: frozenset[ChecklistItem] = frozenset()
    logged_at: datetime | None = None


@dataclass(frozen=True)
class Judgement:
    """What can be said of a checkpoint now: a verdict, or the last instant at which there is none yet.

    `since`: the first instant at which this verdict could be given, whoever gives it when (D13).
    """

    verdict: Verdict | None
    pending_until: datetime | None
    since: datetime | None = None


def clock_start(received_at: datetime, tenure_started_at: datetime | None, window: CallWindow) -> datetime:
    """When the clock of an attempt starts: at reception, but not before the call window has been open once since the
    tenure began; without a tenure (assigned to another, D14) at reception (D11)."""
    if tenure_started_at is None:
        return received_at
    return max(received_at, window.opens_at_or_after(tenure_started_at))


def checkpoint_windows(
    received_at: datetime, starts_at: datetime, rules: Rules, call_window: CallWindow
) -> list[Window]:
    """The windows of an attempt, in order. One that opens with the clock opens already at reception (D12).

    Hours are elapsed ones, also over a night in which clocks are changed; with `call_window_applies: always` those of
    the first window are hours in which calls are made, and the later ones give way to it (D11).
    """
    starts_at = starts_at.astimezone(UTC)
    windows: list[Window] = []
    for kind, (opens, due) in rules.regulation.items():
        window = Window(kind, received_at if not opens else starts_at + opens, starts_at + due)
        if rules.call_window_applies == "always":
            if windows:
                window = _not_before(windows[-1].due_at, window, call_window)
            else:
                window = replace(window, due_at=call_window.add(starts_at, due))
        windows.append(window)
    return windows


def _not_before(due_before: datetime, window: Window, call_window: CallWindow) -> Window:
    """A later window opens no earlier than the one before it is due. Its own end stays where it is if calls are made
    then, else it is the end of the next span in which they are (D11)."""
    opens_at = max(window.opens_at, due_before)
    stays = window.due_at > opens_at and call_window.is_open(window.due_at)
    due_at = window.due_at if stays else call_window.closes_after(max(opens_at, window.due_at))
    return replace(window, opens_at=opens_at, due_at=due_at)


def credit(windows: Sequence[Window], contacts: Sequence[ContactFact], rules: Rules) -> dict[CheckpointKind, set[int]]:
    """Which contacts (ids) meet which checkpoint; one that is not met is left out. One contact, one checkpoint."""
    left = {contact.id: contact for contact in sorted(contacts, key=lambda fact: (fact.began_at, fact.id))}
    met: dict[CheckpointKind, set[int]] = {}
    for window in windows:
        inside = [contact for contact in left.values() if contact.began_at in window]
        counted = next(({fact.id} for fact in inside if _meets(fact, window.kind)), None) or _unanswered(inside, rules)
        if counted:
            met[window.kind] = counted
            left = {key: contact for key, contact in left.items() if key not in counted}
    return met


def _meets(contact: ContactFact, kind: CheckpointKind) -> bool:
    if contact.outcome in FINAL_OUTCOMES:
        return ChecklistItem.REACHED in contact.checklist
    return contact.outcome is Outcome.REACHED and contact.checklist >= CHECKLISTS[kind]


def _unanswered(contacts: Sequence[ContactFact], rules: Rules) -> set[int]:
    """Calls without an answer, far enough apart, plus a message or mail: the client did not pick up (D12)."""
    calls, written = unanswered_calls(contacts, rules), written_messages(contacts)
    if len(calls) < rules.no_answer.calls or not written:
        return set()
    return {contact.id for contact in [*calls[: rules.no_answer.calls], written[0]]}


def unanswered_calls(contacts: Sequence[ContactFact], rules: Rules) -> list[ContactFact]:
    """The calls nobody answered, each far enough from the one before (D12); contacts in order of time."""
    calls: list[ContactFact] = []
    for contact in contacts:
        is_call = contact.kind is ContactKind.CALL and contact.outcome is Outcome.NO_ANSWER
        if is_call and (not calls or contact.began_at - calls[-1].began_at >= rules.no_answer.apart):
            calls.append(contact)
    return calls


def written_messages(contacts: Sequence[ContactFact]) -> list[ContactFact]:
    """The messages and mails that stand beside unanswered calls (D12)."""
    return [
        contact
        for contact in contacts
        if contact.kind in (ContactKind.MESSAGE, ContactKind.EMAIL)
        and contact.outcome not in (None, Outcome.WRONG_CONTACT)
    ]


def judge(
    kind: CheckpointKind, windows: Sequence[Window], contacts: Sequence[ContactFact], rules: Rules, now: datetime
) -> Judgement:
    """The verdict on one checkpoint of an attempt. Exactly at the due instant nothing is overdue yet; a contact that
    began in the window and is still open is waited for, until its time to be completed is over (D12)."""
    window = next(window for window in windows if window.kind is kind)
    if now <= window.due_at:
        return Judgement(None, window.due_at)
    if kind in credit(windows, contacts, rules):
        return Judgement(Verdict.MET, None)
    begun = [fact.began_at for fact in _begun_in(window, contacts)]
    until = max(begun) + rules.completion if begun else None
    if until is not None and now <= until:
        return Judgement(None, until)
    return Judgement(Verdict.VIOLATED, None, violated_since(window, contacts, rules))


def violated_since(window: Window, contacts: Sequence[ContactFact], rules: Rules) -> datetime:
    """The first instant at which a violation could be stated: just after the due instant; if a contact begun in the
    window was open then, when it was completed, or just after its time for that was over (D12, D13)."""
    over = [window.due_at, *(fact.began_at + rules.completion for fact in _begun_in(window, contacts))]
    completed = [fact.logged_at for fact in contacts if fact.logged_at is not None and fact.began_at in window]
    return max([max(over) + timedelta.resolution, *completed])


def _begun_in(window: Window, contacts: Sequence[ContactFact]) -> list[ContactFact]:
    """The contacts that began in a window and were never completed."""
    return [fact for fact in contacts if fact.outcome is None and fact.began_at in window]


def completes(
    began_at: datetime,
    windows: Sequence[Window],
    outcome: Outcome,
    checklist: Set[ChecklistItem],
    *,
    left_open: bool = False,
) -> bool:
    """Whether a log completes the contact begun at `began_at`. One that reached the client and lacks a part of the
    checklist does not: the contact stays open, the next complete log completes it (D12).

    `left_open`: such a log was there before. Then the client was reached, and a call that nobody answers or a message
    is another contact: it must not use up the one that is waited for.
    """
    if left_open and outcome is Outcome.NO_ANSWER:
        return False
    return outcome is not Outcome.REACHED or not missing_items(began_at, windows, checklist)


def missing_items(began_at: datetime, windows: Sequence[Window], checklist: Set[ChecklistItem]) -> set[ChecklistItem]:
    """What the checklist of the window lacks in which a contact began; nothing between the windows."""
    window = next((window for window in windows if began_at in window), None)
    return set() if window is None else set(CHECKLISTS[window.kind] - checklist)


def is_still_open(began_at: datetime, now: datetime, completion: timedelta) -> bool:
    """Whether a begun contact may still be completed."""
    return now <= began_at + completion

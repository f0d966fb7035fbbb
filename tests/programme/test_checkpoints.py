"""Which contact meets which checkpoint: windows and checklists (R12, D12, D15)."""

import pytest

from .hours import DUE, START, arrived, past
from .papers import FIRST_CALL, FOLLOW_UP, after
from .play import Play
from .sandbox import ON_SQLITE


@pytest.mark.parametrize("seconds", [0, 1, 1800, 3600])
def test_a_complete_call_within_the_hour_meets_it_both_ends_included_D12(september: Play, seconds: int) -> None:
    lead = arrived(september)

    assert september.later(seconds=seconds).contact(lead, "ALFA") == {
        "lead": lead,
        "state": "in_work",
        "effect": "counted",
    }

    assert past(september, "1h").verdicts(lead) == {"1h": "met", "3d": None, "2w": None}
    assert september.violations() == []


def test_a_verdict_tells_when_and_who_gave_it(september: Play) -> None:
    lead = arrived(september)
    september.later(minutes=30).contact(lead, "ALFA")

    checkpoint = past(september, "1h").checkpoint(lead, "1h")

    assert checkpoint["judged_at"]
    assert checkpoint["judged_by"]
    assert checkpoint["violation"] is None


@ON_SQLITE
@pytest.mark.parametrize("kind", ["call", "email", "meeting", "message"])
def test_any_kind_of_contact_with_a_complete_checklist_counts_D12(september: Play, kind: str) -> None:
    lead = arrived(september)

    assert september.later(minutes=30).contact(lead, "ALFA", kind=kind)["effect"] == "counted"


@ON_SQLITE
@pytest.mark.parametrize("forgotten", FIRST_CALL)
def test_the_first_call_needs_all_of_its_checklist_R12(september: Play, forgotten: str) -> None:
    lead = arrived(september)

    incomplete = [item for item in FIRST_CALL if item != forgotten]
    assert september.later(minutes=30).contact(lead, "ALFA", checklist=incomplete)["effect"] == "kept"

    assert past(september, "1h").verdicts(lead, attempt=0)["1h"] == "violated"


@ON_SQLITE
@pytest.mark.parametrize("forgotten", FOLLOW_UP)
def test_a_follow_up_needs_all_of_its_own_checklist_R12(september: Play, forgotten: str) -> None:
    lead = arrived(september)
    september.later(minutes=30).contact(lead, "ALFA")

    incomplete = [item for item in FOLLOW_UP if item != forgotten]
    assert september.at(after(START, hours=30)).follow_up(lead, "ALFA", checklist=incomplete)["effect"] == "kept"

    assert past(september, "3d").verdicts(lead)["3d"] == "violated"


def test_the_checklist_of_the_first_call_is_not_that_of_a_follow_up_D12(september: Play) -> None:
    lead = arrived(september)
    assert september.later(minutes=30).follow_up(lead, "ALFA")["effect"] == "kept"
    assert september.later(minutes=5).contact(lead, "ALFA")["effect"] == "counted"

    assert september.at(after(START, hours=30)).contact(lead, "ALFA")["effect"] == "kept"


def test_the_items_of_two_contacts_do_not_add_up_D12(september: Play) -> None:
    lead = arrived(september)
    september.later(minutes=10).contact(lead, "ALFA", checklist=FIRST_CALL[:3])
    september.later(minutes=10).contact(lead, "ALFA", checklist=FIRST_CALL[3:])

    assert past(september, "1h").verdicts(lead, attempt=0)["1h"] == "violated"


@ON_SQLITE
@pytest.mark.parametrize(
    ("hours", "effect"),
    [(1.1, "kept"), (23.99, "kept"), (24, "counted"), (48, "counted"), (72, "counted"), (73, "kept"), (167.9, "kept")],
)
def test_a_follow_up_counts_only_in_the_window_of_three_days_D12(september: Play, hours: float, effect: str) -> None:
    lead = arrived(september)
    september.later(minutes=30).contact(lead, "ALFA")

    assert september.at(after(START, hours=hours)).follow_up(lead, "ALFA")["effect"] == effect

    assert past(september, "3d").verdicts(lead)["3d"] == ("met" if effect == "counted" else "violated")


@pytest.mark.parametrize(("hours", "verdict"), [(167.99, "violated"), (168, "met"), (336, "met")])
def test_a_follow_up_counts_only_in_the_window_of_two_weeks_D12(september: Play, hours: float, verdict: str) -> None:
    lead = arrived(september)
    september.later(minutes=30).contact(lead, "ALFA")
    september.at(after(START, hours=30)).follow_up(lead, "ALFA")

    september.at(after(START, hours=hours)).follow_up(lead, "ALFA")

    assert past(september, "2w").verdicts(lead) == {"1h": "met", "3d": "met", "2w": verdict}


def test_three_contacts_in_the_first_hour_do_not_meet_the_follow_ups_D12(september: Play) -> None:
    lead = arrived(september)
    september.later(minutes=10).contact(lead, "ALFA")
    everything = sorted({*FIRST_CALL, *FOLLOW_UP})
    for _ in range(2):
        september.later(minutes=10).contact(lead, "ALFA", checklist=everything)

    assert past(september, "2w").verdicts(lead) == {"1h": "met", "3d": "violated", "2w": "violated"}


def test_exactly_at_the_due_instant_nothing_is_overdue_yet_D12(september: Play) -> None:
    lead = arrived(september)

    september.at(DUE["1h"]).settle()
    assert september.verdicts(lead)["1h"] is None
    assert september.status()["overdue"] == 0
    assert september.contact(lead, "ALFA")["effect"] == "counted"


def test_a_second_after_the_due_instant_it_is_overdue_and_judged_D12(september: Play) -> None:
    lead = arrived(september)
    september.at(after(DUE["1h"], seconds=1))
    assert september.status()["overdue"] == 1

    report = september.sweep()

    assert (report["judged"], report["violations"], report["switches"]) == (1, 1, 1)
    assert september.verdicts(lead, attempt=0)["1h"] == "violated"
    assert september.status()["overdue"] == 0


def test_a_contact_first_judges_what_is_overdue_D12_D15(september: Play) -> None:
    """Nobody swept: the late contact itself finds the hour violated, which ends the attempt."""
    lead = arrived(september)

    answer = september.at(after(DUE["1h"], seconds=1)).contact(lead, "ALFA")

    assert answer["effect"] == "after_end"
    assert september.verdicts(lead, attempt=0) == {"1h": "violated", "3d": "void", "2w": "void"}
    assert len(september.violations()) == 1
    assert september.settle().holder() == "BETA"


def test_a_late_follow_up_is_kept_for_the_lead_stays_D12_D13(september: Play) -> None:
    lead = arrived(september)
    september.later(minutes=30).contact(lead, "ALFA")

    assert september.at(after(DUE["3d"], seconds=1)).follow_up(lead, "ALFA")["effect"] == "kept"

    assert september.settle().verdicts(lead) == {"1h": "met", "3d": "violated", "2w": None}
    assert september.attempts(lead) == [("ALFA", None)]

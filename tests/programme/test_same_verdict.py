"""A verdict depends on stored facts alone: on time, late, twice or in any order, it comes out the same (D12)."""

from collections.abc import Callable

import pytest

from .papers import FIRST_CALL, moscow
from .play import Play

START = "2019-09-03 10:00"

ON_TIME = [
    *("2019-09-03 10:59", "2019-09-03 11:00", "2019-09-03 11:00:01", "2019-09-03 11:05", "2019-09-03 11:15:01"),
    *("2019-09-06 10:00:01", "2019-09-06 10:15:01", "2019-09-17 10:00:01", "2019-09-17 10:15:01"),
]


def handled(play: Play, lead: int) -> None:
    play.at("2019-09-03 10:30").contact(lead, "ALFA")
    play.at("2019-09-04 12:00").follow_up(lead, "ALFA")
    play.at("2019-09-11 12:00").follow_up(lead, "ALFA")


def begun_in_time(play: Play, lead: int) -> None:
    play.at("2019-09-03 10:59").calling(lead, "ALFA")
    play.at("2019-09-03 11:10").contact(lead, "ALFA")
    play.at("2019-09-06 10:00").calling(lead, "ALFA")
    play.at("2019-09-06 10:14").follow_up(lead, "ALFA")


def begun_in_time_and_given_up(play: Play, lead: int) -> None:
    play.at("2019-09-03 10:59").calling(lead, "ALFA")


def not_picked_up(play: Play, lead: int) -> None:
    play.at("2019-09-03 10:10").no_answer(lead, "ALFA")
    play.at("2019-09-03 10:20").no_answer(lead, "ALFA")
    play.at("2019-09-03 10:21").no_answer(lead, "ALFA", kind="message")
    play.at("2019-09-06 09:00").follow_up(lead, "ALFA")


def neglected(play: Play, lead: int) -> None:
    play.at("2019-09-03 10:30").contact(lead, "ALFA", checklist=FIRST_CALL[:4])


def forgotten_after_three_days(play: Play, lead: int) -> None:
    play.at("2019-09-03 10:30").contact(lead, "ALFA")


STORIES: dict[str, tuple[Callable[[Play, int], None], dict[str, str]]] = {
    "handled": (handled, {"1h": "met", "3d": "met", "2w": "met"}),
    "begun in time": (begun_in_time, {"1h": "met", "3d": "met", "2w": "violated"}),
    "begun in time and given up": (begun_in_time_and_given_up, {"1h": "violated", "3d": "void", "2w": "void"}),
    "not picked up": (not_picked_up, {"1h": "met", "3d": "met", "2w": "violated"}),
    "neglected": (neglected, {"1h": "violated", "3d": "void", "2w": "void"}),
    "forgotten": (forgotten_after_three_days, {"1h": "met", "3d": "violated", "2w": "violated"}),
}

LATE = ["2019-09-29 12:00"]


class Guarded(Play):
    """A play in which a guard sweeps at given instants, between the steps of the story or after its end."""

    def __init__(self, play: Play, sweeps: list[str]) -> None:
        super().__init__(play.sandbox)
        self.sweeps = list(sweeps)

    def at(self, text: str) -> Play:
        while self.sweeps and moscow(self.sweeps[0]) <= moscow(text):
            super().at(self.sweeps.pop(0)).sweep()
        return super().at(text)

    def sweep_the_rest(self) -> None:
        for text in self.sweeps:
            super().at(text).sweep()


SCHEDULES = {
    "on time": ON_TIME,
    "twice": [text for text in ON_TIME for _ in range(2)],
    "late": LATE,
    "late and twice": LATE * 2,
    "out of order": ["2019-09-29 12:00", "2019-09-17 10:00:01", "2019-09-03 11:00:01", "2019-09-06 10:00:01"],
    "backwards before the last": ["2019-09-03 11:15:01", "2019-09-03 10:59", "2019-09-29 12:00"],
}


ON_BOTH = [
    *(pytest.param("sqlite", schedule, id=f"sqlite-{name}") for name, schedule in SCHEDULES.items()),
    pytest.param("postgres", SCHEDULES["out of order"], id="postgres-out of order", marks=pytest.mark.postgres),
]


@pytest.mark.parametrize(("stage", "schedule"), ON_BOTH, indirect=["stage"])
@pytest.mark.parametrize(("tell", "verdicts"), STORIES.values(), ids=STORIES.keys())
def test_the_verdict_is_the_same_whenever_it_is_given_D12(
    september: Play, tell: Callable[[Play, int], None], verdicts: dict[str, str], schedule: list[str]
) -> None:
    guarded = Guarded(september, schedule)
    lead = guarded.at(START).lead()
    tell(guarded, lead)
    guarded.sweep_the_rest()

    september.at("2019-09-29 13:00").settle()

    assert september.verdicts(lead, attempt=0) == verdicts
    own = [entry["checkpoint"] for entry in september.violations() if entry["partner"] == "ALFA"]
    assert sorted(own) == sorted(kind for kind, verdict in verdicts.items() if verdict == "violated")


def test_the_verdict_is_the_same_when_the_next_contact_and_no_sweep_gives_it_D12(september: Play) -> None:
    lead = september.at(START).lead()
    september.at("2019-09-03 10:30").contact(lead, "ALFA")

    assert september.at("2019-09-12 12:00").follow_up(lead, "ALFA")["effect"] == "counted"  # for the two weeks

    assert september.verdicts(lead)["3d"] == "violated"
    assert september.at("2019-09-20 12:00").settle().verdicts(lead) == {"1h": "met", "3d": "violated", "2w": "met"}


def test_closing_first_judges_what_is_overdue_D12(september: Play) -> None:
    lead = september.at(START).lead()

    september.at("2019-09-03 11:30").close_lead(lead)

    assert september.verdicts(lead, attempt=0)["1h"] == "violated"
    assert september.settle().holder() == "BETA"


def test_closing_in_time_voids_what_is_open_D12_D14(september: Play) -> None:
    lead = september.at(START).lead()

    september.at("2019-09-03 10:30").close_lead(lead)

    assert september.at("2019-09-29 12:00").settle().verdicts(lead) == {"1h": "void", "3d": "void", "2w": "void"}
    assert september.violations() == []
    assert september.attempts(lead) == [("ALFA", "closed")]


def test_assigning_first_judges_what_is_overdue_D12(september: Play) -> None:
    lead = september.at(START).lead()

    september.at("2019-09-03 11:30").assign(lead, "GAMMA")

    assert september.verdicts(lead, attempt=0)["1h"] == "violated"
    assert september.attempts(lead)[-1] == ("GAMMA", None)
    assert september.settle().holder() == "BETA"


def test_an_instant_before_the_due_time_judges_nothing_though_a_later_one_did_D12(september: Play) -> None:
    """The guard ran on a clock that was fast for another lead; this lead's own hour has not come."""
    first = september.at(START).lead()
    september.at("2019-09-03 11:00:01").settle()
    later = september.at("2019-09-03 10:50").lead()

    september.at("2019-09-03 10:55").settle()

    assert september.verdicts(first, attempt=0)["1h"] == "violated"
    assert september.verdicts(later)["1h"] is None

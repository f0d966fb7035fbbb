"""The programme once more, on plain lists and dicts, one thing at a time: slow, obvious, written from the rules.

It knows no database, no lock and none of the code of `rasti`: where the two disagree, one of them is wrong.
"""

from collections.abc import Callable
from copy import deepcopy
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any, NoReturn
from zoneinfo import ZoneInfo

MOSCOW = ZoneInfo("Europe/Moscow")
HOUR, QUARTER, INSTANT = timedelta(hours=1), timedelta(minutes=15), timedelta(microseconds=1)
WINDOWS = {"1h": (0 * HOUR, 1 * HOUR), "3d": (24 * HOUR, 72 * HOUR), "2w": (168 * HOUR, 336 * HOUR)}
FIRST_CALL = {"reached", "introduced", "about_cloud_request", "asked_questions", "left_contacts"}
FOLLOW_UP = {"reached", "asked_how_trial_goes", "asked_questions"}
FINAL = ("refused", "bought", "do_not_call")

Row = dict[str, Any]


class Refusal(Exception):
    """A rule says no; nothing of this step was written (`attempted` sees to it)."""


def refuse() -> NoReturn:
    raise Refusal


def month_of(instant: datetime) -> str:
    return f"{instant.astimezone(MOSCOW):%Y-%m}"


def shift(month: str, by: int) -> str:
    year, index = divmod(int(month[:4]) * 12 + int(month[5:]) - 1 + by, 12)
    return f"{year:04d}-{index + 1:02d}"


def is_called_then(instant: datetime) -> bool:
    return 9 <= instant.astimezone(MOSCOW).hour < 20


def next_calls(instant: datetime) -> datetime:
    """The first instant, not before this one, at which partners call."""
    if is_called_then(instant):
        return instant
    local = instant.astimezone(MOSCOW)
    nine = local.replace(hour=9, minute=0, second=0, microsecond=0)
    return nine if local < nine else nine + timedelta(days=1)


@dataclass
class World:
    """All that is stored."""

    partners: dict[str, Row] = field(default_factory=dict)
    rankings: list[Row] = field(default_factory=list)
    declined: set[tuple[str, str]] = field(default_factory=set)
    walks: list[Row] = field(default_factory=list)
    tenures: list[Row] = field(default_factory=list)
    leads: dict[int, Row] = field(default_factory=dict)
    attempts: list[Row] = field(default_factory=list)
    violations: list[Row] = field(default_factory=list)
    warned: set[tuple[int, str]] = field(default_factory=set)  # lead and partner whose word the operators were told


class Referee:
    """Says what must be true after each step."""

    def __init__(self, *, first_month: str, last_month: str, drain_per_hour: int) -> None:
        self.first_month, self.last_month, self.drain_per_hour = first_month, last_month, drain_per_hour
        self.world = World()
        self.now = datetime.now(MOSCOW)
        self.points = 0  # how many checkpoints were made: at one instant they are judged in that order

    def attempted(self, step: Callable[[], Any]) -> Any:
        """Do a step; if it is refused, nothing of it is left, not even a verdict that it found overdue (D12)."""
        before, points = deepcopy(self.world), self.points
        try:
            return step()
        except Refusal:
            self.world, self.points = before, points
            raise

    # --- what is so now

    def is_over(self) -> bool:
        return month_of(self.now) > shift(self.last_month, 1)

    def open_tenure(self) -> Row | None:
        found = [tenure for tenure in self.world.tenures if tenure["ended"] is None]
        return found[0] if found and not self.is_over() else None

    def number_of(self, tenure: Row) -> int:
        return next(number for number, other in enumerate(self.world.tenures) if other is tenure)

    def attempts_of(self, lead: int) -> list[Row]:
        return [attempt for attempt in self.world.attempts if attempt["lead"] == lead]

    def open_attempt(self, lead: int) -> Row | None:
        return next((attempt for attempt in self.attempts_of(lead) if attempt["ended"] is None), None)

    def violation_of(self, attempt: Row, kind: str) -> Row | None:
        key = (attempt["lead"], attempt["number"], kind)
        return next((violation for violation in self.world.violations if violation["key"] == key), None)

    def to_act_on(self, lead: int | None = None) -> list[Row]:
        """In the order of the instants at which their verdicts could first be given (D13)."""
        todo = [v for v in self.world.violations if not v["acted"] and lead in (None, v["key"][0])]
        return sorted(todo, key=lambda violation: violation["since"])

    def cannot_hold(self, partner: str) -> str | None:
        state = self.world.partners[partner]
        return "not_ready" if not state["ready"] else "suspended" if state["suspended"] else None

    def is_met(self, attempt: Row, kind: str) -> bool:
        """D12, on the stored contacts alone."""
        point = attempt["points"][kind]
        inside = [c for c in attempt["contacts"] if point["opens"] <= c["began"] <= point["due"] and not c["after_end"]]
        wanted = FIRST_CALL if kind == "1h" else FOLLOW_UP
        reached = [c for c in inside if c["outcome"] == "reached" and wanted <= set(c["items"])]
        ended = [c for c in inside if c["outcome"] in FINAL and "reached" in c["items"]]
        rung = [c["began"] for c in inside if c["outcome"] == "no_answer" and c["kind"] == "call"]
        written = [
            c for c in inside if c["kind"] in ("message", "email") and c["outcome"] not in (None, "wrong_contact")
        ]
        twice = bool(rung) and max(rung) - min(rung) >= timedelta(minutes=10)
        return bool(reached or ended or (twice and written))

    def is_waited_for(self, attempt: Row, kind: str, instant: datetime | None = None) -> bool:
        """A contact that began in the window may still be completed."""
        point = attempt["points"][kind]
        return any(
            point["opens"] <= c["began"] <= point["due"] and (instant or self.now) <= c["began"] + QUARTER
            for c in attempt["contacts"]
            if c["outcome"] is None
        )

    def due(self, instant: datetime | None = None) -> set[tuple[int, int, str]]:
        """Checkpoints whose verdict could be given at that instant, or now."""
        at = instant or self.now
        return {
            (attempt["lead"], attempt["number"], kind)
            for attempt in self.world.attempts
            if attempt["ended"] is None
            for kind, point in attempt["points"].items()
            if point["verdict"] is None and at > point["due"] and not self.is_waited_for(attempt, kind, at)
        }

    def violated_since(self, attempt: Row, kind: str) -> datetime:
        """Right after the due time, or when a contact that began in the window was completed, or right after its
        quarter of an hour (D12, D13)."""
        point = attempt["points"][kind]
        since = point["due"] + INSTANT
        for contact in attempt["contacts"]:
            if point["opens"] <= contact["began"] <= point["due"]:
                since = max(since, contact["logged"] or contact["began"] + QUARTER + INSTANT)
        return since

    def settle(self, until: tuple[datetime, int] | None = None) -> None:
        """Judge what could be judged by then, and act on the violations before, one after the other (D13)."""
        for lead in sorted({key[0] for key in self.due(until[0] if until else None)}):
            self.judge(lead)
        while todo := [v for v in self.to_act_on() if until is None or v["since"] < until]:
            self.act_on(todo[0])

    # --- who holds the leads

    def walk(
        self, lead_month: str, ranking: int, below: int = 0, because: Row | None = None
    ) -> tuple[str | None, int | None, list[Any]]:
        """`because`: the violation for which it is done; it looks at those before that one only (D13)."""
        skipped = []
        for place, partner in enumerate(self.world.rankings[ranking]["places"], start=1):
            if place > below:
                why = self.obstacle(lead_month, partner, because)
                if why is None:
                    return partner, place, skipped
                skipped.append((partner, why))
        return None, None, skipped

    def obstacle(self, lead_month: str, partner: str, because: Row | None) -> str | None:
        if (lead_month, partner) in self.world.declined:
            return "declined"
        violated = any(
            v["partner"] == partner
            and not v["reversed"]
            and (because is None or self.is_before(v, because))
            and lead_month in (month_of(v["since"][0]), self._month_of_tenure(v))
            for v in self.world.violations
        )
        return self.cannot_hold(partner) or ("violated" if violated else None)

    def is_before(self, violation: Row, other: Row) -> bool:
        """At one instant it is the one that was acted on first."""
        same = violation["since"][0] == other["since"][0]
        return bool(violation["acted"] if same else violation["since"] < other["since"])

    def _month_of_tenure(self, violation: Row) -> str | None:
        tenure = self.attempt(*violation["key"][:2])["tenure"]
        return None if tenure is None else str(self.world.tenures[tenure]["month"])

    def start_tenure(self, partner: str, month: str, ranking: int, place: int | None) -> None:
        tenure = {"partner": partner, "month": month, "ranking": ranking, "place": place}
        self.world.tenures.append(tenure | {"started": self.now, "ended": None, "why": None})

    def end_tenure(self, tenure: Row, why: str) -> None:
        tenure["ended"], tenure["why"] = self.now, why

    def look_for_holder(self, month: str, ranking: int, below: int = 0, because: Row | None = None) -> None:
        partner, place, skipped = self.walk(month, ranking, below, because)
        self.world.walks.append({"month": month, "ranking": ranking, "holder": partner, "skipped": skipped})
        if partner is not None:
            self.start_tenure(partner, month, ranking, place)

    def move_on(self, tenure: Row, why: str, because: Row | None = None) -> None:
        of_month = [t for t in self.world.tenures if t["month"] == tenure["month"]]
        held = [t["place"] for t in of_month if t["ranking"] == tenure["ranking"] and t["place"]]
        if not held:  # by this version nobody did yet: the places that those have in it who held by another
            places = self.world.rankings[tenure["ranking"]]["places"]
            held = [places.index(t["partner"]) + 1 for t in of_month if t["partner"] in places]
        below = tenure["place"] or max(held, default=0)
        self.end_tenure(tenure, why)
        self.look_for_holder(tenure["month"], tenure["ranking"], below, because)

    def publish(self, month: str, places: list[str]) -> None:
        self.world.rankings.append({"month": month, "places": places})

    def activate(self, month: str, *, switch: bool) -> None:
        if not self.first_month <= month <= self.last_month or month_of(self.now) != shift(month, 1):
            refuse()
        published = [i for i, ranking in enumerate(self.world.rankings) if ranking["month"] == month]
        if not published:
            refuse()
        lead_month, ranking = shift(month, 1), published[-1]
        known = any(walk["month"] == lead_month for walk in self.world.walks)
        if known and not switch:
            return
        self.settle()
        tenure = self.open_tenure()
        partner, place, _skipped = self.walk(lead_month, ranking)
        if tenure and tenure["month"] == lead_month and partner == tenure["partner"]:
            tenure |= {"ranking": ranking, "place": place}
            return
        if tenure:
            self.end_tenure(tenure, "switched" if known else "next_month")
        self.look_for_holder(lead_month, ranking)

    def decline(self, month: str, partner: str) -> None:
        lead_month = shift(month, 1)
        if not self.first_month <= month <= self.last_month or month_of(self.now) > lead_month:
            refuse()
        self.settle()
        self.world.declined.add((lead_month, partner))
        tenure = self.open_tenure()
        if tenure and tenure["partner"] == partner and tenure["month"] == lead_month:
            self.move_on(tenure, "declined")

    def suspend(self, partner: str) -> None:
        self.settle()
        self.world.partners[partner]["suspended"] = True
        tenure = self.open_tenure()
        if tenure and tenure["partner"] == partner:
            self.move_on(tenure, "suspended")

    def resume(self, partner: str) -> None:
        self.settle()
        self.world.partners[partner]["suspended"] = False

    def switch(self, partner: str) -> None:
        if self.cannot_hold(partner) or self.is_over() or not self.world.walks:
            refuse()
        self.settle()
        tenure = self.open_tenure()
        month = (tenure or self.world.walks[-1])["month"]
        published = [i for i, ranking in enumerate(self.world.rankings) if ranking["month"] == shift(month, -1)][-1]
        places = self.world.rankings[published]["places"]
        place = places.index(partner) + 1 if partner in places else None
        if tenure and tenure["partner"] == partner:
            tenure |= {"ranking": published, "place": place}
            return
        if tenure:
            self.end_tenure(tenure, "switched")
        self.world.walks.append({"month": month, "ranking": published, "holder": partner, "skipped": []})
        self.start_tenure(partner, month, published, place)

    def end_programme(self) -> None:
        for tenure in self.world.tenures:
            if tenure["ended"] is None and self.is_over():
                year, month = map(int, shift(self.last_month, 2).split("-"))
                tenure["ended"], tenure["why"] = datetime(year, month, 1, tzinfo=MOSCOW), "programme_ended"

    # --- leads

    def attempt(self, lead: int, number: int) -> Row:
        return self.attempts_of(lead)[number - 1]

    def arrive(self, lead: int, client: int, requested: datetime) -> None:
        recent = {
            other["root"] or key
            for key, other in self.world.leads.items()
            if other["client"] == client and other["arrived"] >= self.now - timedelta(days=30)
        }
        in_hand = [key for key in sorted(recent) if self.world.leads[key]["state"] in ("waiting", "in_work", "paused")]
        row = {"client": client, "requested": requested, "arrived": self.now, "why": None, "moved": None, "root": None}
        self.world.leads[lead] = row | {"state": "waiting"}
        if self.is_over():
            self.world.leads[lead]["state"] = "out_of_programme"
        elif in_hand:
            self.world.leads[lead] |= {"state": "attached", "root": in_hand[0]}
        elif tenure := self.open_tenure():
            self.start_attempt(lead, tenure["partner"], self.number_of(tenure), "new")

    def start_attempt(self, lead: int, partner: str, tenure: int | None, origin: str) -> None:
        self.world.leads[lead] |= {"state": "in_work", "why": None, "moved": None}
        row = {"lead": lead, "number": len(self.attempts_of(lead)) + 1, "partner": partner, "tenure": tenure}
        row |= {"origin": origin, "started": self.now, "received": None, "ended": None, "why": None}
        self.world.attempts.append(row | {"points": {}, "contacts": []})

    def receive(self, attempt: Row) -> None:
        if attempt["received"] or attempt["ended"]:
            return
        attempt["received"] = start = self.now
        if attempt["tenure"] is not None:
            start = max(start, next_calls(self.world.tenures[attempt["tenure"]]["started"]))
        for kind, (opens, due) in WINDOWS.items():
            begin = self.now if kind == "1h" else start + opens
            self.points += 1
            point = {"opens": begin, "due": start + due, "verdict": None, "id": self.points}
            attempt["points"][kind] = point

    def open_lead(self, lead: int, partner: str) -> None:
        attempt = self.open_attempt(lead)
        if attempt is None or attempt["partner"] != partner:
            refuse()
        self.receive(attempt)

    def end_attempt(self, attempt: Row, why: str) -> None:
        """What is stored may meet a checkpoint already; what is left open is void (D14)."""
        attempt["ended"], attempt["why"] = self.now, why
        for kind, point in attempt["points"].items():
            point["verdict"] = point["verdict"] or ("met" if self.is_met(attempt, kind) else "void")

    def pause(self, lead: int, why: str) -> None:
        if attempt := self.open_attempt(lead):
            self.end_attempt(attempt, "paused")
        self.world.leads[lead] |= {"state": "paused", "why": why, "moved": None}

    def close(self, lead: int) -> None:
        if attempt := self.open_attempt(lead):
            self.end_attempt(attempt, "closed")
        self.world.leads[lead] |= {"state": "closed", "why": None, "moved": None}

    def hand_over_waiting(self) -> list[int]:
        done = []
        while True:
            queue = sorted(
                (lead["moved"] is None, lead["requested"], key)
                for key, lead in self.world.leads.items()
                if lead["state"] == "waiting"
            )
            hour = [a for a in self.world.attempts if a["origin"] == "waited" and a["started"] > self.now - HOUR]
            tenure = self.open_tenure()
            if not queue or tenure is None or not is_called_then(self.now) or len(hour) >= self.drain_per_hour:
                return done
            lead = queue[0][2]
            automatic = [attempt for attempt in self.attempts_of(lead) if attempt["origin"] != "assigned"]
            if len(automatic) >= 2:
                self.pause(lead, "attempts_used")
            elif any(a["partner"] == tenure["partner"] and a["why"] == "moved" for a in automatic):
                self.pause(lead, "would_return")
            else:
                self.start_attempt(lead, tenure["partner"], self.number_of(tenure), "waited")
                done.append(lead)

    # --- the regulation

    def judge(self, lead: int) -> None:
        attempt = self.open_attempt(lead)
        if attempt is None or not attempt["points"]:
            return
        for kind, point in attempt["points"].items():
            if point["verdict"] is None and self.now > point["due"]:
                if self.is_met(attempt, kind):
                    point["verdict"] = "met"
                elif not self.is_waited_for(attempt, kind):
                    point["verdict"] = "violated"
                    self.violate(attempt, kind, "checkpoint", self.violated_since(attempt, kind))
            violation = self.violation_of(attempt, kind)
            moves = kind == "1h" and point["verdict"] == "violated"
            if moves and violation and not violation["acted"]:
                return
        self.close_when_done(attempt)

    def close_when_done(self, attempt: Row) -> None:
        if all(point["verdict"] for point in attempt["points"].values()):
            self.close(attempt["lead"])

    def violate(self, attempt: Row, kind: str, source: str, since: datetime) -> None:
        key = (attempt["lead"], attempt["number"], kind)
        row = {"key": key, "partner": attempt["partner"], "source": source, "at": self.now}
        row["since"] = since, attempt["points"][kind]["id"]
        self.world.violations.append(row | {"acted": False, "reversed": False})

    def fall_back(self, violation: Row) -> None:
        if not violation["acted"]:
            self.settle(violation["since"])
            self.act_on(violation)

    def act_on(self, violation: Row) -> None:
        violation["acted"] = True
        lead, number, kind = violation["key"]
        attempt, tenure = self.attempt(lead, number), self.open_tenure()
        if tenure and attempt["tenure"] == self.number_of(tenure):
            self.move_on(tenure, "violated", violation)
        if kind != "1h" or attempt["points"]["1h"]["verdict"] != "violated" or attempt["ended"]:
            return
        if len([a for a in self.attempts_of(lead) if a["origin"] != "assigned"]) >= 2:
            self.pause(lead, "attempts_used")
        else:
            self.end_attempt(attempt, "moved")
            self.world.leads[lead] |= {"state": "waiting", "moved": self.now}

    def settled(self, lead: int, change: Any) -> Any:
        """What is overdue comes first, as if it had come in time; then the change, with what it causes (D12)."""
        acted = False
        while True:
            self.judge(lead)
            if not (todo := self.to_act_on(lead)):
                break
            for violation in todo:
                self.fall_back(violation)
            acted = True
        result = change()
        for violation in self.to_act_on(lead):
            self.fall_back(violation)
            acted = True
        if acted:
            self.hand_over_waiting()
        return result

    def last_attempt_of(self, lead: int, partner: str) -> Row:
        held = [attempt for attempt in self.attempts_of(lead) if attempt["partner"] == partner]
        return held[-1] if held else refuse()

    def begun(self, attempt: Row) -> Row | None:
        waits = [c for c in attempt["contacts"] if c["outcome"] is None and self.now <= c["began"] + QUARTER]
        return waits[0] if waits else None

    def new_contact(self) -> Row:
        empty = {"kind": None, "outcome": None, "items": [], "after_end": False}
        return empty | {"began": self.now, "logged": None}

    def is_complete(self, attempt: Row, contact: Row, outcome: str, items: list[str]) -> bool:
        """Who reached the client ticks all of the list of the window in which the contact began (D12). Once a log that
        did not has left it open, only a complete log (or a word that ends or pauses the follow-up) completes it."""
        number = next(i for i, other in enumerate(attempt["contacts"]) if other is contact)
        if outcome == "no_answer" and attempt["contacts"][number + 1 :]:
            return False
        for kind, point in attempt["points"].items():
            if point["opens"] <= contact["began"] <= point["due"]:
                return outcome != "reached" or (FIRST_CALL if kind == "1h" else FOLLOW_UP) <= set(items)
        return True

    def begin(self, lead: int, partner: str) -> None:
        def change() -> None:
            attempt = self.last_attempt_of(lead, partner)
            if attempt["ended"]:
                refuse()
            self.receive(attempt)
            if self.begun(attempt) is None:
                attempt["contacts"].append(self.new_contact())

        self.settled(lead, change)

    def log(self, lead: int, partner: str, kind: str, outcome: str, items: list[str]) -> str:
        """The effect: `after_end`, `counted` when a checkpoint is met by it, else `kept`."""

        def change() -> str:
            attempt = self.last_attempt_of(lead, partner)
            if outcome in FINAL and "reached" not in items:
                refuse()
            if attempt["ended"]:
                if self.world.partners[partner]["suspended"]:
                    refuse()
                said = {"kind": kind, "outcome": outcome, "items": items, "after_end": True, "logged": self.now}
                attempt["contacts"].append(self.new_contact() | said)
                if outcome in ("do_not_call", "wrong_contact"):
                    self.world.warned.add((lead, partner))
                return "after_end"
            self.receive(attempt)
            open_points = [key for key, point in attempt["points"].items() if point["verdict"] is None]
            before = {key for key in open_points if self.is_met(attempt, key)}
            contact = self.begun(attempt)
            if contact is None or not self.is_complete(attempt, contact, outcome, items):
                contact = self.new_contact()
                attempt["contacts"].append(contact)
            contact |= {"kind": kind, "outcome": outcome, "items": items, "logged": self.now}
            after = {key for key in open_points if self.is_met(attempt, key)}
            if outcome == "wrong_contact":
                self.pause(lead, outcome)
            elif outcome in FINAL:
                for key in open_points:
                    point = attempt["points"][key]
                    if point["opens"] <= contact["began"] <= point["due"]:
                        point["verdict"] = "met"
                self.close(lead)
            else:
                self.judge(lead)
            return "counted" if after - before else "kept"

        return str(self.settled(lead, change))

    def record(self, lead: int, kind: str) -> None:
        def change() -> None:
            having = [attempt for attempt in self.attempts_of(lead) if attempt["points"]]
            if not having:
                refuse()
            attempt = having[-1]
            if self.violation_of(attempt, kind):
                return
            point = attempt["points"][kind]
            was_open = point["verdict"] is None
            if was_open:
                point["verdict"] = "met" if self.is_met(attempt, kind) else "violated"
            self.violate(attempt, kind, "operator", self.now)
            if was_open and (kind, point["verdict"]) != ("1h", "violated"):
                self.close_when_done(attempt)

        self.settled(lead, change)

    def reverse(self, violation: Row) -> None:
        if not violation["reversed"]:
            self.settle()
        violation["reversed"] = True

    def assign(self, lead: int, partner: str) -> None:
        def change() -> None:
            if self.world.leads[lead]["state"] == "attached" or self.cannot_hold(partner):
                refuse()
            former = self.open_attempt(lead)
            if former and former["partner"] == partner:
                return
            self.settle()
            tenure = self.open_tenure()
            if former:
                self.end_attempt(former, "assigned")
            of = self.number_of(tenure) if tenure and tenure["partner"] == partner else None
            self.start_attempt(lead, partner, of, "assigned")

        self.settled(lead, change)

    def close_by_hand(self, lead: int) -> None:
        def change() -> None:
            if self.world.leads[lead]["state"] == "attached":
                refuse()
            self.close(lead)

        self.settled(lead, change)

"""I4: one violation a checkpoint. I5: verdicts are a function of stored facts, read here anew from D11 and D12."""

from collections import Counter
from datetime import datetime, timedelta

from tests.durability.checks import Finding
from tests.durability.checks.hours import CallHours, duration
from tests.durability.evidence import Evidence, Row, grouped

_INSTANT = timedelta(microseconds=1)
_CLOCK_STEPS = timedelta(minutes=2)
ORDER = ("1h", "3d", "2w")
_FINAL = {"refused", "bought", "do_not_call"}
_FOLLOW_UP = {"reached", "asked_how_trial_goes", "asked_questions"}
_CHECKLIST = {
    "1h": {"reached", "introduced", "about_cloud_request", "asked_questions", "left_contacts"},
    "3d": _FOLLOW_UP,
    "2w": _FOLLOW_UP,
}


def check_one_violation(evidence: Evidence) -> Finding:
    """I4: at most one violation a checkpoint, acted on at most once; a switch has its violation."""
    violations = evidence.rows("violation")
    finding = Finding(f"{len(violations)} violations")
    for checkpoint, count in Counter(row["checkpoint_id"] for row in violations).items():
        finding.expect(count == 1, f"checkpoint {checkpoint} has {count} violations")
    for violation, count in Counter(e["data"]["violation"] for e in evidence.events["violation.acted_on"]).items():
        finding.expect(count == 1, f"violation {violation} was acted on {count} times")
    _check_order(evidence, finding)
    blamed = {evidence.attempts[row["attempt_id"]]["tenure_id"] for row in violations if row["acted_at"] is not None}
    for tenure in evidence.rows("tenure"):
        if tenure["end_reason"] == "violated":
            finding.expect(tenure["id"] in blamed, f"tenure {tenure['id']} ended by a violation that is not there")
    return finding


def _check_order(evidence: Evidence, finding: Finding) -> None:
    """They are acted on in the order of the instants at which they occurred (D13); clocks may have stepped a little."""
    violations = {row["id"]: row for row in evidence.rows("violation")}
    latest = None
    for acted in evidence.events["violation.acted_on"]:
        violation = violations[acted["data"]["violation"]]
        occurred = violation["occurred_at"] or violation["recorded_at"]
        late = latest is not None and occurred < latest - _CLOCK_STEPS
        finding.expect(not late, f"violation {violation['id']} of {occurred} was acted on after one of {latest}")
        latest = max(occurred, latest or occurred)


def check_verdicts(evidence: Evidence) -> Finding:
    """I5: every clock, window and verdict equals the function of what is stored."""
    finding = Finding("")
    checkpoints = grouped(evidence.rows("checkpoint"), "attempt_id")
    contacts = grouped(evidence.rows("contact"), "attempt_id")
    violations = {row["checkpoint_id"]: row for row in evidence.rows("violation")}
    judged_event = {e["data"]["checkpoint"]: e["id"] for e in evidence.events["checkpoint.judged"]}
    logged_event = {e["data"]["contact"]: e["id"] for e in evidence.events["contact.logged"]}
    verdicts = 0
    for attempt in evidence.rows("attempt"):
        rules = evidence.rules(attempt["rules_month"])
        points = sorted(checkpoints[attempt["id"]], key=lambda row: ORDER.index(row["kind"]))
        if attempt["received_at"] is None:
            finding.expect(not points, f"attempt {attempt['id']} has checkpoints and was never received")
            continue
        _check_windows(evidence, attempt, points, rules, finding)
        for point in points:
            known = [
                contact
                for contact in contacts[attempt["id"]]
                if contact["effect"] != "after_end"
                and _came_before(contact, logged_event, judged_event.get(point["id"]))
            ]
            verdicts += point["verdict"] is not None
            wrong = _wrong(attempt, points, point, known, violations.get(point["id"]), rules)
            finding.expect(wrong is None, f"attempt {attempt['id']}, {point['kind']} {point['verdict']}: {wrong}")
            violation = violations.get(point["id"])
            if violation is not None and violation["occurred_at"] is not None:
                by_hand = violation["source"] != "checkpoint"
                since = violation["recorded_at"] if by_hand else _violated_since(point, known, rules)
                stored = violation["occurred_at"]
                finding.expect(stored == since, f"violation {violation['id']} occurred at {since}, not at {stored}")
    finding.figure = f"{verdicts} verdicts"
    return finding


def _came_before(contact: Row, logged: dict[int, int], judged: int | None) -> bool:
    """A contact that was logged after a verdict was no fact of it: by the order of the audit trail, not by clocks."""
    return judged is None or contact["id"] not in logged or logged[contact["id"]] < judged


def _check_windows(evidence: Evidence, attempt: Row, points: list[Row], rules: Row, finding: Finding) -> None:
    name = f"attempt {attempt['id']}"
    starts = attempt["received_at"]
    if attempt["tenure_id"] is not None:
        tenure = evidence.tenures[attempt["tenure_id"]]
        starts = max(starts, CallHours(evidence.programme, rules).next_open(tenure["started_at"]))
    finding.expect(attempt["clock_starts_at"] == starts, f"{name}: its clock starts at {attempt['clock_starts_at']}")
    kinds = [point["kind"] for point in points]
    finding.expect(kinds == list(ORDER), f"{name} has checkpoints {kinds}")
    for point in points:
        opens, due = (duration(value, number="hours") for value in rules["regulation"][point["kind"]])
        expected = (starts + opens if opens else attempt["received_at"], starts + due)
        finding.expect(
            (point["opens_at"], point["due_at"]) == expected, f"{name}: the window of {point['kind']} is another"
        )


def _wrong(
    attempt: Row, points: list[Row], point: Row, contacts: list[Row], violation: Row | None, rules: Row
) -> str | None:
    """What is wrong about a verdict; None: nothing."""
    verdict, judged_at = point["verdict"], point["judged_at"]
    if verdict is None:
        return "open in an attempt that has ended" if attempt["ended_at"] is not None else None
    met = point["kind"] in _credit(points, contacts, rules)
    waits_until = _waits_until(point, contacts, judged_at, duration(rules.get("completion", "15m")))
    overdue = judged_at > point["due_at"] and not (waits_until and judged_at <= waits_until)
    if verdict == "met":
        ended_at = attempt["ended_at"]  # not before it began, also if the clock was set back
        at_end = ended_at is not None and (judged_at >= ended_at or ended_at == attempt["started_at"])  # D14
        ends = any(c["outcome"] in _FINAL and _inside(c, point) and "reached" in c["checklist"] for c in contacts)
        if not (met or ends):
            return "no contact meets it"
        in_time = overdue or ends or at_end or judged_at > point["due_at"]
        return None if in_time or _by_hand_then(violation, judged_at) else f"judged at {judged_at}, before its time"
    if verdict == "violated":
        if violation is None:
            return "no violation is recorded"
        if not met and _by_hand_then(violation, judged_at):
            return None
        return "a contact meets it" if met else None if overdue else f"judged at {judged_at}, before its time"
    if attempt["ended_at"] is None:
        return "void while its attempt is open"
    if met:
        return "void though a contact meets it"
    moved = any(p["kind"] == "1h" and p["verdict"] == "violated" for p in points)
    return None if not overdue or moved else "void though it was overdue"


def _by_hand_then(violation: Row | None, judged_at: datetime) -> bool:
    """Whether the verdict was given by a person's finding (D13)."""
    return violation is not None and violation["source"] != "checkpoint" and violation["recorded_at"] == judged_at


def _violated_since(point: Row, contacts: list[Row], rules: Row) -> datetime:
    """The first instant at which a violation could be stated (D12, D13)."""
    since = point["due_at"] + _INSTANT
    for contact in contacts:
        if _inside(contact, point):
            over = contact["began_at"] + duration(rules.get("completion", "15m")) + _INSTANT
            since = max(since, contact["logged_at"] or over)
    return since


def _waits_until(point: Row, contacts: list[Row], judged_at: datetime, completion: timedelta) -> datetime | None:
    """Until when a contact that began in the window was waited for, as things stood at `judged_at`."""
    begun = [
        contact["began_at"]
        for contact in contacts
        if _inside(contact, point) and (contact["logged_at"] is None or contact["logged_at"] > judged_at)
    ]
    return max(begun) + completion if begun else None


def _inside(contact: Row, point: Row) -> bool:
    inside: bool = point["opens_at"] <= contact["began_at"] <= point["due_at"]
    return inside


def _credit(points: list[Row], contacts: list[Row], rules: Row) -> set[str]:
    """Which checkpoints are met: each in order takes the first contact that does, or calls nobody answered (D12)."""
    left = sorted(contacts, key=lambda row: (row["began_at"], row["id"]))
    met = set()
    for point in points:
        inside = [contact for contact in left if _inside(contact, point)]
        counted = [contact for contact in inside if _meets(contact, point["kind"])][:1] or _unanswered(inside, rules)
        if counted:
            met.add(point["kind"])
            left = [contact for contact in left if contact not in counted]
    return met


def _meets(contact: Row, kind: str) -> bool:
    items = set(contact["checklist"])
    if contact["outcome"] in _FINAL:
        return "reached" in items
    return contact["outcome"] == "reached" and items >= _CHECKLIST[kind]


def _unanswered(contacts: list[Row], rules: Row) -> list[Row]:
    wanted = rules.get("no_answer", {"calls": 2, "apart": "10m"})
    calls: list[Row] = []
    for contact in contacts:
        if (contact["kind"], contact["outcome"]) == ("call", "no_answer") and (
            not calls or contact["began_at"] - calls[-1]["began_at"] >= duration(wanted["apart"])
        ):
            calls.append(contact)
    written = [c for c in contacts if c["kind"] in ("message", "email") and c["outcome"] not in (None, "wrong_contact")]
    return [*calls[: wanted["calls"]], written[0]] if len(calls) >= wanted["calls"] and written else []

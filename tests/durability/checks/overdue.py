"""I10: once faults stop, nothing is overdue for long, and nothing is held without a due time or an alert."""

from datetime import datetime, timedelta

from tests.durability.checks import Finding
from tests.durability.checks.hours import CallHours, duration
from tests.durability.checks.undelivered import ALLOWED, check_mended, check_reached
from tests.durability.evidence import Evidence, Row, grouped


def check_overdue(evidence: Evidence) -> Finding:
    """I10: no overdue work after 90 s; no lead in any state without a due time or an alert; no mail dead of the mail
    server's fault."""
    late = evidence.now - ALLOWED
    messages = [row for row in evidence.rows("message") if row["channel"] == "mail" or evidence.with_prefect]
    finding = Finding(f"{len(evidence.leads)} leads, {len(messages)} messages")
    points = grouped(evidence.rows("checkpoint"), "attempt_id")
    contacts = grouped(evidence.rows("contact"), "attempt_id")
    for attempt in evidence.rows("attempt"):
        if attempt["ended_at"] is None:
            _check_attempt(evidence, attempt, points[attempt["id"]], contacts[attempt["id"]], finding)
    for violation in evidence.rows("violation"):
        waits = violation["acted_at"] is None and violation["recorded_at"] < late
        finding.expect(not waits, f"violation {violation['id']} of {violation['recorded_at']} was not acted on")
    for message in messages:
        waits = message["state"] == "pending" and message["not_before"] < late and message["channel"] == "mail"
        finding.expect(not waits, f"message {message['id']} ({message['kind']}) waits since {message['not_before']}")
        held = message["claimed_until"]
        endless = message["state"] == "pending" and held is not None and held > evidence.now + timedelta(seconds=60)
        finding.expect(not endless, f"message {message['id']} is claimed until {held}")
    check_reached(evidence, finding)
    check_mended(evidence, finding)
    _check_waiting(evidence, late, finding)
    return finding


def _check_attempt(evidence: Evidence, attempt: Row, points: list[Row], contacts: list[Row], finding: Finding) -> None:
    late, rules = evidence.now - ALLOWED, evidence.rules(attempt["rules_month"])
    completion = duration(rules.get("completion", "15m"))
    about_to_move = any(p["kind"] == "1h" and p["verdict"] == "violated" for p in points)
    for point in points:
        begun = [
            c["began_at"] + completion for c in contacts if c["outcome"] is None and c["began_at"] <= point["due_at"]
        ]
        overdue = point["verdict"] is None and max([point["due_at"], *begun]) < late and not about_to_move
        finding.expect(not overdue, f"checkpoint {point['id']} was due at {point['due_at']} and has no verdict")
    due = attempt["received_at"] is None or any(point["verdict"] is None for point in points)
    finding.expect(due, f"attempt {attempt['id']} of lead {attempt['lead_id']} has no due time")


def _check_waiting(evidence: Evidence, late: datetime, finding: Finding) -> None:
    """A lead that waits while somebody holds the leads is held back by the call hours or by the pace (D16)."""
    waiting = [lead for lead in evidence.rows("lead") if lead["state"] == "waiting"]
    if not waiting or not evidence.open_tenures:
        return
    tenure = evidence.open_tenures[0]
    rules = evidence.rules(tenure["lead_month"])
    hours = CallHours(evidence.programme, rules)
    open_now = hours.next_open(evidence.now) == evidence.now and hours.next_open(late) == late
    in_last_hour = [
        attempt
        for attempt in evidence.rows("attempt")
        if attempt["origin"] == "waited" and late - timedelta(hours=1) < attempt["started_at"] <= evidence.now
    ]
    paced = len(in_last_hour) >= int(rules.get("drain_per_hour", 10))
    since = min(max(lead["moved_at"] or lead["arrived_at"], tenure["started_at"]) for lead in waiting)
    finding.expect(
        not open_now or paced or since > late,
        f"{len(waiting)} leads wait since {since} though the holder could have them",
    )

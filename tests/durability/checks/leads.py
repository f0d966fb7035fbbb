"""I1: no acknowledged lead is lost. I2: no lead is in two hands."""

from itertools import pairwise

from tests.durability.checks import Finding
from tests.durability.checks.undelivered import check_reached
from tests.durability.evidence import Evidence, Row

_REPEATED = ("lead_repeated", "alert_repeated")


def check_no_lead_lost(evidence: Evidence) -> Finding:
    """I1: an acknowledged lead ends with exactly one open attempt, or waiting with an alert, or closed.

    Whoever has it has received it, or the operators hear that they have not.
    """
    by_key = {(lead["source"], lead["source_id"]): lead for lead in evidence.rows("lead")}
    told = {(ack["source"], ack["source_id"]) for ack in evidence.acks("lead")}
    finding = Finding(f"{len(told)} leads acknowledged")
    for ack in evidence.acks("lead"):
        lead = by_key.get((ack["source"], ack["source_id"]))
        if lead is None:
            finding.breaches.append(f"lead {ack['source']} {ack['source_id']} was acknowledged and is gone")
        elif lead["id"] != ack["lead"]:
            finding.breaches.append(f"lead {lead['id']} was acknowledged as {ack['lead']}")
    for lead in evidence.rows("lead"):
        _check_place(evidence, lead, finding)
    check_reached(evidence, finding)
    return finding


def _check_place(evidence: Evidence, lead: Row, finding: Finding) -> None:
    state, name = lead["state"], f"lead {lead['id']}"
    open_attempts = [row for row in evidence.attempts_of[lead["id"]] if row["ended_at"] is None]
    finding.expect(
        len(open_attempts) == (state == "in_work"), f"{name} is {state} with {len(open_attempts)} open attempts"
    )
    kinds = {message["kind"] for message in evidence.messages_of[lead["id"]]}
    if state != "attached":
        finding.expect("welcome" in kinds, f"{name} has no welcome mail")
    for attempt in evidence.attempts_of[lead["id"]]:
        mails = [m for m in evidence.messages_of[lead["id"]] if (m["kind"], m["attempt_id"]) == ("lead", attempt["id"])]
        finding.expect(len(mails) == 1, f"attempt {attempt['id']} has {len(mails)} mails that hand it over")
    if state == "waiting":
        finding.expect(
            bool(evidence.open_tenures) or _is_told(evidence), f"{name} waits for nobody, and nobody was alerted"
        )
    elif state == "paused":
        finding.expect("alert_paused" in kinds, f"{name} is paused without an alert")
    elif state == "attached":
        root = evidence.leads.get(lead["attached_to"])
        finding.expect(root is not None and root["attached_to"] is None, f"{name} is attached to nothing")
        of_root = evidence.messages_of[lead["attached_to"]]
        told = [m for m in of_root if m["kind"] in _REPEATED and m["data"].get("repeat") == lead["id"]]
        finding.expect(len(told) == 1, f"{name} is attached and {len(told)} were told")
        asked = lead["doubted_at"] is None or "alert_two_clients" in kinds
        finding.expect(asked, f"{name} may be another client's, and no operator was asked")
    elif state == "out_of_programme":
        finding.expect(evidence.programme.get("last_month") is not None, f"{name} is outside a programme without end")


def _is_told(evidence: Evidence) -> bool:
    """Whether the operators were alerted that nobody holds the leads, for the reason that there is now."""
    alerts = [m["data"] for m in evidence.rows("message") if m["kind"] == "alert_exhausted" and m["state"] != "void"]
    walk = evidence.last_walk
    if walk is None:
        return any(alert.get("why") == "not_activated" for alert in alerts)
    if walk["holder"] is None:
        return any(alert.get("walk") == walk["id"] for alert in alerts)
    return any(alert.get("why") == "over" for alert in alerts)


def check_one_holder(evidence: Evidence) -> Finding:
    """I2: at most one open attempt a lead at any instant, in the rows and in the order of the audit trail."""
    finding = Finding(f"{len(evidence.attempts)} attempts")
    for lead, attempts in evidence.attempts_of.items():
        numbers = [attempt["number"] for attempt in attempts]
        finding.expect(numbers == list(range(1, len(numbers) + 1)), f"lead {lead} has attempts {numbers}")
        for earlier, later in pairwise(attempts):
            finding.expect(
                earlier["ended_at"] is not None and earlier["ended_at"] <= later["started_at"],
                f"lead {lead}: attempts {earlier['number']} (until {earlier['ended_at']}) and {later['number']} "
                f"(from {later['started_at']}) overlap",
            )
    in_hand: dict[int, int] = {}
    for event in sorted(evidence.rows("audit_event"), key=lambda row: row["id"]):
        lead = event["lead_id"]
        if event["event"] in ("lead.handed_over", "lead.assigned"):
            finding.expect(
                event["event"] == "lead.assigned" or lead not in in_hand,
                f"lead {lead} was handed over while attempt {in_hand.get(lead)} was open",
            )
            in_hand[lead] = event["data"]["attempt"]
        elif event["event"] in ("lead.moved", "lead.paused", "lead.closed"):
            in_hand.pop(lead, None)
    return finding

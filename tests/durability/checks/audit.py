"""I9: one audit event a state change, none changed or removed."""

from collections import Counter
from collections.abc import Iterable
from typing import Any

from tests.durability.checks import Finding
from tests.durability.evidence import Evidence


def check_audit(evidence: Evidence) -> Finding:
    """I9: each change that the rows show has one event, each event its change; what a reader saw is still there."""
    events = evidence.rows("audit_event")
    seen = [line for line in evidence.readings if line["kind"] == "event"]
    finding = Finding(f"{len(events)} events, {len(seen)} seen before")
    pairs: list[tuple[str, Iterable[Any], str]] = [
        ("lead.arrived", (row["id"] for row in evidence.rows("lead")), "lead_id"),
        ("lead.attached", _attached_now_and_before(evidence), "lead_id"),
        ("lead.received", (row["id"] for row in evidence.rows("attempt") if row["received_at"]), "attempt"),
        ("lead.moved", (r["id"] for r in evidence.rows("attempt") if r["end_reason"] == "moved"), "attempt"),
        ("checkpoint.judged", _ids(evidence, "checkpoint", "verdict", {"met", "violated"}), "checkpoint"),
        ("violation.recorded", (row["id"] for row in evidence.rows("violation")), "violation"),
        ("violation.acted_on", (row["id"] for row in evidence.rows("violation") if row["acted_at"]), "violation"),
        ("violation.reversed", (r["id"] for r in evidence.rows("violation") if r["reversed_at"]), "violation"),
        ("contact.logged", (row["id"] for row in evidence.rows("contact") if row["logged_at"]), "contact"),
        ("tenure.started", (row["id"] for row in evidence.rows("tenure")), "tenure"),
        ("tenure.ended", (row["id"] for row in evidence.rows("tenure") if row["ended_at"]), "tenure"),
        ("register.ingested", (row["id"] for row in evidence.rows("ingest_batch")), "batch"),
    ]
    for event, changed, name in pairs:
        _same(finding, event, changed, (_subject(row, name) for row in evidence.events[event]))
    handed = [*evidence.events["lead.handed_over"], *evidence.events["lead.assigned"]]
    attempts = (row["id"] for row in evidence.rows("attempt"))
    _same(finding, "lead.handed_over or lead.assigned", attempts, (row["data"]["attempt"] for row in handed))
    for event, table in (("ranking.computed", "ranking"), ("ranking.published", "publication")):
        count = len(evidence.events[event])
        finding.expect(count == len(evidence.rows(table)), f"{count} events {event}, {len(evidence.rows(table))} rows")
    _check_ends(evidence, finding)
    _check_mails(evidence, finding)
    now = {row["id"]: row for row in events}
    for line in seen:
        row = now.get(line["id"])
        same = row is not None and [row["event"], row["actor"], row["lead_id"], row["data"]] == line["row"]
        finding.expect(same, f"event {line['id']} was {line['row']} and is {row and row['event']}")
    return finding


def _attached_now_and_before(evidence: Evidence) -> list[Any]:
    """Leads that are attached, and those that were until they were detached."""
    now = [row["id"] for row in evidence.rows("lead") if row["attached_to"]]
    return now + [event["lead_id"] for event in evidence.events["lead.detached"]]


def _ids(evidence: Evidence, table: str, column: str, values: set[str]) -> list[int]:
    return [row["id"] for row in evidence.rows(table) if row[column] in values]


def _subject(event: dict[str, Any], name: str) -> Any:
    return event["lead_id"] if name == "lead_id" else event["data"].get(name)


def _same(finding: Finding, event: str, changed: Iterable[Any], told: Iterable[Any]) -> None:
    changes, events = Counter(changed), Counter(told)
    for subject in changes.keys() | events.keys():
        finding.expect(
            changes[subject] == events[subject],
            f"{event} {subject}: {changes[subject]} changes, {events[subject]} events",
        )


def _check_ends(evidence: Evidence, finding: Finding) -> None:
    """A lead that is closed or paused was closed or paused by the last event that says where it stands."""
    where = {
        "lead.closed": "closed",
        "lead.paused": "paused",
        "lead.moved": "waiting",
        "lead.handed_over": "in_work",
        "lead.assigned": "in_work",
    }
    last: dict[int, str] = {}
    for event in sorted(evidence.rows("audit_event"), key=lambda row: row["id"]):
        if event["event"] in where:
            last[event["lead_id"]] = where[event["event"]]
    for lead in evidence.rows("lead"):
        if lead["state"] not in ("attached", "out_of_programme"):
            said = last.get(lead["id"], "waiting")
            finding.expect(said == lead["state"], f"lead {lead['id']} is {lead['state']}, its last event says {said}")


# What each event of a mail begins with, and makes of it. Sent again is what was given up, or what came back.
_STEPS = {
    "message.sent": (("pending",), "sent"),
    "message.dead": (("pending",), "dead"),
    "message.bounced": (("sent",), "bounced"),
    "message.revived": (("dead", "bounced"), "pending"),
    "message.hastened": (("pending",), "pending"),
    "message.dismissed": (("dead", "bounced"), "void"),
}


def _check_mails(evidence: Evidence, finding: Finding) -> None:
    """The events of each mail, one after the other, lead to how it stands."""
    mails = {row["id"]: row for row in evidence.rows("message") if row["channel"] == "mail"}
    state = dict.fromkeys(mails, "pending")
    for event in sorted(evidence.rows("audit_event"), key=lambda row: row["id"]):
        mail = event["data"].get("message")
        if event["event"] in _STEPS and mail in mails:
            before, after = _STEPS[event["event"]]
            finding.expect(state[mail] in before, f"{event['event']} {mail}, which was {state[mail]}")
            state[mail] = after
    for number, mail in mails.items():
        stands = "bounced" if mail["bounced_at"] and mail["state"] == "sent" else mail["state"]
        told = "void" if stands == "void" and state[number] == "pending" else state[number]
        finding.expect(told == stands, f"message {number} is {stands}, its events say {state[number]}")

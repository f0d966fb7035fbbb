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
        ("lead.attached", _now_and_before(evidence, "lead.detached", "lead_id"), "lead_id"),
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
        ("message.dead", _now_and_before(evidence, "message.revived", "message"), "message"),
    ]
    for event, changed, name in pairs:
        _same(finding, event, changed, (_subject(row, name) for row in evidence.events[event]))
    handed = [*evidence.events["lead.handed_over"], *evidence.events["lead.assigned"]]
    attempts = (row["id"] for row in evidence.rows("attempt"))
    _same(finding, "lead.handed_over or lead.assigned", attempts, (row["data"]["attempt"] for row in handed))
    mails = {row["id"] for row in evidence.rows("message") if row["channel"] == "mail"}
    told = (row["data"]["message"] for row in evidence.events["message.sent"])
    sent = (row["id"] for row in evidence.rows("message") if row["state"] == "sent" and row["id"] in mails)
    returned = (_subject(event, "message") for event in _put_aside(evidence, bounced=True))
    _same(finding, "message.sent", (*sent, *returned), (number for number in told if number in mails))
    for event, table in (("ranking.computed", "ranking"), ("ranking.published", "publication")):
        count = len(evidence.events[event])
        finding.expect(count == len(evidence.rows(table)), f"{count} events {event}, {len(evidence.rows(table))} rows")
    _check_ends(evidence, finding)
    now = {row["id"]: row for row in events}
    for line in seen:
        row = now.get(line["id"])
        same = row is not None and [row["event"], row["actor"], row["lead_id"], row["data"]] == line["row"]
        finding.expect(same, f"event {line['id']} was {line['row']} and is {row and row['event']}")
    return finding


def _put_aside(evidence: Evidence, *, bounced: bool) -> list[dict[str, Any]]:
    """Events of mail that was put aside: what had come back, or what had been given up."""
    return [event for event in evidence.events["message.dismissed"] if ("bounce" in event["data"]) is bounced]


def _now_and_before(evidence: Evidence, undone: str, name: str) -> list[Any]:
    """Leads that are attached, or messages that are dead, and those that were until that was undone."""
    if name == "lead_id":
        now = [row["id"] for row in evidence.rows("lead") if row["attached_to"]]
    else:
        now = _ids(evidence, "message", "state", {"dead"})
    aside = [] if name == "lead_id" else _put_aside(evidence, bounced=False)
    return now + [_subject(event, name) for event in (*evidence.events[undone], *aside)]


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

"""What the ledger holds, in the referee's words, and what must never be found in it."""

from typing import Any

from sqlmodel import col, select

from models import Attempt, Checkpoint, Contact, Lead, Partner, Tenure, Violation, Walk
from rasti.ledger.book import Book
from tests.property.referee import Referee

PARTNERS = [f"p{number}" for number in range(1, 7)]
NOT_READY = "p4"

# Rows that must not be there, read from the database alone.
INVARIANTS = {
    "one open tenure": "SELECT seat FROM tenure WHERE ended_at IS NULL GROUP BY seat HAVING count(*) > 1",
    "one open attempt a lead": (
        "SELECT lead_id FROM attempt WHERE ended_at IS NULL GROUP BY lead_id HAVING count(*) > 1"
    ),
    "in work means an open attempt": (
        "SELECT id FROM lead WHERE (state = 'in_work') <> "
        "EXISTS (SELECT 1 FROM attempt WHERE attempt.lead_id = lead.id AND attempt.ended_at IS NULL)"
    ),
    "one violation a checkpoint": "SELECT checkpoint_id FROM violation GROUP BY checkpoint_id HAVING count(*) > 1",
    "open checkpoints on open attempts only": (
        "SELECT checkpoint.id FROM checkpoint JOIN attempt ON attempt.id = checkpoint.attempt_id "
        "WHERE verdict IS NULL AND ended_at IS NOT NULL"
    ),
    "no verdict before its due time, but by hand or by the end of the attempt": (
        "SELECT checkpoint.id FROM checkpoint JOIN attempt ON attempt.id = checkpoint.attempt_id "
        "LEFT JOIN violation ON violation.checkpoint_id = checkpoint.id AND source = 'operator' "
        "WHERE verdict IN ('met', 'violated') AND judged_at <= due_at AND violation.id IS NULL "
        "AND NOT (verdict = 'met' AND ended_at IS NOT NULL AND judged_at >= ended_at)"
    ),
    "a violated checkpoint has its violation": (
        "SELECT checkpoint.id FROM checkpoint LEFT JOIN violation ON violation.checkpoint_id = checkpoint.id "
        "WHERE verdict = 'violated' AND violation.id IS NULL"
    ),
    "never automatically to a partner who is not ready": (f"SELECT id FROM attempt WHERE partner_code = '{NOT_READY}'"),
    "automatic attempts are at most two": (
        "SELECT lead_id FROM attempt WHERE origin <> 'assigned' GROUP BY lead_id HAVING count(*) > 2"
    ),
    "tenures do not overlap": (
        "SELECT a.id, b.id FROM tenure AS a JOIN tenure AS b ON a.id < b.id "
        "WHERE a.started_at < coalesce(b.ended_at, '9999-01-01') AND b.started_at < coalesce(a.ended_at, '9999-01-01')"
    ),
    "one mail for each attempt": (
        "SELECT attempt.id FROM attempt LEFT JOIN message ON message.attempt_id = attempt.id AND kind = 'lead' "
        "GROUP BY attempt.id HAVING count(message.id) <> 1"
    ),
    "one welcome for each lead": (
        "SELECT lead.id FROM lead LEFT JOIN message ON message.lead_id = lead.id AND kind = 'welcome' "
        "GROUP BY lead.id HAVING count(message.id) <> 1"
    ),
    "nobody is reminded of an attempt that ended": (
        "SELECT message.id FROM message JOIN attempt ON attempt.id = message.attempt_id "
        "WHERE ended_at IS NOT NULL AND message.state = 'pending' AND kind IN ('lead', 'reminder', 'run_checkpoint')"
    ),
    "one run for each violation": (
        "SELECT violation.id FROM violation LEFT JOIN message "
        "ON kind = 'run_fallback' AND dedupe_key = 'run_fallback:' || violation.id "
        "GROUP BY violation.id HAVING count(message.id) <> 1"
    ),
}


def stored(book: Book) -> dict[str, Any]:
    """What the database holds, in the referee's words."""
    with book.read() as tx:
        tenures = tx.all(select(Tenure).order_by(col(Tenure.id)))
        attempts = tx.all(select(Attempt).order_by(col(Attempt.id)))
        key = {attempt.id: (attempt.lead_id, attempt.number) for attempt in attempts}
        number = {tenure.id: index for index, tenure in enumerate(tenures)}
        checkpoints = tx.all(select(Checkpoint))
        contacts = tx.all(select(Contact).order_by(col(Contact.id)))
        point_key = {point.id: (*key[point.attempt_id], point.kind.value) for point in checkpoints}
        return {
            "suspended": {p.code for p in tx.all(select(Partner)) if p.suspended_at},
            "tenures": [
                (t.partner_code, str(t.lead_month), t.place, t.started_at, t.ended_at, t.end_reason) for t in tenures
            ],
            "walks": [
                (str(walk.lead_month), walk.holder, [(skip["partner"], skip["reason"]) for skip in walk.skipped])
                for walk in tx.all(select(Walk).order_by(col(Walk.id)))
            ],
            "leads": {
                lead.id: (lead.state.value, lead.pause_reason, lead.attached_to, lead.moved_at)
                for lead in tx.all(select(Lead))
            },
            "attempts": {
                key[a.id]: (
                    a.partner_code,
                    None if a.tenure_id is None else number[a.tenure_id],
                    a.origin.value,
                    a.started_at,
                    a.received_at,
                    a.ended_at,
                    a.end_reason,
                )
                for a in attempts
            },
            "checkpoints": {point_key[p.id]: (p.opens_at, p.due_at, p.verdict) for p in checkpoints},
            "contacts": {
                attempt: [
                    (c.began_at, c.kind, c.outcome, sorted(c.checklist), c.effect == "after_end")
                    for c in contacts
                    if key[c.attempt_id] == attempt
                ]
                for attempt in key.values()
            },
            "violations": {
                point_key[v.checkpoint_id]: (
                    v.partner_code,
                    v.source.value,
                    v.recorded_at,
                    v.occurred_at,
                    v.acted_at is not None,
                    v.reversed_at is not None,
                )
                for v in tx.all(select(Violation))
            },
        }


def expected_of(referee: Referee) -> dict[str, Any]:
    """What the referee holds, in the same form."""
    world = referee.world
    return {
        "suspended": {code for code, partner in world.partners.items() if partner["suspended"]},
        "tenures": [
            tuple(tenure[name] for name in ("partner", "month", "place", "started", "ended", "why"))
            for tenure in world.tenures
        ],
        "walks": [(walk["month"], walk["holder"], walk["skipped"]) for walk in world.walks],
        "leads": {
            key: tuple(lead[name] for name in ("state", "why", "root", "moved")) for key, lead in world.leads.items()
        },
        "attempts": {
            (attempt["lead"], attempt["number"]): tuple(
                attempt[name] for name in ("partner", "tenure", "origin", "started", "received", "ended", "why")
            )
            for attempt in world.attempts
        },
        "checkpoints": {
            (attempt["lead"], attempt["number"], kind): (point["opens"], point["due"], point["verdict"])
            for attempt in world.attempts
            for kind, point in attempt["points"].items()
        },
        "contacts": {
            (attempt["lead"], attempt["number"]): [
                (c["began"], c["kind"], c["outcome"], sorted(c["items"]), c["after_end"]) for c in attempt["contacts"]
            ]
            for attempt in world.attempts
        },
        "violations": {
            v["key"]: (v["partner"], v["source"], v["at"], v["since"][0], v["acted"], v["reversed"])
            for v in world.violations
        },
    }

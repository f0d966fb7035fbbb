"""I8: every acknowledged contact survives."""

from tests.durability.checks import Finding
from tests.durability.evidence import Evidence, grouped


def check_contacts(evidence: Evidence) -> Finding:
    """I8: what a partner was told is logged is there, word for word."""
    contacts = {row["id"]: row for row in evidence.rows("contact")}
    noted = grouped(evidence.rows("contact"), "note")
    begun = {(evidence.attempts[row["attempt_id"]]["lead_id"], row["began_at"]) for row in contacts.values()}
    logged = evidence.acks("contact")
    finding = Finding(f"{len(logged)} contacts acknowledged")
    for ack in logged:
        if "note" in ack:  # with an idempotency key: asked several times, it is there once
            found = noted[ack["note"]]
            finding.expect(len(found) < 2, f"contact {ack['note']} of lead {ack['lead']} is there {len(found)} times")
            contact = found[0] if found else None
        else:
            contact = contacts.get(ack["contact"])
        name = ack.get("note") or ack["contact"]
        if contact is None:
            finding.breaches.append(f"contact {name} of lead {ack['lead']} was acknowledged and is gone")
            continue
        attempt = evidence.attempts[contact["attempt_id"]]
        stored = {
            "lead": attempt["lead_id"],
            "partner": attempt["partner_code"],
            "outcome": contact["outcome"],
            "checklist": sorted(contact["checklist"]),
            "effect": contact["effect"],
        }
        told = {name: ack[name] for name in stored}
        finding.expect(stored == told, f"contact {name} was acknowledged as {told}: {stored}")
    for ack in evidence.acks("calling"):
        instant = (ack["lead"], ack["began_at"])
        finding.expect(instant in begun, f"the call to lead {ack['lead']} begun at {ack['began_at']} is gone")
    return finding

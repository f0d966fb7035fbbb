"""The simulation replays, and the checker it ends with can say no."""

from collections.abc import Callable
from contextlib import suppress
from copy import deepcopy
from datetime import timedelta

import pytest

from tests.durability.checker import check
from tests.durability.evidence import Evidence, Row
from tests.durability.simulation import schedule
from tests.durability.simulation.play import SqliteCopies, play

FIRST_SEED, STEPS = 8, 110


def test_a_seed_replays_step_by_step() -> None:
    first, second = play([7, 7])
    assert first.trace == second.trace
    assert first.events == second.events
    assert first.trace != play([8])[0].trace


def _lose_a_lead(evidence: Evidence) -> None:
    evidence.acknowledged.append({"at": 1, "kind": "lead", "source": "site", "source_id": "never stored", "lead": 999})


def _leave_a_lead_alone(evidence: Evidence) -> None:
    lead = next(row for row in evidence.rows("lead") if row["state"] == "closed")
    lead["state"] = "in_work"


def _give_a_lead_to_two(evidence: Evidence) -> None:
    attempts = next(rows for rows in evidence.attempts_of.values() if len(rows) > 1)
    attempts[0]["ended_at"] = attempts[1]["started_at"] + timedelta(seconds=1)


def _send_a_mail_twice(evidence: Evidence) -> None:
    mail = next(mail for mail in evidence.mails if mail["answered"])
    evidence.mails += [mail | {"at": 1_000_000}, mail | {"at": 1_000_001}]
    evidence.faults.clear()


def _send_a_mail_from_nowhere(evidence: Evidence) -> None:
    evidence.mails.append(evidence.mails[0] | {"at": 1, "number": 999_999, "message_id": "<another>"})


def _swallow_a_mail(evidence: Evidence) -> None:
    sent = next(row for row in evidence.rows("message") if row["state"] == "sent" and row["channel"] == "mail")
    evidence.mails[:] = [mail for mail in evidence.mails if mail["number"] != sent["id"]]


def _blame_twice(evidence: Evidence) -> None:
    violations = evidence.rows("violation")
    violations.append(violations[0] | {"id": 999})


def _turn_a_verdict(evidence: Evidence) -> None:
    point = next(row for row in evidence.rows("checkpoint") if row["verdict"] == "violated")
    point["verdict"] = "met"


def _overlap_tenures(evidence: Evidence) -> None:
    first, second, *_rest = sorted(evidence.rows("tenure"), key=lambda row: row["id"])
    first["ended_at"] = second["started_at"] + timedelta(seconds=1)


def _read_no_holder(evidence: Evidence) -> None:
    evidence.readings.append({"at": 1, "kind": "holders", "open": 0, "last_walk_found": True, "over": False})


def _change_an_invoice(evidence: Evidence) -> None:
    evidence.rows("invoice_line")[0]["amount"] += 100


def _announce_an_incomplete_month(evidence: Evidence) -> None:
    by_itself = next(row for row in evidence.rows("publication") if not row["reason"])
    ranking = next(row for row in evidence.rows("ranking") if row["id"] == by_itself["ranking_id"])
    ranking["complete"] = False


def _lose_a_contact(evidence: Evidence) -> None:
    told = {ack["contact"] for ack in evidence.acks("contact")}
    evidence.tables["contact"] = [row for row in evidence.rows("contact") if row["id"] != min(told)]


def _rewrite_history(evidence: Evidence) -> None:
    seen = next(line for line in evidence.readings if line["kind"] == "event")
    seen["row"] = [*seen["row"][:3], {"rewritten": True}]


def _lose_an_event(evidence: Evidence) -> None:
    events = evidence.rows("audit_event")
    events.remove(next(row for row in events if row["event"] == "lead.received"))


def _forget_a_checkpoint(evidence: Evidence) -> None:
    busy = {row["attempt_id"] for row in evidence.rows("contact") if row["outcome"] is None}
    busy |= {row["attempt_id"] for row in evidence.rows("violation") if row["acted_at"] is None}
    point = next(
        row
        for row in evidence.rows("checkpoint")
        if row["verdict"] is None
        and evidence.attempts[row["attempt_id"]]["ended_at"] is None
        and row["attempt_id"] not in busy
    )
    point["due_at"] = evidence.now - timedelta(minutes=2)


def _leave_mail_lying(evidence: Evidence) -> None:
    message = next(row for row in evidence.rows("message") if row["state"] == "pending" and row["channel"] == "mail")
    message["not_before"] = evidence.now - timedelta(minutes=2)


def _unreached(evidence: Evidence, hours: int) -> tuple[Row, Row, list[Row]]:
    """An open attempt as if it had begun so many hours ago and had not been received: with its mail, and its alerts."""
    attempt = next(row for row in evidence.rows("attempt") if row["ended_at"] is None and row["received_at"])
    attempt["received_at"], attempt["started_at"] = None, evidence.now - timedelta(hours=hours)
    its = [row for row in evidence.rows("message") if row["attempt_id"] == attempt["id"]]
    (mail,) = (row for row in its if row["kind"] == "lead")
    return attempt, mail, [row for row in its if row["kind"] == "alert_undelivered"]


def _lose_a_mail_and_its_alert(evidence: Evidence) -> None:
    _attempt, mail, alerts = _unreached(evidence, 3)
    for row in (mail, *alerts):
        row["state"] = "dead"


def _leave_a_mail_and_its_alert_put_off(evidence: Evidence) -> None:
    """As if it waited for a server that was mended long ago."""
    _attempt, mail, alerts = _unreached(evidence, 3)
    for row in (mail, *alerts):
        row["state"], row["postponed"] = "pending", 3
        row["failed_at"] = row["not_before"] = evidence.now - timedelta(minutes=3)


def _say_it_only_once(evidence: Evidence) -> None:
    attempt, mail, alerts = _unreached(evidence, 12)
    mail["state"] = "dead"
    for row in alerts:
        row["state"], row["created_at"] = "sent", attempt["started_at"]


def _kill_a_mail_by_policy(evidence: Evidence) -> None:
    _a_sent_mail(evidence)["error"] = "554 5.7.1 at RCPT TO"


def _kill_two_mails_alike(evidence: Evidence) -> None:
    """Two recipients were refused without a reason, one right after the other."""
    for number in (1_000_000, 1_000_001):
        mail = _a_sent_mail(evidence, partner=True)
        mail["error"], mail["partner_code"] = "554 at RCPT TO", f"of {number}"
        event = evidence.rows("audit_event")[0]
        about = {"id": number, "event": "message.dead", "data": {"message": mail["id"]}, "at": evidence.now}
        evidence.rows("audit_event").append(event | about)
        # For the first time: one that was refused before tells nothing.
        before = [
            fault for fault in evidence.faults if fault.get("number") == mail["id"] and fault["what"] == "refused"
        ]
        evidence.faults[:] = [fault for fault in evidence.faults if fault not in before]
        evidence.faults.append({"at": 1, "component": "refusal", "what": "refused", "number": mail["id"]})


def _a_sent_mail(evidence: Evidence, *, partner: bool = False) -> Row:
    """One that was sent, made a dead one."""
    sent = (row for row in evidence.rows("message") if row["state"] == "sent" and row["channel"] == "mail")
    mail = next(row for row in sent if row["partner_code"] or not partner)
    mail["state"] = "dead"
    return mail


def _revive_what_lived(evidence: Evidence) -> None:
    sent = next(event for event in evidence.rows("audit_event") if event["event"] == "message.sent")
    evidence.rows("audit_event").append(sent | {"id": 1_000_000, "event": "message.revived"})


def _bounce_without_an_event(evidence: Evidence) -> None:
    sent = next(row for row in evidence.rows("message") if row["state"] == "sent" and row["channel"] == "mail")
    sent["bounced_at"], sent["bounce"] = evidence.now, "5.1.1"


def _put_a_zero_before_a_number(evidence: Evidence) -> None:
    """Two invoices of the last month that was ranked complete, with nothing on them, one a probable double."""
    revision = evidence.rows("invoice_revision")[0]
    month = _last_complete(evidence)
    for number, spelled in ((1_000_000, "7"), (1_000_001, "07")):
        invoice = evidence.rows("invoice")[0]
        evidence.rows("invoice").append(invoice | {"id": number, "number": spelled})
        about = {"id": number, "invoice_id": number, "month": month, "is_current": True, "status": "posted"}
        evidence.rows("invoice_revision").append(revision | about)


def _forget_who_the_issuer_is(evidence: Evidence) -> None:
    _last_complete(evidence)
    evidence.programme["issuers"] = ["another"]
    for closed in evidence.rows("month_close"):
        closed["issuer"] = "another"


def _last_complete(evidence: Evidence) -> str:
    """A month that was ranked last of all and is complete."""
    ranked = {(line["month"], line["version"]) for line in evidence.acks("ranked") if line["last"]}
    rankings = (row for row in evidence.rows("ranking") if (row["month"], row["version"]) in ranked)
    month: str = next(row["month"] for row in rankings if row["complete"])
    return month


TAMPERS = [
    ("I1", _lose_a_lead),
    ("I1", _leave_a_lead_alone),
    ("I1", _lose_a_mail_and_its_alert),
    ("I1", _leave_a_mail_and_its_alert_put_off),
    ("I1", _say_it_only_once),
    ("I2", _give_a_lead_to_two),
    ("I3", _send_a_mail_twice),
    ("I3", _send_a_mail_from_nowhere),
    ("I3", _swallow_a_mail),
    ("I4", _blame_twice),
    ("I5", _turn_a_verdict),
    ("I6", _overlap_tenures),
    ("I6", _read_no_holder),
    ("I7", _change_an_invoice),
    ("I7", _announce_an_incomplete_month),
    ("I7", _put_a_zero_before_a_number),
    ("I7", _forget_who_the_issuer_is),
    ("I8", _lose_a_contact),
    ("I9", _rewrite_history),
    ("I9", _lose_an_event),
    ("I9", _revive_what_lived),
    ("I9", _bounce_without_an_event),
    ("I10", _forget_a_checkpoint),
    ("I10", _leave_mail_lying),
    ("I10", _lose_a_mail_and_its_alert),
    ("I10", _leave_a_mail_and_its_alert_put_off),
    ("I10", _say_it_only_once),
    ("I10", _kill_a_mail_by_policy),
    ("I10", _kill_two_mails_alike),
]


# What is said of some of them, where more than one check could have noticed.
SAID = {
    _lose_a_mail_and_its_alert: "neither its mail nor an alert about it gets through",
    _leave_a_mail_and_its_alert_put_off: "neither its mail nor an alert about it gets through",
    _say_it_only_once: "the operators have not heard of it since",
    _kill_a_mail_by_policy: "is dead of the server's 554 5.7.1 at RCPT TO",
    _kill_two_mails_alike: "are dead, though both were refused: 554 at RCPT TO",
    _revive_what_lived: "message.revived",
    _bounce_without_an_event: "is bounced, its events say sent",
    _put_a_zero_before_a_number: "is complete, it should not be",
    _forget_who_the_issuer_is: "is complete, it should not be",
}


@pytest.fixture(scope="module")
def evidence(tmp_path_factory: pytest.TempPathFactory) -> Evidence:
    """What the witnesses of one long schedule saw, one in which there is something to tamper with for each case."""
    copies = SqliteCopies(tmp_path_factory.mktemp("schedule"))
    for seed in range(FIRST_SEED, FIRST_SEED + 20):
        gathered: list[Evidence] = []
        outcome = schedule.run_schedule(seed, copies.renew(), copies.folder, steps=STEPS, keep=gathered.append)
        assert outcome.complaints == []
        with suppress(StopIteration, ValueError, IndexError):
            for _invariant, tamper in TAMPERS:
                tamper(_copy(gathered[0]))
            return gathered[0]
    raise AssertionError("no schedule has something of everything")


def _copy(evidence: Evidence) -> Evidence:
    return Evidence(**{name: deepcopy(getattr(evidence, name)) for name in evidence.__dataclass_fields__})


@pytest.mark.parametrize(("invariant", "tamper"), TAMPERS)
def test_the_checker_sees_what_is_broken(
    invariant: str, tamper: Callable[[Evidence], None], evidence: Evidence
) -> None:
    tampered = _copy(evidence)
    tamper(tampered)
    breaches = check(_copy(tampered))[invariant].breaches  # a copy: what was read before is read again
    assert any(SAID.get(tamper, "") in breach for breach in breaches), breaches

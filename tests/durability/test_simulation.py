"""The simulation replays, and the checker it ends with can say no."""

from collections.abc import Callable
from contextlib import suppress
from copy import deepcopy
from datetime import timedelta

import pytest

from tests.durability.checker import check
from tests.durability.evidence import Evidence
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
    for ranking in evidence.rows("ranking"):
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


TAMPERS = [
    ("I1", _lose_a_lead),
    ("I1", _leave_a_lead_alone),
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
    ("I8", _lose_a_contact),
    ("I9", _rewrite_history),
    ("I9", _lose_an_event),
    ("I10", _forget_a_checkpoint),
    ("I10", _leave_mail_lying),
]


@pytest.fixture(scope="module")
def evidence(tmp_path_factory: pytest.TempPathFactory) -> Evidence:
    """What the witnesses of one long schedule saw, one in which there is something to tamper with for each case."""
    copies = SqliteCopies(tmp_path_factory.mktemp("schedule"))
    for seed in range(FIRST_SEED, FIRST_SEED + 20):
        gathered: list[Evidence] = []
        outcome = schedule.run_schedule(seed, copies.renew(), copies.folder, steps=STEPS, keep=gathered.append)
        assert outcome.complaints == []
        with suppress(StopIteration, ValueError):
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
    assert check(_copy(tampered))[invariant].breaches  # a copy: what was read before is read again

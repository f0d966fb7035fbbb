"""I3: one logical mail a delivery id, whatever was killed while it was sent."""

from collections import Counter, defaultdict
from itertools import pairwise

from tests.durability.checks import Finding
from tests.durability.evidence import Evidence, Row

_SLACK = 2.0  # seconds between a witness's note of a fault and the fault


def check_one_mail(evidence: Evidence) -> Finding:
    """I3: the same Message-ID on any copy; copies at most 1 + crashes in the DATA window; none sent is missing.

    A second copy must have its reason between the two: an answer that could not be given, or a fault. What came back
    may be sent again by an operator, once each time.
    """
    messages = {row["id"]: row for row in evidence.rows("message") if row["channel"] == "mail"}
    by_number: dict[int, list[Row]] = defaultdict(list)
    numbers_of: dict[str, set[int]] = defaultdict(set)
    for mail in sorted(evidence.mails, key=lambda mail: float(mail["at"])):
        by_number[mail["number"]].append(mail)
        numbers_of[mail["message_id"]].add(mail["number"])
    copies = sum(len(mails) - 1 for mails in by_number.values())
    finding = Finding(f"{len(by_number)} mails, {copies} copies")
    for message_id, numbers in numbers_of.items():
        finding.expect(len(numbers) == 1, f"{message_id} is the Message-ID of mails {sorted(numbers)}")
    faults = [
        (float(fault["at"]), float(fault.get("until", fault["at"])), _in_flight(evidence, fault["component"]))
        for fault in evidence.faults
        if fault["what"] != "stopped"  # never for as long as a claim lasts
    ]
    resent = _sent_again(evidence)
    unexplained, allowed = 0, sum(weight for _at, _end, weight in faults) + resent.total()
    for number, mails in by_number.items():
        identities = {(mail["message_id"], mail["kind"], mail["lead"], mail["recipient"]) for mail in mails}
        finding.expect(len(identities) == 1, f"mail {number} went out as {len(identities)} different mails")
        if number not in messages:
            finding.breaches.append(f"mail {number} was sent, and there is no such message")
        for earlier, later in pairwise(mails):
            if not earlier["answered"]:
                continue
            unexplained += 1
            since, until = float(earlier["at"]) - _SLACK, float(later["at"])
            failed = any(weight and at <= until and since <= end for at, end, weight in faults)
            resent[number] -= not failed
            finding.expect(
                failed or resent[number] >= 0,
                f"mail {number} ({earlier['kind']}) was sent again though its 250 was said and nothing had failed",
            )
    finding.expect(unexplained <= allowed, f"{unexplained} mails were sent again, {allowed} could be")
    for message in messages.values():
        sent = message["id"] in by_number
        if message["state"] == "sent":
            finding.expect(sent, f"mail {message['id']} ({message['kind']}) is said to be sent and never came")
            told = {mail["message_id"] for mail in by_number[message["id"]]}
            finding.expect(message["external_id"] in told or not sent, f"mail {message['id']} has another Message-ID")
    return finding


def _sent_again(evidence: Evidence) -> Counter[int]:
    """How often each mail was sent again because it had come back."""
    resent, back = Counter[int](), set[int]()
    for event in sorted(evidence.rows("audit_event"), key=lambda row: row["id"]):
        if event["event"] == "message.bounced":
            back.add(event["data"]["message"])
        elif event["event"] == "message.revived" and event["data"]["message"] in back:
            back.remove(event["data"]["message"])
            resent[event["data"]["message"]] += 1
    return resent


def _in_flight(evidence: Evidence, component: str) -> int:
    """How many mails may be on their way when this dies or stops: those of the postmen of each of two stewards, and one
    of a worker while the flow `sweep` runs in it, which never runs twice at once."""
    stewards = 2 * evidence.postmen
    one = {"steward": evidence.postmen, "worker": 1, "machine": stewards}
    return (one | {"database": stewards + 1, "smtp": stewards + 1}).get(component, 0)

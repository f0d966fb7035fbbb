"""A lead that has not reached its partner: it is lost if neither its mail nor a word about it gets through (D11).

The desk and the status page show dead and waiting alerts too, but from the same rows, and only to somebody who looks:
what counts as heard is an alert that the mail server took.
"""

import re
from collections import defaultdict
from datetime import timedelta

from tests.durability.checks import Finding
from tests.durability.checks.hours import duration
from tests.durability.evidence import Evidence, Row

ALLOWED = timedelta(seconds=90)  # what is due is done by then
LONGEST_DELAY = timedelta(minutes=15)  # between two tries
AGAIN_AFTER, AGAIN_EVERY = timedelta(hours=1), timedelta(hours=4)  # the operators are told again

_ANSWER = re.compile(r"(?P<code>\d{3})(?: (?P<detail>\d\.\d+\.\d+))? at (?P<step>.+)")
_TALK = ("RCPT TO", "DATA")
_SIZE = re.compile(r"552|523|\d+ 5\.3\.4|\d+ 5\.2\.3")
_POLICY_CODES = {"500", "502", "503", "504", "521", "530", "534", "535", "538"}
_CONNECTION = re.compile(r"no answer in time|connection (lost|refused)|TLS|DNS")


def check_reached(evidence: Evidence, finding: Finding) -> None:
    """A lead in somebody's hands has reached them, or will soon, or the operators hear of it again and again."""
    for attempt in evidence.rows("attempt"):
        if attempt["received_at"] is None and attempt["ended_at"] is None:
            _check_heard(evidence, attempt, finding)


def check_mended(evidence: Evidence, finding: Finding) -> None:
    """No mail is dead because of the mail server, and none is put off any more when it takes mail again."""
    mails = [row for row in evidence.rows("message") if row["channel"] == "mail"]
    taken = [row["sent_at"] for row in mails if row["state"] == "sent"]
    dead = [row for row in mails if row["state"] == "dead"]
    for mail in dead:
        server = is_the_servers_fault(mail["error"])
        finding.expect(not server, f"message {mail['id']} ({mail['kind']}) is dead of the server's {mail['error']}")
    _check_refused_alike(evidence, dead, finding)
    for mail in mails:
        if mail["state"] == "pending" and mail["postponed"] and mail["failed_at"] < evidence.now - ALLOWED:
            works = any(instant > mail["failed_at"] for instant in taken)
            finding.expect(
                not works, f"message {mail['id']} ({mail['kind']}) is put off though the server takes mail again"
            )


def is_the_servers_fault(reason: str | None) -> bool:
    """Whether what was said last of a mail is said of the server, its policy or our sender (RFC 5321, RFC 3463)."""
    answer = _ANSWER.fullmatch(reason or "")
    if answer is None:
        return _CONNECTION.match(reason or "") is not None
    code, detail, step = answer["code"], answer["detail"] or "", answer["step"]
    if code == "421" or step not in (*_TALK, "MAIL FROM"):
        return True
    if _SIZE.match(reason or "") or code.startswith("4"):
        return False
    if step == "MAIL FROM":
        return True
    if not detail:
        return code in _POLICY_CODES
    return detail in ("5.1.7", "5.1.8") or detail.startswith(("5.3.", "5.5.", "5.7."))


def _check_heard(evidence: Evidence, attempt: Row, finding: Finding) -> None:
    first = duration(evidence.rules(attempt["rules_month"]).get("alerts", {}).get("undelivered", "10m"))
    age = evidence.now - attempt["started_at"] - ALLOWED
    name = f"lead {attempt['lead_id']} (attempt {attempt['id']})"
    of_attempt = [row for row in evidence.messages_of[attempt["lead_id"]] if row["attempt_id"] == attempt["id"]]
    on_its_way = any(row["kind"] == "lead" and _will_be_tried(evidence, row) for row in of_attempt)
    alerts = [row for row in of_attempt if row["kind"] == "alert_undelivered"]
    coming = any(_will_be_tried(evidence, row) for row in alerts)
    told = any(row["state"] == "sent" for row in alerts)
    # What died of the first alert is made good by the second.
    lost = age > max(first, AGAIN_AFTER) and not (on_its_way or coming or told)
    finding.expect(not lost, f"{name} is lost: neither its mail nor an alert about it gets through")
    if age > max(first, AGAIN_AFTER) and not coming:
        latest = max((row["created_at"] for row in alerts), default=attempt["started_at"])
        silent = evidence.now - max(latest, attempt["started_at"] + first)
        again = latest > attempt["started_at"] and silent <= AGAIN_EVERY + ALLOWED
        finding.expect(again, f"{name} has not been received, and the operators have not heard of it since {latest}")


def _will_be_tried(evidence: Evidence, mail: Row) -> bool:
    """Whether a mail waits for a try that is near, and not for a server that was mended long ago."""
    near = mail["not_before"] <= evidence.now + LONGEST_DELAY
    return bool(mail["state"] == "pending" and near and not mail["postponed"])


def _check_refused_alike(evidence: Evidence, dead: list[Row], finding: Finding) -> None:
    """Two recipients refused with the same bare words, and no mail taken in between: it was the server.

    Only a mail that was refused for the first time tells: another had its chance, and mail was taken since.
    """
    refusals: dict[int, int] = defaultdict(int)
    for fault in evidence.faults:
        if fault["what"] == "refused":
            refusals[fault["number"]] += 1
    mail = {row["id"] for row in evidence.rows("message") if row["channel"] == "mail"}
    sent = [event for event in evidence.events["message.sent"] if event["data"]["message"] in mail]
    died = {event["data"]["message"]: event for event in evidence.events["message.dead"]}
    unclear = [row for row in dead if row["id"] in died and re.fullmatch(r"5\d\d at .*", row["error"] or "")]
    for later in unclear:
        if refusals[later["id"]] != 1:
            continue
        for earlier in unclear:
            if earlier["error"] != later["error"] or _recipient(earlier) == _recipient(later):
                continue
            first, second = died[earlier["id"]], died[later["id"]]
            between = [e for e in sent if e["id"] < second["id"] and (e["id"] > first["id"] or e["at"] > first["at"])]
            finding.expect(
                first["id"] > second["id"] or bool(between),
                f"messages {earlier['id']} and {later['id']} are dead, though both were refused: {later['error']}",
            )


def _recipient(mail: Row) -> tuple[str, object]:
    if mail["partner_code"] is not None:
        return "partner", mail["partner_code"]
    return ("client", mail["lead_id"]) if mail["kind"] == "welcome" else ("operators", None)

"""The documented keys of every JSON answer; a key too many or too few is a failure."""

from collections.abc import Callable
from typing import Any

_CHECKPOINT = {"kind", "opens_at", "due_at", "verdict", "judged_at", "judged_by", "violation"}
_ATTEMPT = {"number", "partner", "started_at", "ended_at", "end_reason", "received_at", "checkpoints", "contacts"}
_ENTRY = {"partner", "place", "growth_percent", "previous_billed", "billed", "kits_sold", "reason"}
_LEADS = {"waiting", "in_work", "paused", "closed", "attached", "out_of_programme"}
_TENURE = {"partner", "month", "lead_month", "ranking_version", "started_at"}
_QUARANTINED = {"id", "row", "reason", "issuer", "number", "months"}
_DOUBLE = {"issuer", "number", "issued_on", "month", "amount", "file"}
_VIOLATION = {"violation", "lead", "partner", "checkpoint", "reason", "recorded_at", "reversed_at"}


def _keys(value: Any, expected: set[str], where: str) -> None:
    assert isinstance(value, dict), f"{where} is not an object: {value!r}"
    assert set(value) == expected, f"keys of {where}: {sorted(value)}, documented: {sorted(expected)}"


_MESSAGES = {"pending", "failing", "dead", "bounced", "oldest_due", "since", "reason", "alerts"}


def _each(values: Any, expected: set[str], where: str) -> None:
    assert isinstance(values, list), f"{where} is not a list: {values!r}"
    for value in values:
        _keys(value, expected, where)


def _rank(value: Any) -> None:
    _keys(value, {"month", "version", "complete", "entries"}, "rank")
    _each(value["entries"], _ENTRY, "rank.entries")
    for entry in value["entries"]:
        assert isinstance(entry["kits_sold"], int)
        for name in ("growth_percent", "previous_billed", "billed"):
            assert isinstance(entry[name], str) or (name == "growth_percent" and entry[name] is None), entry


def _status(value: Any) -> None:
    changed = value.get("changed_since_published", ["there only where there is something to say"])
    assert changed and all(isinstance(month, str) for month in changed), changed
    always = {name: it for name, it in value.items() if name != "changed_since_published"}
    _keys(always, {"holder", "tenure", "leads", "overdue", "messages"}, "status")
    _keys(value["leads"], _LEADS, "status.leads")
    _keys(value["messages"], _MESSAGES, "status.messages")
    if value["tenure"] is not None:
        _keys(value["tenure"], _TENURE, "status.tenure")
        assert value["tenure"]["partner"] == value["holder"]


def _lead_show(value: Any) -> None:
    _keys(value, {"lead", "state", "attempts"}, "lead show")
    _each(value["attempts"], _ATTEMPT, "lead show.attempts")
    for attempt in value["attempts"]:
        assert attempt["end_reason"] in (None, "moved", "assigned", "paused", "closed")
        _each(attempt["checkpoints"], _CHECKPOINT, "lead show.checkpoints")
    assert sum(attempt["ended_at"] is None for attempt in value["attempts"]) <= 1, "two open attempts of one lead (D11)"


def _publish(value: Any) -> None:
    _keys(value, {"month", "version", "places"}, "publish")
    _each(value["places"], {"place", "partner", "growth_percent", "kits_sold"}, "publish.places")


def _activate(value: Any) -> None:
    _keys(value, {"month", "lead_month", "holder", "skipped"}, "activate")
    _each(value["skipped"], {"partner", "reason"}, "activate.skipped")


def _ingest(value: Any) -> None:
    _keys(value, {"rows", "invoices", "accepted", "unchanged", "revised", "cancelled", "quarantined"}, "ingest")
    _each(value["quarantined"], {"row", "reason"}, "ingest.quarantined")


def _doubles(value: Any) -> None:
    _each(value, {"id", "partner", "months", "first", "second"}, "doubles list")
    for side in ("first", "second"):
        _each([pair[side] for pair in value], _DOUBLE, f"doubles list.{side}")


def _diff(value: Any) -> None:
    _keys(value, {"month", "from", "to", "moved"}, "diff")
    _each(value["moved"], {"partner", "from", "to", "because"}, "diff.moved")


def _contact(value: Any) -> None:
    said = {"notice", "open_until", "missing"} & value.keys()  # where there is something to say
    _keys(value, {"lead", "state", "effect", *said}, "contact")
    assert value["effect"] in ("counted", "kept", "after_end")


_SHAPES: dict[str, Callable[[Any], None]] = {
    "rank": _rank,
    "status": _status,
    "lead show": _lead_show,
    "publish": _publish,
    "activate": _activate,
    "ingest": _ingest,
    "diff": _diff,
    "contact": _contact,
    "lead add": lambda value: _keys(value, {"lead", "created", "attached_to"}, "lead add"),
    "sweep": lambda value: _keys(value, {"delivered", "judged", "violations", "switches", "handed_over"}, "sweep"),
    "doubles": _doubles,
    "quarantine": lambda value: _each(value, _QUARANTINED, "quarantine list"),
    "violation list": lambda value: _each(value, _VIOLATION, "violation list"),
}


def check(value: Any, shape: str) -> Any:
    """Hold an answer to its documented shape and return it."""
    _SHAPES[shape](value)
    return value

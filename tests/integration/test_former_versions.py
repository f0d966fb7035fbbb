"""Versions that were ranked while all rules were part of their identity stay what they are (D5)."""

import hashlib
from collections.abc import Iterable
from typing import Any

import pytest
from sqlmodel import col, select

from models import Publication, Ranking, RankingEntry
from rasti.ledger.previews import preview_register
from rasti.ledger.rankings import difference, publish, rank
from rasti.ledger.versions import RankingView
from rasti.rules.programme import Rules
from tests.builders import MONTH, SECOND, WINNER, invoice_row, register
from tests.desk import Desk, desk
from tests.integration.test_rankings import _august, _bill, _programme, _state

__all__ = ["desk"]

NO_LISTS = {"days_on", "days_off"}  # that rules did not have then
LATER = [{"from": "2019-08", "call_window": "10:00-19:00", "reminders": {}, "days_off": ["2020-06-24"]}]


def _digest(texts: Iterable[str]) -> str:
    return hashlib.sha256("\n".join(sorted(texts)).encode()).hexdigest()


def _as_it_was_ranked(desk: Desk, *rules: Rules) -> None:
    """Give versions, from the first on, the identity that the former program gave them under these rules."""
    with desk.book.write() as tx:
        for version, then in enumerate(rules, start=1):
            ranking = tx.session.execute(select(Ranking).where(col(Ranking.version) == version)).scalar_one()
            of_rules = hashlib.sha256(then.model_dump_json(by_alias=True, exclude=NO_LISTS).encode()).hexdigest()
            ranking.rules_digest = of_rules
            ranking.inputs = dict(ranking.inputs) | {"rules": of_rules}
            ranking.digest = _digest(f"{name}={digest}" for name, digest in ranking.inputs.items())


def _rules(**changes: Any) -> Rules:
    return Rules.model_validate({"from": "2019-08"} | changes)


def _former(desk: Desk, **changes: Any) -> RankingView:
    """August, ranked by the former program."""
    _august(desk)
    view = rank(desk.book, MONTH)
    _as_it_was_ranked(desk, _rules(**changes))
    return view


def test_the_identity_of_before_is_the_one_that_the_former_program_wrote(desk: Desk) -> None:
    """Digests that the former code computed for the rules of the letter and for others."""
    _former(desk)
    with desk.book.read() as tx:
        (ranking,) = tx.all(select(Ranking))
    assert ranking.inputs["rules"] == "675a9a0a35a9aebd514f2bf7332b4d341abbd05f34914e52277cf97330ca837a"
    always = {"call_window_applies": "always", "working_days": "mon-fri", "holidays": "RU"}
    assert _rules(**always).digest == "cada569f5b0d1947e0b95fc2d8b31c857ff99266e5eec7266a876105baedd79e"


@pytest.mark.parametrize("rules", [[{"from": "2019-08"}], LATER], ids=["unchanged", "other hours since"])
def test_ranking_an_unchanged_month_after_the_upgrade_makes_no_new_version(desk: Desk, rules: list[Any]) -> None:
    before = _former(desk)
    upgraded = _programme(desk, rules=rules)

    found = rank(upgraded.book, MONTH)

    assert (found.version, found.computed_now, found.entries) == (1, False, before.entries)
    assert rank(_programme(desk, rules=LATER).book, MONTH).version == 1
    assert desk.size(Ranking) == 1


def test_publishing_again_after_the_upgrade_changes_nothing(desk: Desk) -> None:
    _former(desk)
    with desk.book.write() as tx:
        (ranking,) = tx.all(select(Ranking))
        tx.session.add(Publication(ranking_id=ranking.id, month=MONTH, published_at=tx.now))
    assert not publish(desk.book, MONTH).published_now


def test_of_versions_that_differ_in_what_ranking_read_the_right_one_is_found(desk: Desk) -> None:
    _august(desk)
    high = _programme(desk, rules=[{"from": "2019-08", "minimum_base": 20001}])
    rank(desk.book, MONTH)
    rank(high.book, MONTH)
    _as_it_was_ranked(desk, _rules(), _rules(minimum_base=20001))

    assert rank(desk.book, MONTH).version == 1
    assert rank(high.book, MONTH).version == 2
    assert difference(desk.book, MONTH, 1, 2).inputs == ["rules"]


def test_of_versions_that_differ_in_other_rules_the_one_of_the_same_rules_is_found(desk: Desk) -> None:
    _former(desk)
    _bill(desk, MONTH, WINNER, "25000.00")
    rank(desk.book, MONTH)
    _bill(desk, MONTH, WINNER, "28000.00")
    with desk.book.write() as tx:
        first, second = tx.all(select(Ranking).order_by(col(Ranking.version)))
        second.inputs = first.inputs
        for entry in tx.all(select(RankingEntry).where(col(RankingEntry.ranking_id) == second.id)):
            tx.session.delete(entry)
        tx.session.flush()
        for entry in tx.all(select(RankingEntry).where(col(RankingEntry.ranking_id) == first.id)):
            tx.session.add(RankingEntry(**entry.model_dump() | {"ranking_id": second.id}))
    _as_it_was_ranked(desk, _rules(), _rules(drain_per_hour=5))

    assert rank(desk.book, MONTH).version == 1


def test_what_ranking_reads_makes_a_new_version_after_the_upgrade_too(desk: Desk) -> None:
    _former(desk)
    high = _programme(desk, rules=[{"from": "2019-08", "minimum_base": 20001}])
    assert rank(high.book, MONTH).version == 2
    assert difference(desk.book, MONTH, 1, 2).inputs == ["rules"]


@pytest.mark.parametrize("change", ["invoices", "partners"])
def test_a_correction_after_the_upgrade_is_not_taken_for_other_rules(desk: Desk, change: str) -> None:
    _former(desk)
    if change == "invoices":
        _bill(desk, MONTH, WINNER, "25000.00")
    else:
        with _state(desk) as partner:
            partner.suspended_at, partner.suspended_reason = desk.book.clock(None), "x"  # type: ignore[arg-type]

    assert rank(desk.book, MONTH).version == 2

    found = difference(desk.book, MONTH, 1, 2)
    assert found.inputs == [change]
    assert not any("rules" in str(cause) for move in found.moved for cause in move.because)


def test_a_preview_does_not_take_other_hours_for_the_cause(desk: Desk) -> None:
    _august(desk)
    publish(desk.book, MONTH)
    other = _programme(desk, rules=LATER)
    path = desk.folder / "correction.csv"
    row = {"number": f"{WINNER}-{MONTH}", "issued_on": f"{MONTH}-15", "partner_code": WINNER, "amount": "25000.00"}
    path.write_text(register(invoice_row(**row)), encoding="utf-8")

    (month,) = [month for month in preview_register(other.book, path).months if month.month == MONTH]

    assert {move.partner: [str(cause) for cause in move.because] for move in month.moved} == {
        SECOND: [f"{WINNER} fell behind"],
        WINNER: ["billed in the month: 28000.00 -> 25000.00"],
    }


def test_no_key_of_the_rules_that_ranking_does_not_read_is_part_of_a_version(desk: Desk) -> None:
    """Each other key of programme.yaml with another value: a new one has to be put on one of the two sides here."""
    changes: dict[str, Any] = {
        "from_month": "2019-07",
        "announced_places": 1,
        "regulation": {"1h": [0, 2], "3d": [24, 72], "2w": [168, 336]},
        "call_window": "10:00-19:00",
        "call_window_applies": "always",
        "working_days": "mon-fri",
        "holidays": "RU",
        "days_on": ["2021-02-20"],
        "days_off": ["2020-06-24"],
        "completion": "20m",
        "no_answer": {"calls": 3},
        "automatic_attempts": 3,
        "drain_per_hour": 5,
        "duplicate_days": 10,
        "reminders": {},
        "alerts": {"welcome": "5m"},
    }
    read: dict[str, Any] = {
        "growth_decimals": 3,
        "require_growth": False,
        "minimum_base": 1,
        "counted_products": ["grm"],
        "support_kit": "kit",
    }
    assert set(changes) | set(read) == set(Rules.model_fields)
    for key, value in changes.items():
        alias = Rules.model_fields[key].alias or key
        with_it = {"working_days": "mon-fri"} if key == "holidays" else {}
        assert _rules(**with_it, **{alias: value}).ranking_digest == _rules().ranking_digest, key
    for key, value in read.items():
        assert _rules(**{key: value}).ranking_digest != _rules().ranking_digest, key
    assert _rules(minimum_base="0.00", counted_products=["b", "a"]).ranking_digest == (
        _rules(counted_products=["a", "b", "a"]).ranking_digest
    )

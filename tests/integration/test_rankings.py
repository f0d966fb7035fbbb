"""Versions of a ranking: what makes a new one, and what the difference says (D4, D5, D6)."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from threading import Barrier, Thread
from typing import Any

import pytest
from sqlmodel import col, select

from models import Attempt, AuditEvent, Lead, Partner, Ranking, Tenure
from rasti.errors import NotFound, Refused
from rasti.ledger.book import Tx
from rasti.ledger.months import close_month, list_quarantine, note_incomplete, resolve_quarantined
from rasti.ledger.partners import accept_regulation
from rasti.ledger.rankings import RankingView, difference, rank
from rasti.rules.kinds import AttemptOrigin, Event, LeadState, NotRanked
from rasti.rules.month import Month
from rasti.rules.programme import Programme
from tests.builders import MONTH, SECOND, WINNER, invoice_row
from tests.clock import moscow
from tests.desk import Desk, desk

__all__ = ["desk"]

JULY = MONTH.previous


def _bill(desk: Desk, month: Month, partner: str, amount: str, **changes: Any) -> None:
    """One invoice a partner and month: another amount is a new revision."""
    row = {"number": f"{partner}-{month}", "issued_on": f"{month}-15", "partner_code": partner, "amount": amount}
    report = desk.ingest(invoice_row(**(row | changes)), again=True)
    assert not report.quarantined


def _august(desk: Desk) -> None:
    """The winner grew by 40 %, the second by 30 %."""
    for partner, amount in ((WINNER, "28000.00"), (SECOND, "26000.00")):
        _bill(desk, JULY, partner, "20000.00")
        _bill(desk, MONTH, partner, amount)


def _programme(desk: Desk, **changes: Any) -> Desk:
    """The same desk under another programme."""
    data = {"timezone": "Europe/Moscow", "first_month": "2019-08", "rules": [{"from": "2019-08"}]}
    return Desk(replace(desk.book, programme=Programme.model_validate(data | changes)), desk.folder)


def _rank(desk: Desk, month: Month = MONTH) -> RankingView:
    return rank(desk.book, month)


def _reasons(view: RankingView) -> dict[str, NotRanked | None]:
    return {entry.partner: entry.reason for entry in view.entries}


@contextmanager
def _state(desk: Desk, code: str = WINNER) -> Iterator[Partner]:
    with desk.book.write() as tx:
        partner = tx.session.get_one(Partner, code)
        yield partner
        tx.session.add(partner)


def _hand_over(tx: Tx, partner: str, *, lead_month: Month, started_at: str) -> None:
    """Rows of a lead that was handed over in a tenure."""
    ranking = Ranking(
        month=lead_month.previous,
        version=99,
        digest="x",
        rules_digest="x",
        complete=True,
        missing=[],
        inputs={},
        computed_at=tx.now,
    )
    tx.session.add(ranking)
    tx.session.flush()
    at = moscow(started_at)
    tenure = Tenure(partner_code=partner, lead_month=lead_month, ranking_id=ranking.id, place=1, started_at=at)
    lead = Lead(
        source="site",
        source_id=started_at,
        body_digest="x",
        requested_at=at,
        arrived_at=at,
        product="x",
        configuration_url="https://cloud.example/1",
        workplaces=1,
        state=LeadState.IN_WORK,
    )
    tx.session.add_all([tenure, lead])
    tx.session.flush()
    tx.session.add(
        Attempt(
            lead_id=lead.id,
            number=1,
            partner_code=partner,
            tenure_id=tenure.id,
            rules_month=lead_month,
            origin=AttemptOrigin.NEW,
            started_at=at,
        )
    )


def test_a_ranking_is_stored_and_read_as_it_was_computed_D5(desk: Desk) -> None:
    _august(desk)
    computed = _rank(desk)
    found = _rank(desk)

    assert (computed.computed_now, found.computed_now) == (True, False)
    assert found.as_json() == computed.as_json()
    assert computed.as_json()["entries"][0] == {
        "partner": WINNER,
        "place": 1,
        "growth_percent": "40.00",
        "previous_billed": "20000.00",
        "billed": "28000.00",
        "kits_sold": 0,
        "reason": None,
    }


def test_the_same_inputs_are_one_version_D5(desk: Desk) -> None:
    _august(desk)
    _rank(desk)
    with _state(desk) as partner:
        partner.name, partner.city = "renamed", "elsewhere"
    accept_regulation(desk.book, WINNER)
    _bill(desk, JULY.previous, WINNER, "5.00")
    assert _rank(desk).version == 1
    assert desk.size(Ranking) == 1


def test_the_version_does_not_depend_on_the_order_of_import_D5(desk: Desk) -> None:
    _august(desk)
    first = _rank(desk)
    for partner, amount in ((SECOND, "1.00"), (WINNER, "2.00"), (SECOND, "26000.00"), (WINNER, "28000.00")):
        _bill(desk, MONTH, partner, amount)
    assert _rank(desk).ranking_id == first.ranking_id


def test_two_who_rank_at_once_make_one_version_D5(desk: Desk) -> None:
    _august(desk)
    ready, found = Barrier(2), []

    def run() -> None:
        ready.wait()
        found.append(_rank(desk).version)

    threads = [Thread(target=run) for _ in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert found == [1, 1]


def test_a_corrected_invoice_makes_version_two_and_names_who_moved_D5(desk: Desk) -> None:
    _august(desk)
    _rank(desk)

    _bill(desk, MONTH, WINNER, "25000.00")

    assert _rank(desk).version == 2
    assert difference(desk.book, MONTH, 1, 2).as_json() == {
        "month": "2019-08",
        "from": 1,
        "to": 2,
        "moved": [
            {"partner": SECOND, "from": 2, "to": 1, "because": ["winner fell behind"]},
            {
                "partner": WINNER,
                "from": 1,
                "to": 2,
                "because": ["billed in the month: 28000.00 -> 25000.00"],
            },
        ],
    }
    assert difference(desk.book, MONTH, 1, 2).inputs == ["invoices"]


def test_inputs_that_return_find_their_former_version_D5(desk: Desk) -> None:
    _august(desk)
    _rank(desk)
    _bill(desk, MONTH, WINNER, "25000.00")
    _rank(desk)
    _bill(desk, MONTH, WINNER, "28000.00")
    assert _rank(desk).version == 1


def test_a_suspension_makes_a_new_version_D3_D5(desk: Desk) -> None:
    _august(desk)
    _rank(desk)
    with _state(desk) as partner:
        partner.suspended_at, partner.suspended_reason = desk.book.clock(None), "x"  # type: ignore[arg-type]

    view = _rank(desk)

    assert (view.version, _reasons(view)[WINNER]) == (2, NotRanked.SUSPENDED)
    found = difference(desk.book, MONTH, 1, 2)
    assert found.inputs == ["partners"]
    assert found.as_json()["moved"][1]["because"] == ["suspended"]


def test_the_state_of_a_partner_without_lines_is_not_read_D5(desk: Desk) -> None:
    _august(desk)
    _rank(desk)
    with _state(desk, "stranger") as partner:
        partner.suspended_at, partner.suspended_reason = desk.book.clock(None), "x"  # type: ignore[arg-type]
    assert _rank(desk).version == 1


@pytest.mark.parametrize(
    ("month", "product", "version"),
    [
        (JULY, "support-kit", 2),
        (MONTH, "support-kit", 2),
        (JULY, "grm", 2),
        (JULY, "training", 1),
        (MONTH, "training", 1),
    ],
)
def test_the_state_of_a_partner_is_read_with_a_counted_line_or_a_kit_in_either_month_D5(
    desk: Desk, month: Month, product: str, version: int
) -> None:
    desk = _programme(desk, rules=[{"from": "2019-08", "counted_products": ["grm"]}])
    _bill(desk, MONTH, WINNER, "28000.00", product_code="grm")
    _bill(desk, month, "stranger", "10.00", product_code=product)
    _rank(desk)

    with _state(desk, "stranger") as partner:
        partner.suspended_at, partner.suspended_reason = desk.book.clock(None), "x"  # type: ignore[arg-type]

    assert _rank(desk).version == version


def test_entries_are_the_partners_with_counted_lines_D1_D5(desk: Desk) -> None:
    _august(desk)
    _bill(desk, JULY.previous, "third", "1.00")
    _bill(desk, MONTH.next, "third", "1.00")
    _bill(desk, MONTH, "unknown", "1.00")
    assert _reasons(_rank(desk)) == {WINNER: None, SECOND: None, "unknown": NotRanked.NO_CABINET_ACCESS}


@pytest.mark.parametrize(
    ("lead_month", "started_at", "reason"),
    [
        (MONTH, "2019-08-01 00:00", NotRanked.HOLDS_THE_LEADS),
        (MONTH, "2019-08-31 23:59", NotRanked.HOLDS_THE_LEADS),
        (MONTH, "2019-09-01 00:00", None),  # held on after the month (D8)
        (MONTH.previous, "2019-08-01 00:00", None),  # a lead of the tenure before
    ],
)
def test_who_was_handed_a_lead_of_the_month_during_it_is_not_ranked_R5_D3(
    desk: Desk, lead_month: Month, started_at: str, reason: NotRanked | None
) -> None:
    _august(desk)
    _rank(desk)
    with desk.book.write() as tx:
        _hand_over(tx, WINNER, lead_month=lead_month, started_at=started_at)

    view = _rank(desk)

    assert _reasons(view)[WINNER] is reason
    assert view.version == (2 if reason else 1)


def test_a_tenure_without_a_lead_excludes_nobody_R5_D3(desk: Desk) -> None:
    _august(desk)
    with desk.book.write() as tx:
        _hand_over(tx, WINNER, lead_month=MONTH, started_at="2019-08-10 12:00")
        tx.session.flush()
        tx.session.delete(tx.session.execute(select(Attempt)).scalar_one())
    assert _reasons(_rank(desk))[WINNER] is None


def test_kits_are_those_of_the_month_itself_R3(desk: Desk) -> None:
    _bill(desk, JULY, WINNER, "20000.00", product_code="support-kit", quantity=9)
    _bill(desk, MONTH, WINNER, "28000.00", product_code="support-kit", quantity=2)
    (entry,) = _rank(desk).entries
    assert (entry.kits_sold, f"{entry.billed:f}") == (2, "28000.00")


def test_only_counted_products_are_billed_but_kits_decide_R2_R3(desk: Desk) -> None:
    desk = _programme(desk, rules=[{"from": "2019-08", "counted_products": ["grm"]}])
    _bill(desk, JULY, WINNER, "20000.00")
    desk.ingest(
        invoice_row(amount="28000.00"),
        invoice_row(amount="99.00", product_code="training"),
        invoice_row(amount="70.00", product_code="support-kit", quantity=3),
    )
    (entry,) = _rank(desk).entries
    assert (f"{entry.billed:f}", entry.kits_sold) == ("28000.00", 3)


def test_other_rules_make_a_new_version_D5(desk: Desk) -> None:
    _august(desk)
    _rank(desk)
    other = _programme(desk, rules=[{"from": "2019-08", "minimum_base": 20001}])
    assert _rank(other).version == 2
    moved = difference(desk.book, MONTH, 1, 2).as_json()["moved"]
    assert {tuple(move["because"]) for move in moved} == {("the rules changed",)}


def test_rules_of_a_later_month_do_not_touch_the_past_D5(desk: Desk) -> None:
    _august(desk)
    desk = _programme(desk)
    _rank(desk)
    later = [{"from": "2019-08"}, {"from": "2019-09", "minimum_base": 20001}]
    assert _rank(_programme(desk, rules=later)).version == 1


@pytest.mark.parametrize("month", ["2019-07", "2020-12", "2019-09"])
def test_a_month_outside_the_programme_or_not_ended_is_refused_D4(desk: Desk, month: str) -> None:
    _august(desk)
    before = desk.size(AuditEvent)
    with pytest.raises(Refused, match=month):
        _rank(desk, Month.parse(month))
    assert (desk.size(Ranking), desk.size(AuditEvent)) == (0, before)


def test_a_month_can_be_ranked_from_its_last_instant_on_D4(desk: Desk) -> None:
    _august(desk)
    clock: Any = desk.book.clock
    clock.set("2019-08-31 23:59:59")
    with pytest.raises(Refused):
        _rank(desk)
    clock.set("2019-09-01 00:00")
    assert _rank(desk).complete


def test_a_month_without_a_counted_invoice_is_incomplete_D6(desk: Desk) -> None:
    _bill(desk, JULY, WINNER, "20000.00")
    view = _rank(desk)
    assert view.missing == [{"what": "no_invoices", "month": "2019-08"}]
    assert not view.complete


def test_every_issuer_of_the_programme_must_have_closed_the_month_D6(desk: Desk) -> None:
    desk = _programme(desk, issuers=["vendor", "distributor"])
    _august(desk)
    close_month(desk.book, "vendor", MONTH)
    close_month(desk.book, "distributor", JULY)

    assert _rank(desk).missing == [{"what": "not_closed", "issuer": "distributor", "month": "2019-08"}]

    close_month(desk.book, "distributor", MONTH)
    view = _rank(desk)
    assert (view.complete, view.version) == (True, 2)
    found = difference(desk.book, MONTH, 1, 2)
    assert (found.moved, found.inputs) == ([], ["completeness"])


def test_closing_twice_is_closing_once_and_a_slip_of_the_pen_is_refused_D6(desk: Desk) -> None:
    _august(desk)
    assert close_month(desk.book, "vendor", MONTH).closed_now
    assert not close_month(desk.book, "vendor", MONTH).closed_now
    assert close_month(desk.book, "anybody", MONTH).closed_now
    named = _programme(desk, issuers=["distributor"])
    assert close_month(named.book, "vendor", JULY).closed_now  # it has invoices
    with pytest.raises(Refused, match="vendro"):
        close_month(named.book, "vendro", MONTH)
    with pytest.raises(Refused):
        close_month(desk.book, " ", MONTH)


def test_quarantine_makes_the_version_incomplete_until_it_is_resolved_D6(desk: Desk) -> None:
    _august(desk)
    desk.ingest(invoice_row(amount="oops"))
    assert not _rank(desk).complete
    resolve_quarantined(desk.book, list_quarantine(desk.book)[0].id, reason="a test invoice")
    view = _rank(desk)
    assert (view.complete, view.version) == (True, 2)


def test_operators_are_told_of_an_incomplete_month_once_a_day_D6(desk: Desk) -> None:
    missing = _rank(desk).missing
    told = []
    for instant in ("2019-09-02 10:00", "2019-09-02 23:59", "2019-09-03 00:00"):
        desk.book.clock.set(instant)  # type: ignore[attr-defined]
        told.append(note_incomplete(desk.book, MONTH, missing))
    assert told == [True, False, True]
    with desk.book.read() as tx:
        events = tx.all(select(AuditEvent.data).where(col(AuditEvent.event) == Event.MONTH_INCOMPLETE))
    assert events == [{"month": "2019-08", "missing": missing}] * 2


def test_a_version_that_is_not_there_has_no_difference_D5(desk: Desk) -> None:
    _august(desk)
    _rank(desk)
    assert difference(desk.book, MONTH, 1, 1).moved == []
    with pytest.raises(NotFound, match="2019-08 has no version 2"):
        difference(desk.book, MONTH, 1, 2)

"""Publishing a version: what is announced, to whom, and that it changes nobody's leads (R4, D5, D6, D7)."""

from typing import Any

import pytest
from sqlmodel import col, select

from models import AuditEvent, Message, Publication, Ranking, Tenure
from rasti.errors import NotFound, Refused
from rasti.ledger.book import Book
from rasti.ledger.rankings import PublicationView, publish, published_ranking, rank
from rasti.rules.kinds import Event, MessageKind
from tests.builders import CAST, MONTH, SECOND, THIRD, WINNER, add_partner, growing_register, invoice_row
from tests.desk import Desk, desk

__all__ = ["desk"]


@pytest.fixture
def august(desk: Desk) -> Desk:
    """A complete month: the cast grew by 100, 90, 80 and 0 percent."""
    _header, *rows = growing_register().splitlines()
    desk.ingest(*rows)
    return desk


def _publish(desk: Desk, **options: Any) -> PublicationView:
    return publish(desk.book, MONTH, **options)


def _told(book: Book) -> list[str]:
    with book.read() as tx:
        statement = select(Message.partner_code).where(col(Message.kind) == MessageKind.TOP_THREE)
        return sorted(tx.all(statement))


def _public_version(book: Book) -> int | None:
    with book.read() as tx:
        ranking = published_ranking(tx, MONTH)
        return None if ranking is None else ranking.version


def _correct(desk: Desk, amount: str = "12345.67") -> None:
    """Another bill of the winner: still the best or not."""
    changed = invoice_row(number="2019-08-1", issued_on="2019-08-15", amount=amount)
    assert desk.ingest(changed, again=True).revised == 1


def _spoil(desk: Desk) -> None:
    desk.ingest(invoice_row(number="bad", amount="oops"))


def test_the_three_best_are_announced_without_amounts_R4_D7(august: Desk) -> None:
    assert _publish(august).as_json() == {
        "month": "2019-08",
        "version": 1,
        "places": [
            {"place": 1, "partner": WINNER, "growth_percent": "100.00", "kits_sold": 0},
            {"place": 2, "partner": SECOND, "growth_percent": "90.00", "kits_sold": 0},
            {"place": 3, "partner": THIRD, "growth_percent": "80.00", "kits_sold": 0},
        ],
    }


def test_every_partner_of_the_list_is_told_unless_suspended_R4(august: Desk) -> None:
    add_partner(august.book, "idle")
    add_partner(august.book, "barred", suspended=True)
    _publish(august)
    assert _told(august.book) == sorted((*CAST, "idle"))
    with august.book.read() as tx:
        assert sorted(august.book.written) == sorted(tx.all(select(Message.id)))


def test_publishing_again_changes_nothing_D5(august: Desk) -> None:
    first, again = _publish(august), _publish(august)
    assert (first.published_now, again.published_now) == (True, False)
    assert again.as_json() == first.as_json()
    assert (august.size(Publication), august.size(Message)) == (1, len(CAST))


def test_publishing_takes_what_ranking_finds_now_D5(august: Desk) -> None:
    rank(august.book, MONTH)
    _correct(august)
    view = _publish(august)
    assert (view.version, [entry.partner for entry in view.places]) == (2, [SECOND, THIRD, WINNER])
    assert august.size(Ranking) == 2


def test_a_named_version_is_published_as_it_was_ranked_D5(august: Desk) -> None:
    rank(august.book, MONTH)
    _correct(august)
    _spoil(august)
    view = _publish(august, version=1)
    assert (view.version, view.places[0].partner) == (1, WINNER)
    assert august.size(Ranking) == 1


def test_a_former_version_can_become_the_public_one_again_D5(august: Desk) -> None:
    _publish(august)
    _correct(august)
    _publish(august)
    assert _public_version(august.book) == 2
    _publish(august, version=1)
    assert _public_version(august.book) == 1
    assert august.size(Publication) == 3
    assert august.size(Message) == 2 * len(CAST)


def test_an_incomplete_month_is_not_published_without_an_operators_reason_D6(august: Desk) -> None:
    _spoil(august)
    for options in ({}, {"allow_incomplete": True}, {"allow_incomplete": True, "reason": " "}, {"reason": "because"}):
        with pytest.raises(Refused):
            _publish(august, **options)
    assert (august.size(Ranking), august.size(Publication), august.size(Message)) == (0, 0, 0)

    _publish(august, allow_incomplete=True, reason="the row is a test invoice")

    with august.book.read() as tx:
        (data,) = tx.all(select(AuditEvent.data).where(col(AuditEvent.event) == Event.RANKING_PUBLISHED))
    assert (data["complete"], data["reason"]) == (False, "the row is a test invoice")


def test_a_named_incomplete_version_stays_incomplete_D6(august: Desk) -> None:
    _spoil(august)
    rank(august.book, MONTH)
    august.ingest(invoice_row(number="bad", amount="1.00"))
    with pytest.raises(Refused):
        _publish(august, version=1)
    assert _publish(august).version == 2


def test_an_unknown_version_is_refused(august: Desk) -> None:
    with pytest.raises(NotFound, match="version 7"):
        _publish(august, version=7)


def test_a_month_that_has_not_ended_is_not_published_D4(august: Desk) -> None:
    with pytest.raises(Refused, match="2019-09"):
        publish(august.book, MONTH.next)


def test_publishing_changes_nobodys_leads_D5(august: Desk) -> None:
    _publish(august)
    _correct(august)
    _publish(august)
    assert august.size(Tenure) == 0


def test_where_nobody_is_ranked_nobody_is_announced_R4(desk: Desk) -> None:
    desk.ingest(invoice_row())
    view = _publish(desk)
    assert view.places == []
    assert _told(desk.book) == []

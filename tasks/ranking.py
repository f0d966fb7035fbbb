"""Steps of the monthly run: rank, publish, activate, tell that a month is incomplete."""

from rasti.ledger import rankings, tenures
from rasti.ledger.rankings import PublicationView, RankingView
from rasti.ledger.tenures import Activation
from rasti.rules.month import Month
from tasks.opening import open_book
from tasks.step import step


def month_to_rank(month: str | None) -> Month | None:
    """The month asked for, or the last one that ended; None: that one is outside the programme (D4).

    A month that was asked for is checked where it is ranked. Raises BadInput.
    """
    if month:
        return Month.parse(month)
    book, _settings = open_book()
    with book.read() as tx:
        programme, last_ended = tx.programme, tx.programme.month_at(tx.now).previous
    over = programme.last_month is not None and last_ended > programme.last_month
    return None if over or last_ended < programme.first_month else last_ended


def is_activated(month: Month) -> bool:
    """Whether the month's lead month has had a holder, or was found to have none (D9)."""
    return tenures.already_activated(open_book()[0], month)


@step("rank")
def rank(month: Month) -> RankingView:
    """Compute the month's ranking, or find the version there is (D5)."""
    return rankings.rank(open_book()[0], month)


@step("publish")
def publish(month: Month, version: int, *, allow_incomplete: bool, reason: str | None) -> PublicationView:
    """Publish this version (R4, D6)."""
    return rankings.publish(open_book()[0], month, version=version, allow_incomplete=allow_incomplete, reason=reason)


@step("activate")
def activate(month: Month) -> Activation:
    """Give the leads of the lead month to the published winner; a repeat changes nothing (D9)."""
    return tenures.activate(open_book()[0], month)


@step("tell that the month is incomplete")
def tell_incomplete(ranking: RankingView) -> None:
    """Tell the operators what is missing, once a day (D6)."""
    rankings.note_incomplete(open_book()[0], ranking.month, ranking.missing)

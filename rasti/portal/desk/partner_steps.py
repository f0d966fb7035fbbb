"""What an operator decides about a partner: suspend, resume, accept the regulation, decline a month, give the leads."""

from collections.abc import Callable
from typing import Any
from urllib.parse import quote

from fastapi import APIRouter, Request
from starlette.responses import Response

from rasti.errors import RastiError, Refused
from rasti.ledger.book import Book
from rasti.ledger.desk_partners import partner_file
from rasti.ledger.desk_today import today
from rasti.ledger.handover import hand_over_waiting
from rasti.ledger.partners import accept_regulation
from rasti.ledger.tenures import decline, resume, suspend, switch_holder
from rasti.portal.desk.asking import Line, Reason, decide, needed, step_page
from rasti.portal.pages import now_of
from rasti.portal.site import Site, TheSite
from rasti.portal.visitor import OperatorsOnly, OurForm, TheOperator
from rasti.rules.month import Month

router = APIRouter(dependencies=[OperatorsOnly])


@router.get("/desk/partners/{partner}/suspend")
def ask_suspend(request: Request, site: TheSite, partner: str) -> Response:
    """Repeat what a suspension does."""
    return _ask(request, site, partner, "suspend")


@router.post("/desk/partners/{partner}/suspend", dependencies=[OurForm])
def do_suspend(request: Request, site: TheSite, visitor: TheOperator, partner: str, reason: Reason = "") -> Response:
    """Suspend the partner (D3, D10)."""

    def act(book: Book, why: str) -> str:
        suspend(book, partner, reason=why)
        return "suspended"

    return _do(request, site, visitor, partner, "suspend", act, reason)


@router.get("/desk/partners/{partner}/resume")
def ask_resume(request: Request, site: TheSite, partner: str) -> Response:
    """Repeat what the end of a suspension does."""
    return _ask(request, site, partner, "resume")


@router.post("/desk/partners/{partner}/resume", dependencies=[OurForm])
def do_resume(request: Request, site: TheSite, visitor: TheOperator, partner: str, reason: Reason = "") -> Response:
    """End the suspension."""

    def act(book: Book, why: str) -> str:
        return "resumed" if resume(book, partner, reason=why) else "same"

    return _do(request, site, visitor, partner, "resume", act, reason)


@router.get("/desk/partners/{partner}/accept")
def ask_accept(request: Request, site: TheSite, partner: str) -> Response:
    """Ask how we know that the partner follows the regulation."""
    return _ask(request, site, partner, "accept")


@router.post("/desk/partners/{partner}/accept", dependencies=[OurForm])
def do_accept(request: Request, site: TheSite, visitor: TheOperator, partner: str, reason: Reason = "") -> Response:
    """Note that the partner follows the regulation (R9)."""

    def act(book: Book, why: str) -> str:
        return "accepted" if accept_regulation(book, partner, reason=why).accepted_now else "same"

    return _do(request, site, visitor, partner, "accept", act, reason)


@router.get("/desk/partners/{partner}/decline")
def ask_decline(request: Request, site: TheSite, partner: str) -> Response:
    """Ask which month the partner does not want."""
    return _ask(request, site, partner, "decline")


@router.post("/desk/partners/{partner}/decline", dependencies=[OurForm])
def do_decline(
    request: Request, site: TheSite, visitor: TheOperator, partner: str, month: Line = "", reason: Reason = ""
) -> Response:
    """Decline a month in the partner's name (D10); `month` is the reporting month."""

    def act(book: Book, why: str) -> str:
        decline(book, Month.parse(month), partner, reason=why)
        return "declined"

    return _do(request, site, visitor, partner, "decline", act, reason, month=month)


@router.get("/desk/partners/{partner}/hold")
def ask_hold(request: Request, site: TheSite, partner: str) -> Response:
    """Repeat what giving the leads to this partner does."""
    return _ask(request, site, partner, "hold")


@router.post("/desk/partners/{partner}/hold", dependencies=[OurForm])
def do_hold(request: Request, site: TheSite, visitor: TheOperator, partner: str, reason: Reason = "") -> Response:
    """Make this partner the holder (D9)."""

    def act(book: Book, why: str) -> str:
        return "holds" if switch_holder(book, partner, reason=why) else "same"

    return _do(request, site, visitor, partner, "hold", act, reason)


def _ask(
    request: Request,
    site: Site,
    partner: str,
    step: str,
    *,
    error: RastiError | None = None,
    reason: str = "",
    **facts: Any,
) -> Response:
    return step_page(
        request,
        f"partner_{step}",
        _address(partner),
        error=error,
        reason=reason,
        file=partner_file(site.book, partner),
        today=today(site.book),
        months=_months_to_decline(request, site),
        **facts,
    )


def _do(
    request: Request,
    site: Site,
    visitor: TheOperator,
    partner: str,
    step: str,
    act: Callable[[Book, str], str],
    reason: str,
    **given: Any,
) -> Response:
    book = site.book_of(visitor.actor)

    def go() -> str:
        said = act(book, needed(reason))
        hand_over_waiting(book)
        return f"{_address(partner)}?said={said}"

    return decide(lambda error: _ask(request, site, partner, step, error=error, reason=reason, **given), go)


def _address(partner: str) -> str:
    return f"/desk/partners/{quote(partner, safe='')}"


def _months_to_decline(request: Request, site: Site) -> list[Month]:
    """The reporting months whose lead month is now or next."""
    programme = site.book.programme
    present = programme.month_at(now_of(request))
    months = []
    for month in (present.previous, present):
        try:
            programme.check_in_programme(month)
        except Refused:
            continue
        months.append(month)
    return months

"""A partner's place in each published month, the reason where there is none, and the invoices behind it (D7)."""

from fastapi import APIRouter, Request
from starlette.responses import Response

from rasti.ledger.own_standing import own_month, own_months
from rasti.portal.pages import page
from rasti.portal.site import TheSite
from rasti.portal.visitor import ThePartner
from rasti.rules.month import Month

router = APIRouter()


@router.get("/standing")
def standing(request: Request, site: TheSite, partner: ThePartner) -> Response:
    """All published months."""
    return page(request, "cabinet/standing.html.j2", months=own_months(site.book, partner.name))


@router.get("/standing/{month}")
def month_in_detail(request: Request, site: TheSite, partner: ThePartner, month: str) -> Response:
    """One month with its versions and invoices."""
    detail = own_month(site.book, Month.parse(month), partner.name)
    return page(request, "cabinet/standing_month.html.j2", detail=detail, own=detail.own)

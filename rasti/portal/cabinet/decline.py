"""Declining the leads of a month, with a confirmation (R8, D10)."""

from typing import Annotated

from fastapi import APIRouter, Form, Request
from starlette.responses import RedirectResponse, Response

from rasti.ledger.holding import offer_of
from rasti.ledger.tenures import decline
from rasti.portal.pages import page
from rasti.portal.site import TheSite
from rasti.portal.visitor import OurForm, ThePartner
from rasti.rules.month import Month

router = APIRouter()


@router.get("/leads/decline/{month}")
def ask(request: Request, site: TheSite, partner: ThePartner, month: str) -> Response:
    """What declining a reporting month's leads means."""
    offer = offer_of(site.book, partner.name, Month.parse(month))
    return page(request, "cabinet/decline.html.j2", offer=offer, reason="", missing=False)


@router.post("/leads/decline/{month}", dependencies=[OurForm])
def confirm(
    request: Request,
    site: TheSite,
    partner: ThePartner,
    month: str,
    reason: Annotated[str, Form(max_length=1000)] = "",
    sure: Annotated[str, Form()] = "",
) -> Response:
    """Decline. Repeated, it changes nothing."""
    offer = offer_of(site.book, partner.name, Month.parse(month))
    if not reason.strip() or sure != "yes":
        return page(request, "cabinet/decline.html.j2", status=422, offer=offer, reason=reason, missing=True)
    decline(site.book_of(partner.actor), offer.month, partner.name, reason=reason.strip())
    return RedirectResponse("/leads?said=declined", status_code=303)

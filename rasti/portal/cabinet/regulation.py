"""Accepting the regulation: what it asks, in words made from the rules in force, and a button (R9, R12)."""

from datetime import time
from typing import Annotated

from fastapi import APIRouter, Form, Request
from starlette.responses import RedirectResponse, Response

from rasti.errors import Refused
from rasti.ledger.holding import holding
from rasti.ledger.partners import accept_regulation
from rasti.portal.pages import page
from rasti.portal.site import Site, TheSite
from rasti.portal.visitor import OurForm, ThePartner
from rasti.rules.shortfall import tasks_of

router = APIRouter()


@router.get("/profile/regulation")
def regulation(request: Request, site: TheSite, partner: ThePartner, said: str = "") -> Response:
    """The regulation, and whether it is accepted."""
    return _page(request, site, partner.name, said=said)


@router.post("/profile/regulation", dependencies=[OurForm])
def accept(
    request: Request, site: TheSite, partner: ThePartner, version: Annotated[str, Form(max_length=64)] = ""
) -> Response:
    """Accept the version that was read."""
    try:
        accept_regulation(site.book_of(partner.actor), partner.name, version=version)
    except Refused as error:
        return _page(request, site, partner.name, error=error)
    return RedirectResponse("/profile/regulation?said=accepted", status_code=303)


def _page(request: Request, site: Site, partner: str, *, said: str = "", error: Refused | None = None) -> Response:
    standing = holding(site.book, partner)
    rules = standing.regulation
    return page(
        request,
        "cabinet/regulation.html.j2",
        status=error.status if error else 200,
        holding=standing,
        rules=rules,
        steps=[(kind, opens, due, tasks_of(kind)) for kind, (opens, due) in rules.regulation.items()],
        window=[_hour(rules.call_window[0]), _hour(rules.call_window[1])],
        said=said,
        error=error,
    )


def _hour(at: time) -> str:
    return "24:00" if at == time.max else f"{at:%H:%M}"

"""Partners: a list that is searched, and everything about one of them."""

from urllib.parse import quote, urlencode

from fastapi import APIRouter, Request
from starlette.responses import Response

from rasti.ledger.desk_partners import PartnerQuery, Standing, certificate_of, find_partners, partner_file
from rasti.portal.desk.asking import PageNumber, choice, number
from rasti.portal.pages import page
from rasti.portal.site import TheSite
from rasti.portal.visitor import OperatorsOnly

router = APIRouter(dependencies=[OperatorsOnly])


@router.get("/desk/partners")
def partners(
    request: Request, site: TheSite, q: str = "", standing: str = "", page_number: PageNumber = ""
) -> Response:
    """The partners that were asked for."""
    query = PartnerQuery(text=q[:300], standing=choice(Standing, standing), page=number(page_number) or 1)
    kept = {"q": q, "standing": standing}
    return page(
        request,
        "desk/partners.html.j2",
        found=find_partners(site.book, query),
        query=query,
        filters=urlencode({name: value for name, value in kept.items() if value}),
    )


@router.get("/desk/partners/{partner}")
def one_partner(request: Request, site: TheSite, partner: str, said: str = "") -> Response:
    """A partner with profile, places, leads in hand and violations."""
    return page(request, "desk/partner.html.j2", file=partner_file(site.book, partner), said=said)


@router.get("/desk/partners/{partner}/certificate")
def certificate(site: TheSite, partner: str) -> Response:
    """The file the partner uploaded, to be saved and never shown by us."""
    found = certificate_of(site.book, partner)
    disposition = f"attachment; filename*=UTF-8''{quote(found.file_name, safe='')}"
    return Response(found.content, media_type=found.content_type, headers={"Content-Disposition": disposition})

"""Leads: a list that is searched, and everything about one of them."""

from urllib.parse import urlencode

from fastapi import APIRouter, Request
from starlette.responses import Response

from rasti.ledger.desk_leads import Due, LeadQuery, find_leads, lead_file
from rasti.portal.desk.asking import Id, PageNumber, choice, number
from rasti.portal.pages import page
from rasti.portal.site import TheSite
from rasti.portal.visitor import OperatorsOnly
from rasti.rules.kinds import LeadState, PauseReason

router = APIRouter(dependencies=[OperatorsOnly])


@router.get("/desk/leads")
def leads(
    request: Request,
    site: TheSite,
    state: str = "",
    partner: str = "",
    pause: str = "",
    due: str = "",
    undecided: str = "",
    q: str = "",
    page_number: PageNumber = "",
) -> Response:
    """The leads that were asked for."""
    query = LeadQuery(
        state=choice(LeadState, state),
        partner=partner.strip(),
        pause=choice(PauseReason, pause),
        due=choice(Due, due),
        undecided=bool(undecided),
        text=q[:300],
        page=number(page_number) or 1,
    )
    kept = {"state": state, "partner": partner, "pause": pause, "due": due, "undecided": undecided, "q": q}
    return page(
        request,
        "desk/leads.html.j2",
        found=find_leads(site.book, query),
        query=query,
        filters=urlencode({name: value for name, value in kept.items() if value}),
        states=list(LeadState),
        pauses=list(PauseReason),
    )


@router.get("/desk/leads/{lead_id}")
def one_lead(request: Request, site: TheSite, lead_id: Id, said: str = "") -> Response:
    """A lead with its client, attempts, contacts, messages and audit trail."""
    return page(request, "desk/lead.html.j2", file=lead_file(site.book, lead_id), said=said)

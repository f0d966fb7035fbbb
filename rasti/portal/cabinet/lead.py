"""One lead in a partner's hands: whom to call and what to say, "calling now", and the contact that is logged."""

from dataclasses import dataclass, field
from typing import Annotated

from fastapi import APIRouter, Depends, Form, Request
from starlette.responses import RedirectResponse, Response

from rasti.errors import BadInput, NotFound, RastiError, Refused
from rasti.ledger.contacts import begin_contact, log_contact
from rasti.ledger.handover import open_lead
from rasti.ledger.partner_lead import PartnersLead, partners_lead
from rasti.ledger.profiles import profile_of
from rasti.portal.pages import now_of, page
from rasti.portal.site import Site, TheSite
from rasti.portal.visitor import OurForm, ThePartner, is_unread
from rasti.rules.bodies import parse_contact
from rasti.rules.kinds import ContactKind, Outcome

router = APIRouter()

_LONGEST = 18  # digits: what every database takes as a number
# The buttons, in the order in which they are needed.
OUTCOMES = [
    Outcome.REACHED,
    Outcome.NO_ANSWER,
    Outcome.BOUGHT,
    Outcome.REFUSED,
    Outcome.DO_NOT_CALL,
    Outcome.WRONG_CONTACT,
]


@dataclass(frozen=True)
class Typed:
    """What stands in the form of a contact."""

    kind: str = ContactKind.CALL.value
    checklist: list[str] = field(default_factory=list)
    note: str = ""


def _number(lead_id: str) -> int:
    """The lead in the address. Raises NotFound, also for what no lead's number can be."""
    if not lead_id.isascii() or not lead_id.isdecimal() or len(lead_id) > _LONGEST:
        raise NotFound("There is no such page.")
    return int(lead_id)


def _to_complete(shown: PartnersLead) -> Typed:
    """An empty form; while a call is open whose log lacked something, with what was ticked there."""
    last = shown.last_contact
    return Typed(checklist=last.checklist) if shown.still_missing and last is not None else Typed()


TheNumber = Annotated[int, Depends(_number)]


@router.get("/leads/{lead_id}")
def lead(request: Request, site: TheSite, partner: ThePartner, lead_id: TheNumber, said: str = "") -> Response:
    """The lead; opening it is receiving it (D11), unless nobody reads it yet."""
    shown = partners_lead(site.book, lead_id, partner.name)
    if shown.is_mine and shown.attempt.received_at is None and not is_unread(request):
        open_lead(site.book_of(partner.actor), lead_id, partner.name)
        shown = partners_lead(site.book, lead_id, partner.name)
    return _page(request, site, shown, said=said)


@router.post("/leads/{lead_id}/calling", dependencies=[OurForm])
def calling(request: Request, site: TheSite, partner: ThePartner, lead_id: TheNumber) -> Response:
    """ "Calling now": the contact begins (D12)."""
    shown = partners_lead(site.book, lead_id, partner.name)
    try:
        begin_contact(site.book_of(partner.actor), lead_id, partner.name)
    except Refused:
        if shown.is_mine:  # it left in this very moment, perhaps by its own overdue verdict
            shown = partners_lead(site.book, lead_id, partner.name)
        return _page(request, site, shown, said="left", status=Refused.status)
    return RedirectResponse(f"/leads/{lead_id}?said=calling#contact", status_code=303)


@router.post("/leads/{lead_id}/contacts", dependencies=[OurForm])
def contact(
    request: Request,
    site: TheSite,
    partner: ThePartner,
    lead_id: TheNumber,
    outcome: Annotated[str, Form()] = "",
    kind: Annotated[str, Form()] = "",
    checklist: Annotated[list[str] | None, Form()] = None,
    note: Annotated[str, Form()] = "",
    seen: Annotated[int | None, Form()] = None,
) -> Response:
    """Log a contact; what it did is said on the lead's page."""
    partners_lead(site.book, lead_id, partner.name)
    typed = Typed(kind, checklist or [], note)
    try:
        body = parse_contact(
            {
                "partner": partner.name,
                "kind": kind,
                "happened_at": now_of(request),
                "checklist": typed.checklist,
                "outcome": outcome,
                "note": note.strip() or None,
            }
        )
        log_contact(site.book_of(partner.actor), lead_id, body, seen=seen)
    except (BadInput, Refused) as error:
        shown = partners_lead(site.book, lead_id, partner.name)
        return _page(request, site, shown, typed=typed, error=error, status=error.status)
    return RedirectResponse(f"/leads/{lead_id}?said=logged", status_code=303)


def _page(
    request: Request,
    site: Site,
    shown: PartnersLead,
    *,
    said: str = "",
    typed: Typed | None = None,
    error: RastiError | None = None,
    status: int = 200,
) -> Response:
    return page(
        request,
        "cabinet/lead.html.j2",
        status=status,
        shown=shown,
        profile=profile_of(site.book, shown.attempt.partner_code),
        outcomes=OUTCOMES,
        kinds=list(ContactKind),
        typed=typed or _to_complete(shown),
        error=error,
        said=said,
    )

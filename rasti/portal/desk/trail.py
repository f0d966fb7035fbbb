"""The audit trail of anything, and the messages that were not delivered."""

from urllib.parse import urlencode

from fastapi import APIRouter, Request
from starlette.responses import RedirectResponse, Response

from rasti.ledger.desk_trail import TrailQuery, Undelivered, audit_trail, undelivered
from rasti.ledger.resending import resend
from rasti.portal.desk.asking import Id, PageNumber, choice, day, number
from rasti.portal.pages import page
from rasti.portal.site import TheSite
from rasti.portal.visitor import OperatorsOnly, OurForm, TheOperator
from rasti.rules.kinds import Channel, Event

router = APIRouter(dependencies=[OperatorsOnly])


@router.get("/desk/audit")
def audit(
    request: Request,
    site: TheSite,
    lead: str = "",
    partner: str = "",
    event: str = "",
    actor: str = "",
    since: str = "",
    until: str = "",
    before: str = "",
) -> Response:
    """The events that were asked for, the newest first."""
    query = TrailQuery(
        lead_id=number(lead),
        partner=partner.strip(),
        event=choice(Event, event),
        actor=actor.strip(),
        since=day(site.book.programme, since),
        until=day(site.book.programme, until, after=True),
        before=number(before),
    )
    kept = {"lead": lead, "partner": partner, "event": event, "actor": actor, "since": since, "until": until}
    return page(
        request,
        "desk/audit.html.j2",
        trail=audit_trail(site.book, query),
        asked=kept,
        filters=urlencode({name: value for name, value in kept.items() if value}),
        events=list(Event),
        first=query.before is None,
    )


@router.get("/desk/messages")
def messages(
    request: Request,
    site: TheSite,
    which: str = "",
    channel: str = "",
    page_number: PageNumber = "",
    said: str = "",
) -> Response:
    """Messages that were not delivered."""
    wanted = choice(Undelivered, which) or Undelivered.LATE
    return page(
        request,
        "desk/messages.html.j2",
        found=undelivered(site.book, wanted, channel=choice(Channel, channel), page=number(page_number) or 1),
        which=wanted,
        channel=choice(Channel, channel),
        said=said,
    )


@router.post("/desk/messages/{message_id}/revive", dependencies=[OurForm])
def try_again(site: TheSite, visitor: TheOperator, message_id: Id) -> Response:
    """Try a dead message again."""
    revived = resend(site.book_of(visitor.actor), [message_id])
    return RedirectResponse(f"/desk/messages?which=dead&said={'revived' if revived else 'same'}", status_code=303)

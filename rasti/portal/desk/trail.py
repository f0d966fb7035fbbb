"""The audit trail of anything, and the messages that were not delivered."""

from urllib.parse import urlencode

from fastapi import APIRouter, Request
from starlette.responses import RedirectResponse, Response

from rasti.ledger.desk_trail import TrailQuery, audit_trail, undelivered
from rasti.ledger.mail_trouble import mail_trouble
from rasti.ledger.resending import dismiss, parse_kind, resend
from rasti.portal.desk.asking import Id, Line, PageNumber, Reason, choice, day, needed, number
from rasti.portal.pages import page
from rasti.portal.site import TheSite
from rasti.portal.visitor import OperatorsOnly, OurForm, TheOperator
from rasti.rules.kinds import Channel, Event, MessageKind, Trouble

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
    wanted, by = choice(Trouble, which) or Trouble.WAITING, choice(Channel, channel) or Channel.MAIL
    return page(
        request,
        "desk/messages.html.j2",
        found=undelivered(site.book, wanted, channel=by, page=number(page_number) or 1),
        which=wanted,
        channel=by,
        said=said,
        trouble=mail_trouble(site.book),
        kinds=[kind for kind in MessageKind if not kind.startswith("run_")],
    )


@router.post("/desk/messages/resend", dependencies=[OurForm])
def send_again(site: TheSite, visitor: TheOperator, kind: Line = "", which: Line = "") -> Response:
    """Send all mail again that waits or was given up, or all of a kind."""
    wanted = parse_kind(kind) if kind else None
    again = resend(site.book_of(visitor.actor), kind=wanted)
    back = choice(Trouble, which) or Trouble.DEAD
    return RedirectResponse(f"/desk/messages?which={back}&said={'resent' if again else 'nothing'}", status_code=303)


@router.post("/desk/messages/{message_id}/revive", dependencies=[OurForm])
def try_again(site: TheSite, visitor: TheOperator, message_id: Id, which: Line = "") -> Response:
    """Try a message again that was given up, came back, or waits for its next try; `which`: the list it stood in."""
    revived = resend(site.book_of(visitor.actor), [message_id])
    back = choice(Trouble, which) or Trouble.DEAD
    return RedirectResponse(f"/desk/messages?which={back}&said={'revived' if revived else 'same'}", status_code=303)


@router.post("/desk/messages/{message_id}/dismiss", dependencies=[OurForm])
def put_aside(site: TheSite, visitor: TheOperator, message_id: Id, which: Line = "", reason: Reason = "") -> Response:
    """Put aside a message that was given up, or came back; `which`: the list it stood in."""
    done = dismiss(site.book_of(visitor.actor), message_id, reason=needed(reason))
    back = choice(Trouble, which) or Trouble.DEAD
    said = "dismissed" if done else "dismissed_before"
    return RedirectResponse(f"/desk/messages?which={back}&said={said}", status_code=303)

"""What an operator decides about a lead: assign, close, record a violation, correct the client, detach or keep."""

from collections.abc import Callable
from typing import Any

from fastapi import APIRouter, Request
from starlette.responses import Response

from rasti.errors import BadInput, RastiError
from rasti.ledger.book import Book
from rasti.ledger.clients import correct_client
from rasti.ledger.desk import assign_lead, close_lead, detach_lead, keep_attached
from rasti.ledger.desk_leads import lead_file
from rasti.ledger.violations import record_violation
from rasti.portal.desk.asking import Id, Line, Reason, choice, decide, needed, number, step_page
from rasti.portal.site import Site, TheSite
from rasti.portal.visitor import OperatorsOnly, OurForm, TheOperator
from rasti.rules.bodies import parse_contacts
from rasti.rules.kinds import CheckpointKind

router = APIRouter(dependencies=[OperatorsOnly])


@router.get("/desk/leads/{lead_id}/assign")
def ask_assign(request: Request, site: TheSite, lead_id: Id) -> Response:
    """Ask to whom, and why."""
    return _ask(request, site, lead_id, "assign", partner=lead_file(site.book, lead_id).next_partner or "")


@router.post("/desk/leads/{lead_id}/assign", dependencies=[OurForm])
def assign(
    request: Request, site: TheSite, visitor: TheOperator, lead_id: Id, partner: Line = "", reason: Reason = ""
) -> Response:
    """Put the lead into a partner's hands (D14)."""

    def act(book: Book, why: str) -> str:
        return "assigned" if assign_lead(book, lead_id, partner.strip(), reason=why) else "same_partner"

    return _do(request, site, visitor, lead_id, "assign", act, reason, partner=partner)


@router.get("/desk/leads/{lead_id}/close")
def ask_close(request: Request, site: TheSite, lead_id: Id) -> Response:
    """Ask why."""
    return _ask(request, site, lead_id, "close")


@router.post("/desk/leads/{lead_id}/close", dependencies=[OurForm])
def close(request: Request, site: TheSite, visitor: TheOperator, lead_id: Id, reason: Reason = "") -> Response:
    """Close the lead (D14)."""

    def act(book: Book, why: str) -> str:
        return "closed" if close_lead(book, lead_id, reason=why) else "same_closed"

    return _do(request, site, visitor, lead_id, "close", act, reason)


@router.get("/desk/leads/{lead_id}/violation")
def ask_violation(request: Request, site: TheSite, lead_id: Id) -> Response:
    """Ask which checkpoint was neglected, and how we know."""
    return _ask(request, site, lead_id, "violation", kind="")


@router.post("/desk/leads/{lead_id}/violation", dependencies=[OurForm])
def violation(
    request: Request, site: TheSite, visitor: TheOperator, lead_id: Id, kind: Line = "", reason: Reason = ""
) -> Response:
    """Record a violation and act on it (D13)."""

    def act(book: Book, why: str) -> str:
        checkpoint = choice(CheckpointKind, kind)
        if checkpoint is None:
            raise BadInput("Choose a checkpoint.", field="kind")
        recorded = record_violation(book, lead_id, checkpoint, reason=why)
        return "violation" if recorded.recorded_now else "same_violation"

    return _do(request, site, visitor, lead_id, "violation", act, reason, kind=kind)


@router.get("/desk/leads/{lead_id}/contacts")
def ask_contacts(request: Request, site: TheSite, lead_id: Id) -> Response:
    """Ask for the right name, phone and mail address."""
    client = lead_file(site.book, lead_id).client
    return _ask(request, site, lead_id, "contacts", name=client.name, phone=client.phone, email=client.email)


@router.post("/desk/leads/{lead_id}/contacts", dependencies=[OurForm])
def contacts(
    request: Request,
    site: TheSite,
    visitor: TheOperator,
    lead_id: Id,
    name: Line = "",
    phone: Line = "",
    email: Line = "",
    reason: Reason = "",
) -> Response:
    """Correct how the client can be reached."""
    given = {"name": name, "phone": phone, "email": email}

    def act(book: Book, why: str) -> str:
        return "corrected" if correct_client(book, lead_id, parse_contacts(given), reason=why) else "same_contacts"

    return _do(request, site, visitor, lead_id, "contacts", act, reason, **given)


@router.get("/desk/leads/{lead_id}/detach")
def ask_detach(request: Request, site: TheSite, lead_id: Id) -> Response:
    """Ask why."""
    return _ask(request, site, lead_id, "detach")


@router.post("/desk/leads/{lead_id}/detach", dependencies=[OurForm])
def detach(
    request: Request, site: TheSite, visitor: TheOperator, lead_id: Id, root: Line = "", reason: Reason = ""
) -> Response:
    """Make an attached request a lead of its own (D17); `root`: the lead that it was attached to on the page."""

    def act(book: Book, why: str) -> str:
        return "detached" if detach_lead(book, lead_id, reason=why, root_id=number(root)) else "same_detached"

    return _do(request, site, visitor, lead_id, "detach", act, reason)


@router.get("/desk/leads/{lead_id}/keep")
def ask_keep(request: Request, site: TheSite, lead_id: Id) -> Response:
    """Ask why."""
    return _ask(request, site, lead_id, "keep")


@router.post("/desk/leads/{lead_id}/keep", dependencies=[OurForm])
def keep(request: Request, site: TheSite, visitor: TheOperator, lead_id: Id, reason: Reason = "") -> Response:
    """Leave an attached request where it is: it is the same client's (D17)."""

    def act(book: Book, why: str) -> str:
        return "kept" if keep_attached(book, lead_id, reason=why) else "same_kept"

    return _do(request, site, visitor, lead_id, "keep", act, reason)


def _ask(
    request: Request,
    site: Site,
    lead_id: int,
    step: str,
    *,
    error: RastiError | None = None,
    reason: str = "",
    **facts: Any,
) -> Response:
    file = lead_file(site.book, lead_id)
    back = f"/desk/leads/{lead_id}"
    return step_page(request, f"lead_{step}", back, error=error, reason=reason, file=file, **facts)


def _do(
    request: Request,
    site: Site,
    visitor: TheOperator,
    lead_id: int,
    step: str,
    act: Callable[[Book, str], str],
    reason: str,
    **given: Any,
) -> Response:
    def go() -> str:
        return f"/desk/leads/{lead_id}?said={act(site.book_of(visitor.actor), needed(reason))}"

    return decide(lambda error: _ask(request, site, lead_id, step, error=error, reason=reason, **given), go)

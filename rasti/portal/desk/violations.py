"""Violations: a list, recording one (at its lead), taking one back."""

from urllib.parse import urlencode

from fastapi import APIRouter, Request
from starlette.responses import RedirectResponse, Response

from rasti.errors import BadInput
from rasti.ledger.desk_violations import Which, find_violation, find_violations
from rasti.ledger.violations import reverse_violation
from rasti.portal.desk.asking import Id, PageNumber, Reason, choice, decide, needed, number, step_page
from rasti.portal.pages import page
from rasti.portal.site import TheSite
from rasti.portal.visitor import OperatorsOnly, OurForm, TheOperator

router = APIRouter(dependencies=[OperatorsOnly])


@router.get("/desk/violations")
def violations(
    request: Request,
    site: TheSite,
    which: str = "",
    partner: str = "",
    page_number: PageNumber = "",
    said: str = "",
) -> Response:
    """The violations that were asked for."""
    found = find_violations(
        site.book, which=choice(Which, which), partner=partner.strip(), page=number(page_number) or 1
    )
    kept = {"which": which, "partner": partner}
    filters = urlencode({name: value for name, value in kept.items() if value})
    return page(
        request, "desk/violations.html.j2", found=found, which=which, partner=partner, filters=filters, said=said
    )


@router.get("/desk/violations/record")
def record(lead: str = "") -> Response:
    """To the lead at which it is recorded."""
    lead_id = number(lead)
    if not lead_id:
        raise BadInput("The number of a lead is needed.", field="lead")
    return RedirectResponse(f"/desk/leads/{lead_id}/violation", status_code=303)


@router.get("/desk/violations/{violation_id}/reverse")
def ask_reverse(request: Request, site: TheSite, violation_id: Id) -> Response:
    """Repeat what taking it back does."""
    row = find_violation(site.book, violation_id)
    return step_page(request, "reverse", "/desk/violations", row=row)


@router.post("/desk/violations/{violation_id}/reverse", dependencies=[OurForm])
def reverse(request: Request, site: TheSite, visitor: TheOperator, violation_id: Id, reason: Reason = "") -> Response:
    """Take a violation back (D13)."""
    row = find_violation(site.book, violation_id)

    def act() -> str:
        changed = reverse_violation(site.book_of(visitor.actor), violation_id, reason=needed(reason))
        return f"/desk/violations?said={'reversed' if changed else 'same'}"

    return decide(
        lambda error: step_page(request, "reverse", "/desk/violations", error=error, reason=reason, row=row), act
    )

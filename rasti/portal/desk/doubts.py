"""Probable doubles and issuers whom the programme does not name: an operator says what is so."""

from typing import Annotated

from fastapi import APIRouter, Query, Request
from starlette.responses import Response

from rasti.errors import BadInput, NotFound, RastiError
from rasti.ledger.doubles import find_double, resolve_double
from rasti.ledger.issuers import accept_issuer
from rasti.portal.desk.asking import Id, Line, Reason, choice, decide, issuer_month, needed, step_page
from rasti.portal.site import Site, TheSite
from rasti.portal.visitor import OperatorsOnly, OurForm, TheOperator
from rasti.rules.kinds import Keep
from rasti.rules.month import Month

router = APIRouter(dependencies=[OperatorsOnly])

_BACK = "/desk/imports"


@router.get("/desk/doubles/{double_id}")
def ask_double(request: Request, site: TheSite, double_id: Id, keep: str = "") -> Response:
    """Show both invoices and what each answer does."""
    return _ask_double(request, site, double_id, keep=keep)


@router.post("/desk/doubles/{double_id}", dependencies=[OurForm])
def decide_double(
    request: Request, site: TheSite, visitor: TheOperator, double_id: Id, keep: Line = "", reason: Reason = ""
) -> Response:
    """Take the operator's word."""

    def act() -> str:
        answer = choice(Keep, keep)
        if answer is None:
            raise BadInput("Choose which of the two invoices counts.", field="keep")
        resolve_double(site.book_of(visitor.actor), double_id, keep=answer, reason=needed(reason))
        return f"{_BACK}?said=double_decided"

    return decide(lambda error: _ask_double(request, site, double_id, keep=keep, error=error, reason=reason), act)


@router.get("/desk/issuers/accept")
def ask_issuer(
    request: Request, issuer: Annotated[str, Query(max_length=300)] = "", month: Annotated[str, Query()] = ""
) -> Response:
    """Repeat what accepting an unknown issuer's month does."""
    return _ask_issuer(request, *_named(issuer, month))


@router.post("/desk/issuers/accept", dependencies=[OurForm])
def accept(
    request: Request, site: TheSite, visitor: TheOperator, issuer: Line = "", month: Line = "", reason: Reason = ""
) -> Response:
    """Let its invoices of the month count."""

    def act() -> str:
        accept_issuer(site.book_of(visitor.actor), *issuer_month(issuer, month), reason=needed(reason))
        return f"{_BACK}?said=issuer_accepted"

    return decide(lambda error: _ask_issuer(request, issuer, month, error=error, reason=reason), act)


def _named(issuer: str, month: str) -> tuple[str, str]:
    """As the links of our pages carry them. Raises BadInput."""
    name, of_month = issuer_month(issuer, month)
    return name, str(of_month)


def _ask_double(
    request: Request, site: Site, double_id: int, *, keep: str, error: RastiError | None = None, reason: str = ""
) -> Response:
    double = find_double(site.book, double_id)
    if double is None and error is None:
        raise NotFound("There is no probable double {id} that waits for a decision.", id=double_id)
    return step_page(request, "double", _BACK, error=error, reason=reason, double=double, keep=keep)


def _ask_issuer(
    request: Request, issuer: str, month: str, *, error: RastiError | None = None, reason: str = ""
) -> Response:
    return step_page(request, "issuer", _BACK, error=error, reason=reason, issuer=issuer, month=_readable(month))


def _readable(month: str) -> Month | None:
    try:
        return Month.parse(month.strip())
    except BadInput:
        return None

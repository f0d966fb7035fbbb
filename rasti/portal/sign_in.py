"""Signing in and out: partners by a mailed link, operators by password and one-time code."""

from typing import Annotated

from fastapi import APIRouter, Form, Request
from starlette.responses import RedirectResponse, Response

from rasti.errors import Refused
from rasti.ledger.operators import sign_in_operator
from rasti.ledger.sessions import end_session
from rasti.ledger.sign_in import request_link, use_link
from rasti.portal.language import local_path
from rasti.portal.pages import page
from rasti.portal.site import Sender, TheSite
from rasti.portal.visitor import OurForm, cookie_of, drop_cookie, set_cookie, visitor_of
from rasti.rules.kinds import Role

router = APIRouter()

# Where a partner wanted to go before the mail; the link in the mail does not carry it.
_NEXT = "__Host-next"
_HOMES = {Role.PARTNER: "/leads", Role.OPERATOR: "/desk"}

Line = Annotated[str, Form(max_length=300)]


@router.get("/sign-in")
def ask(request: Request, next: str = "/leads") -> Response:
    """Ask for the mail address."""
    visitor = visitor_of(request)
    if visitor is not None:
        return RedirectResponse(_HOMES[visitor.role], status_code=303)
    return page(request, "sign_in/ask.html.j2", next=local_path(next))


@router.post("/sign-in")
def mail(request: Request, site: TheSite, sender: Sender, email: Line, next: Line = "/leads") -> Response:
    """Mail a link; the answer is the same whether the address is known or not."""
    request_link(site.book_of("portal"), email, sender=sender, secret=site.secret)
    response = page(request, "sign_in/mailed.html.j2", email=email)
    response.set_cookie(_NEXT, local_path(next), max_age=900, path="/", secure=True, httponly=True, samesite="lax")
    return response


@router.get("/sign-in/{token}")
def confirm(request: Request, token: str) -> Response:
    """A mail scanner opens links too: only the button signs in."""
    return page(request, "sign_in/confirm.html.j2", token=token)


@router.post("/sign-in/{token}")
def enter(request: Request, site: TheSite, token: str) -> Response:
    """Sign the partner in."""
    session = use_link(site.book_of("portal"), token, former=cookie_of(request))
    response = RedirectResponse(local_path(request.cookies.get(_NEXT, "/leads")), status_code=303)
    response.delete_cookie(_NEXT, path="/", secure=True, httponly=True, samesite="lax")
    set_cookie(response, session, Role.PARTNER)
    return response


@router.get("/desk/sign-in")
def ask_operator(request: Request, next: str = "/desk") -> Response:
    """Ask for name, password and code."""
    visitor = visitor_of(request)
    if visitor is not None and visitor.role is Role.OPERATOR:
        return RedirectResponse("/desk", status_code=303)
    return page(request, "sign_in/operator.html.j2", next=local_path(next), name="", error=None)


@router.post("/desk/sign-in")
def enter_operator(
    request: Request, site: TheSite, sender: Sender, name: Line, password: Line, code: Line, next: Line = "/desk"
) -> Response:
    """Sign the operator in."""
    try:
        session = sign_in_operator(
            site.book_of("portal"), name, password, code, sender=sender, secret=site.secret, former=cookie_of(request)
        )
    except Refused as error:
        return page(
            request, "sign_in/operator.html.j2", status=error.status, next=local_path(next), name=name, error=error
        )
    response = RedirectResponse(local_path(next), status_code=303)
    set_cookie(response, session, Role.OPERATOR)
    return response


@router.post("/sign-out", dependencies=[OurForm])
def leave(request: Request, site: TheSite) -> Response:
    """Sign out: on the server too."""
    token = cookie_of(request)
    if token:
        end_session(site.book_of("portal"), token)
    response = RedirectResponse("/", status_code=303)
    drop_cookie(response)
    return response

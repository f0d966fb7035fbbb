"""Who is asking: nobody known, a partner, or an operator; and whether a form came from our own page."""

import hmac
from typing import Annotated

from fastapi import Depends, Form, Request
from starlette.responses import Response

from rasti.errors import Forbidden
from rasti.ledger.sessions import ABSOLUTE, SignedIn, find_session
from rasti.portal.site import site_of
from rasti.rules.kinds import Role
from rasti.secret import digest

# The prefix makes the browser insist: Secure, no Domain, the whole site (RFC 6265bis).
COOKIE = "__Host-rasti"


class NeedsSignIn(Exception):
    """Nobody is signed in, and the page is for somebody with this role."""

    def __init__(self, role: Role) -> None:
        self.role = role


def cookie_of(request: Request) -> str | None:
    """The session's token as the browser sent it."""
    return request.cookies.get(COOKIE)


def visitor_of(request: Request) -> SignedIn | None:
    """Who is signed in; looked up once a request."""
    if not hasattr(request.state, "visitor"):
        token = cookie_of(request)
        by_itself = is_unread(request) or (request.method == "GET" and "hx-request" in request.headers)
        request.state.visitor = find_session(site_of(request).book, token, by_itself=by_itself) if token else None
    visitor: SignedIn | None = request.state.visitor
    return visitor


def is_unread(request: Request) -> bool:
    """Whether nobody reads the answer: it is asked for by HEAD, or a browser fetches it ahead."""
    return getattr(request.state, "unread", False) or "prefetch" in request.headers.get("sec-purpose", "")


def csrf_of(request: Request) -> str:
    """What a form of this session has to carry; known to nobody who does not know the cookie."""
    token = cookie_of(request)
    return digest(f"csrf:{token}") if token and visitor_of(request) else ""


def _out_of_date() -> Forbidden:
    return Forbidden("This form is out of date: open the page again and repeat it.")


def _only(request: Request, role: Role) -> SignedIn:
    visitor = visitor_of(request)
    if visitor is None and request.method != "GET":
        raise _out_of_date()  # not to the sign-in: what was typed would be lost
    if visitor is None:
        raise NeedsSignIn(role)
    if visitor.role is not role:
        raise Forbidden("This page is for somebody else: you are signed in as {who}.", who=visitor.name)
    return visitor


def partner_only(request: Request) -> SignedIn:
    """A partner. Raises NeedsSignIn, Forbidden."""
    return _only(request, Role.PARTNER)


def operator_only(request: Request) -> SignedIn:
    """An operator. Raises NeedsSignIn, Forbidden."""
    return _only(request, Role.OPERATOR)


def form_of_ours(request: Request, csrf: Annotated[str, Form()] = "") -> None:
    """A form that changes something carries its session's token. Raises Forbidden."""
    if not hmac.compare_digest(csrf.encode(), csrf_of(request).encode()) or not csrf:
        raise _out_of_date()


ThePartner = Annotated[SignedIn, Depends(partner_only)]
TheOperator = Annotated[SignedIn, Depends(operator_only)]
OperatorsOnly = Depends(operator_only)
OurForm = Depends(form_of_ours)


def set_cookie(response: Response, token: str, role: Role) -> None:
    """Keep the session in the browser; Lax, so that a link in a mail finds its reader signed in."""
    age = int(ABSOLUTE[role].total_seconds())
    response.set_cookie(COOKIE, token, max_age=age, path="/", secure=True, httponly=True, samesite="lax")


def drop_cookie(response: Response) -> None:
    """Forget the session in the browser."""
    response.delete_cookie(COOKIE, path="/", secure=True, httponly=True, samesite="lax")

"""What a visitor sees when something is refused: a page in their language, or RFC 9457 problem details."""

import logging
from http import HTTPStatus
from urllib.parse import quote

from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from starlette.exceptions import HTTPException
from starlette.responses import JSONResponse, RedirectResponse, Response

from rasti.errors import BadInput, DatabaseUnavailable, NotFound, RastiError, TooMany, Unauthorized, Unavailable
from rasti.logs import log
from rasti.portal.pages import page
from rasti.portal.visitor import NeedsSignIn
from rasti.rules.bodies import reason_of
from rasti.rules.kinds import Role

PROBLEM = "application/problem+json"
SIGN_IN_PAGES = {Role.PARTNER: "/sign-in", Role.OPERATOR: "/desk/sign-in"}


def register(app: FastAPI) -> None:
    """Answer every error of ours, of FastAPI and of Starlette."""

    @app.exception_handler(RastiError)
    def _ours(request: Request, error: RastiError) -> Response:
        return answer_fault(request, error)

    @app.exception_handler(RequestValidationError)
    def _invalid(request: Request, error: RequestValidationError) -> Response:
        first = error.errors()[0]
        place = ".".join(str(part) for part in first["loc"][1:]) or "body"
        wrong = BadInput("Field {place} is wrong: {why}.", field=place, place=place, why=reason_of(first))
        return answer_fault(request, wrong)

    @app.exception_handler(HTTPException)
    def _http(request: Request, error: HTTPException) -> Response:
        if error.status_code == HTTPStatus.NOT_FOUND:
            return answer_fault(request, NotFound("There is no such page."))
        fault = RastiError("{phrase}.", phrase=HTTPStatus(error.status_code).phrase)
        return answer_fault(request, fault, status=error.status_code, headers=dict(error.headers or {}))

    @app.exception_handler(NeedsSignIn)
    def _sign_in(request: Request, error: NeedsSignIn) -> Response:
        target = SIGN_IN_PAGES[error.role]
        if request.method in ("GET", "HEAD"):
            target += f"?next={quote(request.url.path, safe='/')}"
        if "hx-request" in request.headers:
            # A list that refreshes itself would put the sign-in page into its own place.
            return Response(headers={"HX-Redirect": target})
        return RedirectResponse(target, status_code=303)


def answer_fault(
    request: Request, error: RastiError, *, status: int | None = None, headers: dict[str, str] | None = None
) -> Response:
    """The answer to an error, with its own status unless another is given."""
    status = status or error.status
    headers = headers or {}
    if isinstance(error, Unauthorized):
        headers["WWW-Authenticate"] = "Bearer"
    if isinstance(error, TooMany):
        headers["Retry-After"] = str(error.after)
    if isinstance(error, Unavailable):
        headers["Retry-After"] = "5"
        log("portal.unavailable", level=logging.ERROR, why=error)
    if isinstance(error, DatabaseUnavailable):
        # Nobody can be asked who is calling, and why names the database's host and role.
        error = Unavailable("This cannot be done now. Nothing was written; try again.")
    if request.url.path.startswith("/api/"):
        return problem(error, status, headers)
    return page(request, "fault.html.j2", status=status, headers=headers, error=error, title_status=status)


def problem(error: RastiError, status: int, headers: dict[str, str]) -> Response:
    """RFC 9457: what is wrong, for a program and for whoever reads its log."""
    body: dict[str, object] = {
        "type": "about:blank",
        "title": HTTPStatus(status).phrase,
        "status": status,
        "detail": str(error),
    }
    field = getattr(error, "field", None)
    if field:
        body["field"] = field
    return JSONResponse(body, status_code=status, headers=headers, media_type=PROBLEM)

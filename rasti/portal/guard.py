"""What holds for every request: where a change may come from, and what a browser may do with the answer."""

import logging
import time
from collections.abc import Awaitable, Callable
from http import HTTPStatus
from urllib.parse import urlsplit

from fastapi import Request
from starlette.responses import Response

from rasti.errors import Forbidden, RastiError, TooLarge, Unavailable
from rasti.logs import log
from rasti.portal.faults import answer_fault
from rasti.portal.site import site_of

LARGEST_BODY = 25 * 1024 * 1024  # bytes: a register that an operator uploads
LARGEST_API_BODY = 256 * 1024

_SAFE = {"GET", "HEAD", "OPTIONS"}
_METHODS = _SAFE | {"POST", "PUT", "PATCH", "DELETE"}
_POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self'; "
    "font-src 'self'; frame-src 'self'; manifest-src 'self'; form-action 'self'; base-uri 'none'; "
    "frame-ancestors 'none'"
)
_HEADERS = {
    "Content-Security-Policy": _POLICY,
    "Strict-Transport-Security": "max-age=31536000; includeSubDomains",
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
    "Referrer-Policy": "same-origin",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Permissions-Policy": "camera=(), geolocation=(), microphone=()",
    # What is public says otherwise itself.
    "Cache-Control": "no-store",
}

_FOR_EVER = "public, max-age=31536000, immutable"  # the address of a file changes with its content


async def guard_requests(request: Request, call_next: Callable[[Request], Awaitable[Response]]) -> Response:
    """Refuse what another site's page sends in a visitor's name, and what is too large; set the headers of answers."""
    began = time.monotonic()
    refusal = _refusal(request)
    try:
        response = await call_next(request) if refusal is None else answer_fault(request, refusal)
    except Unavailable as error:
        # The page about another fault could not be made: the database cannot say who is asking.
        response = answer_fault(request, error)
    except Exception as error:  # noqa: BLE001 - the last line: a visitor never sees a stack trace
        log("portal.failed", level=logging.ERROR, error=error, path=_route(request))
        response = answer_fault(request, RastiError("Something went wrong here; it is noted. Try again."))
    if request.url.path.startswith("/static/") and response.status_code == HTTPStatus.OK:
        response.headers["Cache-Control"] = _FOR_EVER
    for name, value in _HEADERS.items():
        response.headers.setdefault(name, value)
    request.app.state.metrics.note(_route(request), _method(request), response.status_code, time.monotonic() - began)
    return response


def _refusal(request: Request) -> RastiError | None:
    api = request.url.path.startswith("/api/")
    if "transfer-encoding" in request.headers:
        return TooLarge("What is sent has to say how long it is (Content-Length).")
    length = request.headers.get("content-length", "0")
    if not length.isdecimal() or int(length) > (LARGEST_API_BODY if api else LARGEST_BODY):
        return TooLarge("What was sent is too large.")
    if not api and request.method not in _SAFE and not _is_our_page(request):
        return Forbidden("This came from a page that is not ours: nothing was changed.")
    return None


def _is_our_page(request: Request) -> bool:
    """Browsers say where a form comes from: Fetch Metadata, and the Origin for those that are older."""
    site = request.headers.get("sec-fetch-site")
    if site is not None:
        return site in ("same-origin", "none")
    origin = urlsplit(request.headers.get("origin", "")).netloc
    ours = {request.headers.get("host", ""), urlsplit(site_of(request).settings.portal_url).netloc}
    return bool(origin) and origin in ours


def _method(request: Request) -> str:
    # Anybody may send any word as a method, and each would be a line of the metrics.
    return request.method if request.method in _METHODS else "other"


def _route(request: Request) -> str:
    """The template of the path: the path itself may hold a token, and every lead would be a line of the metrics."""
    path = request.scope["path"]
    if path.startswith("/static/"):
        return "/static"
    # A route knows its template below the router that holds it: what stands before that is the router's prefix.
    template = getattr(request.scope.get("route"), "path_format", None)
    if template is None:
        return "unmatched"
    own = template.format(**request.path_params)
    return path.removesuffix(own) + template if path.endswith(own) else "unmatched"

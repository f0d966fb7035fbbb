"""What holds for every request: where a change may come from, and what a browser may do with the answer."""

import logging
import time
from http import HTTPStatus
from urllib.parse import urlsplit

from fastapi import Request
from starlette.datastructures import MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send

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


class Guard:
    """Refuses what another site's page sends in a visitor's name, and what is too large; sets the headers of answers.

    Plain ASGI: Starlette's middleware of functions opens a task group for each request, and that cost a fifth of the
    portal's processor.
    """

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        method = _method(scope["method"])
        if method == "HEAD":
            # Answered as GET; the server leaves the body out. Nobody reads it, so it opens and changes nothing.
            scope = {**scope, "method": "GET", "state": {**scope.get("state", {}), "unread": True}}
        request, began, status = Request(scope, receive), time.monotonic(), 0

        async def send_with_headers(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
                _complete(MutableHeaders(scope=message), request, status)
            await send(message)

        try:
            refusal = _refusal(request)
            if refusal is not None:
                await answer_fault(request, refusal)(scope, receive, send_with_headers)
            else:
                await self._app(scope, receive, send_with_headers)
        except Exception as error:
            if status:
                raise  # the answer is on its way: all that is left is to break it off
            if not isinstance(error, Unavailable):
                # The last line: a visitor never sees a stack trace.
                log("portal.failed", level=logging.ERROR, error=error, path=_route(request))
                error = RastiError("Something went wrong here; it is noted. Try again.")
            # Unavailable: the page about another fault could not be made, for the database cannot say who is asking.
            await answer_fault(request, error)(scope, receive, send_with_headers)
        finally:
            if status >= HTTPStatus.BAD_REQUEST:
                # The route's template and no address of the caller: neither holds a token or a person.
                level = logging.ERROR if status >= HTTPStatus.INTERNAL_SERVER_ERROR else logging.INFO
                log("portal.refused", level=level, status=status, method=method, path=_route(request))
            request.app.state.metrics.note(_route(request), method, status, time.monotonic() - began)


def _complete(headers: MutableHeaders, request: Request, status: int) -> None:
    if request.url.path.startswith("/static/") and status == HTTPStatus.OK:
        headers["Cache-Control"] = _FOR_EVER
    for name, value in _HEADERS.items():
        headers.setdefault(name, value)


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


def _method(word: str) -> str:
    # Anybody may send any word as a method, and each would be a line of the metrics.
    return word if word in _METHODS else "other"


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

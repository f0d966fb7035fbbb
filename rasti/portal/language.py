"""The visitor's language: theirs by choice, else the installation's."""

from fastapi import APIRouter, Request
from starlette.responses import RedirectResponse, Response

from rasti.errors import NotFound
from rasti.i18n import LANGUAGES
from rasti.portal.site import site_of

COOKIE = "__Host-language"
_A_YEAR = 365 * 24 * 3600

router = APIRouter()


def language_of(request: Request) -> str:
    """The language in which this visitor reads."""
    chosen = request.cookies.get(COOKIE)
    return chosen if chosen in LANGUAGES else site_of(request).settings.language


def local_path(path: str) -> str:
    """A path of this site, and nothing that a browser would take for another's."""
    plain = path.startswith("/") and not path.startswith(("//", "/\\")) and path.isprintable()
    return path if plain else "/"


@router.get("/language/{code}")
def choose(code: str, next: str = "/") -> Response:
    """Remember the visitor's choice."""
    if code not in LANGUAGES:
        raise NotFound("There is no such page.")
    response = RedirectResponse(local_path(next), status_code=303)
    response.set_cookie(COOKIE, code, max_age=_A_YEAR, path="/", secure=True, httponly=True, samesite="lax")
    return response

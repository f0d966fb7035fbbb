"""The application: its routes, and what holds for all of them."""

from pathlib import Path

from fastapi import FastAPI
from starlette.staticfiles import StaticFiles

from rasti.ledger.book import Book
from rasti.portal import api, cabinet, desk, faults, health, language, mailbox, public, sign_in
from rasti.portal.guard import Guard
from rasti.portal.metrics import Metrics
from rasti.portal.prefect import Prefect
from rasti.portal.site import Site
from rasti.secret import load_secret
from rasti.settings import Settings

STATIC = Path(__file__).parent / "static"
# Pages for people; what the API describes of itself is in `rasti.portal.api`.
PAGES = (public, language, sign_in, cabinet, health)


def create_app(book: Book, settings: Settings, prefect: Prefect | None = None) -> FastAPI:
    """The portal over an open ledger; `prefect`: that of the settings, unless given."""

    app = FastAPI(
        title="rasti",
        version="1",
        openapi_url="/api/v1/openapi.json",
        docs_url=None,
        redoc_url=None,
    )
    if prefect is None and settings.prefect_api_url:
        prefect = Prefect.at(settings.prefect_api_url)
    app.state.site = Site(book, settings, load_secret(settings), prefect)
    app.state.metrics = Metrics(book, prefect, without=settings.loops_off)
    app.add_middleware(Guard)
    faults.register(app)
    app.mount("/static", StaticFiles(directory=STATIC), name="static")
    app.include_router(api.router)  # first, for routes are tried in their order
    for area in (*PAGES, *desk.AREAS):
        app.include_router(area.router, include_in_schema=False)
    app.openapi = lambda: api.describe(app)  # type: ignore[method-assign]
    if settings.show_mailbox:
        app.include_router(mailbox.router, include_in_schema=False)
    return app

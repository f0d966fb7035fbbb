"""What every request may use: the ledger, the settings, the secret, Prefect."""

from dataclasses import dataclass, replace
from typing import Annotated

from fastapi import Depends, Request

from rasti.ledger.book import Book
from rasti.portal.prefect import Prefect
from rasti.secret import Secret
from rasti.settings import Settings


@dataclass(frozen=True)
class Site:
    """An installation as its pages see it."""

    book: Book
    settings: Settings
    secret: Secret
    prefect: Prefect | None  # none: none is configured

    def book_of(self, actor: str) -> Book:
        """The ledger, written by `actor`."""
        return replace(self.book, actor=actor, written=[])


def site_of(request: Request) -> Site:
    """The installation that this request came to."""
    site: Site = request.app.state.site
    return site


def sender_of(request: Request) -> str:
    """Where the request came from, for counting tries; behind a proxy that uvicorn trusts, the proxy's word."""
    return request.client.host if request.client else "unknown"


TheSite = Annotated[Site, Depends(site_of)]
Sender = Annotated[str, Depends(sender_of)]

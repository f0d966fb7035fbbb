"""What everybody may see: the three best of each month, who holds the leads, the feed (R4, D7)."""

import math
from collections.abc import Sequence
from dataclasses import dataclass

from fastapi import APIRouter, Request
from starlette.responses import Response

from rasti.errors import NotFound
from rasti.ledger.announcements import Announcement, Place, announcements, holder_now
from rasti.portal.language import language_of
from rasti.portal.pages import Writing, environment, page
from rasti.portal.site import TheSite
from rasti.rules.month import Month

router = APIRouter()

_FOR_A_MINUTE = {"Cache-Control": "private, max-age=60"}
_IN_THE_FEED = 24  # months


@dataclass(frozen=True)
class Bar:
    """A month's winner in the chart; `width` in percent of the widest, on a logarithmic scale."""

    month: Month
    winner: Place
    width: float


@router.get("/")
def home(request: Request, site: TheSite) -> Response:
    """The three best of the newest month, and all months before it."""
    months = announcements(site.book)
    return page(
        request,
        "public/home.html.j2",
        headers=_FOR_A_MINUTE,
        months=months,
        shown=months[0] if months else None,
        holder=holder_now(site.book),
        bars=bars(months),
    )


@router.get("/months/{month}")
def one_month(request: Request, site: TheSite, month: str) -> Response:
    """One month, to be shared and printed."""
    months = announcements(site.book)
    wanted = Month.parse(month)
    at = next((index for index, known in enumerate(months) if known.month == wanted), None)
    if at is None:
        raise NotFound("The ranking of {month} is not published.", month=wanted)
    return page(
        request,
        "public/month.html.j2",
        headers=_FOR_A_MINUTE,
        shown=months[at],
        newer=months[at - 1] if at else None,
        older=months[at + 1] if at + 1 < len(months) else None,
    )


@router.get("/feed.atom")
def feed(request: Request, site: TheSite) -> Response:
    """The announcements, for feed readers (RFC 4287)."""
    language = language_of(request)
    template = environment(language).get_template("public/feed.xml.j2")
    xml = template.render(
        language=language,
        origin=site.settings.portal_url.rstrip("/"),
        months=announcements(site.book)[:_IN_THE_FEED],
        write=Writing(language, site.book.programme),
    )
    return Response(xml, media_type="application/atom+xml", headers=_FOR_A_MINUTE)


def bars(months: Sequence[Announcement]) -> list[Bar]:
    """The chart of the winners, oldest first. Growth from 20 % to 9000 % fits a logarithmic scale only."""
    winners = [(month.month, month.places[0]) for month in reversed(months) if month.places]
    lengths = [math.log10(1 + float(winner.growth)) for _month, winner in winners]
    longest = max(lengths, default=0) or 1
    return [
        Bar(month, winner, round(100 * length / longest, 2))
        for (month, winner), length in zip(winners, lengths, strict=True)
    ]

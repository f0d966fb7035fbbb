"""Published rankings, for everybody: places, growth and kits, no amounts (R4, D7)."""

import hashlib
from typing import Annotated, Any

from fastapi import APIRouter, Header, Response
from pydantic import BaseModel
from starlette.responses import JSONResponse

from rasti.errors import BadInput, NotFound
from rasti.ledger.announcements import Announcement, announcements
from rasti.portal.api.access import problems
from rasti.portal.site import TheSite
from rasti.rules.bodies import utc
from rasti.rules.month import Month

router = APIRouter(tags=["rankings"])

IfNoneMatch = Annotated[str | None, Header(alias="If-None-Match")]
_UNCHANGED: dict[int | str, dict[str, Any]] = {304: {"description": "Unchanged since the ETag that was sent."}}


class PlaceView(BaseModel):
    """A place; growth in percent as decimal text."""

    place: int
    partner: str
    name: str
    growth_percent: str
    kits_sold: int


class RankingView(BaseModel):
    """The public version of a month."""

    month: str
    version: int
    published_at: str
    places: list[PlaceView]


@router.get(
    "/rankings", summary="All published months", response_model=list[RankingView], responses=problems() | _UNCHANGED
)
def all_months(site: TheSite, if_none_match: IfNoneMatch = None) -> Response:
    """The public version of every published month, the newest first."""
    return _cached([_view(month) for month in announcements(site.book)], if_none_match)


@router.get(
    "/rankings/{month}",
    summary="A published month",
    response_model=RankingView,
    responses=problems(404, 422) | _UNCHANGED,
)
def one_month(site: TheSite, month: str, if_none_match: IfNoneMatch = None) -> Response:
    """The public version of a month, YYYY-MM."""
    try:
        wanted = Month.parse(month)
    except BadInput as error:
        error.field = "month"
        raise
    found = next((known for known in announcements(site.book) if known.month == wanted), None)
    if found is None:
        raise NotFound("The ranking of {month} is not published.", month=wanted)
    return _cached(_view(found), if_none_match)


def _view(month: Announcement) -> dict[str, Any]:
    return {
        "month": str(month.month),
        "version": month.version,
        "published_at": utc(month.published_at),
        "places": [
            {
                "place": place.place,
                "partner": place.partner,
                "name": place.name,
                "growth_percent": f"{place.growth:f}",
                "kits_sold": place.kits_sold,
            }
            for place in month.places
        ],
    }


def _cached(content: object, known: str | None) -> Response:
    answer = JSONResponse(content)
    tag = f'"{hashlib.sha256(bytes(answer.body)).hexdigest()[:32]}"'
    headers = {"ETag": tag, "Cache-Control": "public, max-age=60"}
    if known and tag in [part.strip().removeprefix("W/") for part in known.split(",")]:
        return Response(status_code=304, headers=headers)
    answer.headers.update(headers)
    return answer

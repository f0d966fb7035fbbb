"""Today's desk: who holds the leads, what waits, and whether everything runs."""

from dataclasses import dataclass
from datetime import datetime, timedelta

from fastapi import APIRouter, Request
from starlette.responses import Response

from rasti.ledger.desk_today import today
from rasti.ledger.heartbeats import failures, heartbeats
from rasti.ledger.pulse import pulse
from rasti.portal.pages import now_of, page
from rasti.portal.site import TheSite
from rasti.portal.visitor import OperatorsOnly
from rasti.rules.kinds import Channel

router = APIRouter(dependencies=[OperatorsOnly])

_LATE = timedelta(seconds=60)  # a loop of the steward, a mail or a verdict


@dataclass(frozen=True)
class Loop:
    """A loop of the steward; `well`: it was seen lately and nothing of its waits too long."""

    seen_at: datetime | None
    lag: timedelta
    well: bool
    failure: str | None  # why it cannot do its work, if it said so


@router.get("/desk")
def desk(request: Request, site: TheSite) -> Response:
    """The desk; it refreshes itself."""
    now, beat, seen, failed = now_of(request), pulse(site.book), heartbeats(site.book), failures(site.book)

    def loop(name: str, lag: float) -> Loop:
        at, waits = seen.get(name), timedelta(seconds=lag)
        well = at is not None and now - at <= _LATE and waits <= _LATE and name not in failed
        return Loop(at, waits, well, failed.get(name))

    return page(
        request,
        "desk/today.html.j2",
        today=today(site.book),
        prefect=None if site.prefect is None else site.prefect.is_up(),
        workers=site.prefect.health(site.book) if site.prefect else None,
        relay=loop("relay", beat.oldest_due[Channel.MAIL]),
        guard=loop("guard", beat.oldest_overdue),
        bounces=loop("bounces", 0) if site.settings.bounces else None,
    )

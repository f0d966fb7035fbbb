"""Today's desk: who holds the leads, what waits, and whether everything runs."""

from dataclasses import dataclass
from datetime import timedelta

from fastapi import APIRouter, Request
from starlette.responses import Response

from rasti.ledger.desk_today import today
from rasti.ledger.heartbeats import failures
from rasti.ledger.pulse import pulse
from rasti.portal.pages import page
from rasti.portal.site import TheSite
from rasti.portal.visitor import OperatorsOnly

router = APIRouter(dependencies=[OperatorsOnly])

_LATE = timedelta(seconds=60)  # a loop of the steward, a mail or a verdict


@dataclass(frozen=True)
class Loop:
    """A loop of the steward; `well`: it was seen lately and nothing of its waits too long."""

    age: timedelta | None  # since its last round; none: never seen
    lag: timedelta
    well: bool
    failure: str | None  # why it cannot do its work, if it said so


@router.get("/desk")
def desk(request: Request, site: TheSite) -> Response:
    """The desk; it refreshes itself."""
    beat, failed = pulse(site.book), failures(site.book)
    workers = site.prefect.health(site.book) if site.prefect else None

    def loop(name: str, lag: float) -> Loop:
        age = timedelta(seconds=beat.heartbeats[name]) if name in beat.heartbeats else None
        waits = timedelta(seconds=lag)
        well = age is not None and age <= _LATE and waits <= _LATE and name not in failed
        return Loop(age, waits, well, failed.get(name))

    return page(
        request,
        "desk/today.html.j2",
        today=today(site.book),
        prefect=None if workers is None else "prefect_down" not in workers.codes,
        workers=workers,
        relay=loop("relay", beat.oldest_untried),
        guard=loop("guard", beat.oldest_overdue),
        bounces=loop("bounces", 0) if site.settings.bounces else None,
    )

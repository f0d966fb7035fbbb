"""Whether the portal lives, may be sent requests, and how everything goes: for load balancers and monitoring."""

from fastapi import APIRouter, Request
from starlette.responses import JSONResponse, PlainTextResponse, Response

from rasti.clients.prefect import QUICK, prefect_api
from rasti.errors import Unavailable
from rasti.ledger.pulse import Pulse, is_ready, pulse
from rasti.portal.metrics import CONTENT_TYPE
from rasti.portal.site import TheSite
from rasti.rules.kinds import Channel

router = APIRouter()

_LATE = 60.0  # seconds that a mail, a verdict or a heartbeat may be late


@router.get("/healthz")
def alive() -> Response:
    """The process answers."""
    return PlainTextResponse("ok\n")


@router.get("/readyz")
def ready(site: TheSite) -> Response:
    """200: requests can be answered, though perhaps something behind is degraded; 503: they cannot."""
    try:
        current = is_ready(site.book)
        now = pulse(site.book) if current else None
    except Unavailable:
        return JSONResponse({"status": "unavailable", "database": "down"}, status_code=503)
    if now is None:
        return JSONResponse({"status": "unavailable", "database": "not upgraded"}, status_code=503)
    prefect = _prefect(site.settings.prefect_api_url)
    degraded = prefect == "down" or _is_late(now)
    return JSONResponse(
        {
            "status": "degraded" if degraded else "ready",
            "database": "up",
            "prefect": prefect,
            "relay_lag_seconds": round(now.oldest_due[Channel.MAIL], 1),
            "guard_lag_seconds": round(now.oldest_overdue, 1),
            "heartbeat_age_seconds": {loop: round(age, 1) for loop, age in now.heartbeats.items()},
        }
    )


@router.get("/metrics")
def metrics(request: Request) -> Response:
    """Prometheus' text format."""
    return Response(request.app.state.metrics.text(), media_type=CONTENT_TYPE)


def _prefect(url: str | None) -> str:
    if url is None:
        return "not configured"
    with prefect_api(url, timeout=QUICK) as prefect:
        return "up" if prefect.is_up() else "down"


def _is_late(now: Pulse) -> bool:
    ages = (now.oldest_due[Channel.MAIL], now.oldest_overdue, *now.heartbeats.values())
    return any(age > _LATE for age in ages)

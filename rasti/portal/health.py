"""Whether the portal lives, may be sent requests, and how everything goes: for load balancers and monitoring."""

from fastapi import APIRouter, Request
from starlette.responses import JSONResponse, PlainTextResponse, Response

from rasti.errors import NotUpgraded, Unavailable
from rasti.ledger.pulse import Lags, lags_if_current
from rasti.portal.metrics import CONTENT_TYPE
from rasti.portal.prefect import Prefect
from rasti.portal.site import TheSite

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
        lags = lags_if_current(site.book)
    except NotUpgraded:
        lags = None
    except Unavailable:
        return JSONResponse({"status": "unavailable", "database": "down"}, status_code=503)
    if lags is None:
        return JSONResponse({"status": "unavailable", "database": "not upgraded"}, status_code=503)
    prefect = _prefect(site.prefect)
    degraded = prefect == "down" or _is_late(lags) or lags.restored is not None
    return JSONResponse(
        {
            "status": "degraded" if degraded else "ready",
            "database": "up",
            "prefect": prefect,
            "relay_lag_seconds": round(lags.mail, 1),
            "guard_lag_seconds": round(lags.verdict, 1),
            "heartbeat_age_seconds": {loop: round(age, 1) for loop, age in lags.heartbeats.items()},
            "restored_at": lags.restored and lags.restored.restored_at.isoformat(),
        }
    )


@router.get("/metrics")
def metrics(request: Request) -> Response:
    """Prometheus' text format."""
    return Response(request.app.state.metrics.text(), media_type=CONTENT_TYPE)


def _prefect(prefect: Prefect | None) -> str:
    if prefect is None:
        return "not configured"
    return "up" if prefect.is_up() else "down"


def _is_late(lags: Lags) -> bool:
    return any(age > _LATE for age in (lags.mail, lags.verdict, *lags.heartbeats.values()))

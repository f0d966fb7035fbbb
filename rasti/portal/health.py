"""Whether the portal lives, may be sent requests, and how everything goes: for load balancers and monitoring."""

from fastapi import APIRouter, Request
from starlette.responses import JSONResponse, PlainTextResponse, Response

from rasti.errors import NotUpgraded, Unavailable
from rasti.ledger.mail_trouble import PATIENCE
from rasti.ledger.pulse import Lags, lags_if_current
from rasti.portal.metrics import CONTENT_TYPE
from rasti.portal.site import TheSite
from rasti.steward.prefect_state import PrefectHealth

router = APIRouter()

_LATE = 60.0  # seconds that a mail may wait untried, and a verdict or a heartbeat be late


@router.get("/healthz")
def alive() -> Response:
    """The process answers."""
    return PlainTextResponse("ok\n")


@router.get("/readyz")
def ready(site: TheSite) -> Response:
    """200: requests can be answered, though perhaps something behind is degraded; 503: they cannot."""
    try:
        lags = lags_if_current(site.book, without=site.settings.loops_off)
    except NotUpgraded:
        lags = None
    except Unavailable:
        return JSONResponse({"status": "unavailable", "database": "down"}, status_code=503)
    if lags is None:
        return JSONResponse({"status": "unavailable", "database": "not upgraded"}, status_code=503)
    workers = site.prefect.health(site.book) if site.prefect else None
    reasons = [*(workers.codes if workers else []), *_reasons(lags)]
    return JSONResponse(
        {
            "status": "degraded" if reasons else "ready",
            "reasons": reasons,
            "database": "up",
            "prefect": _prefect(workers),
            "workers": workers and workers.as_json(),
            "relay_lag_seconds": round(lags.mail, 1),
            "guard_lag_seconds": round(lags.verdict, 1),
            "heartbeat_age_seconds": {loop: round(age, 1) for loop, age in lags.heartbeats.items()},
            "mail": lags.trouble and lags.trouble.facts(),
            "restored_at": lags.restored and lags.restored.restored_at.isoformat(),
        }
    )


@router.get("/metrics")
def metrics(request: Request) -> Response:
    """Prometheus' text format."""
    return Response(request.app.state.metrics.text(), media_type=CONTENT_TYPE)


def _prefect(health: PrefectHealth | None) -> str:
    if health is None:
        return "not configured"
    return "down" if "prefect_down" in health.codes else "up"


def _reasons(lags: Lags) -> list[str]:
    """Everything that is not well, in words that stay the same; one hides no other."""
    alarm = lags.trouble if lags.trouble and lags.trouble.needs_somebody(lags.at) else None
    found = {
        "mail_late": lags.untried > _LATE or lags.mail >= PATIENCE.total_seconds(),
        "mail_undelivered": alarm is not None,
        "alerts_undelivered": alarm is not None and alarm.alerts > 0,
        "verdicts_late": lags.verdict > _LATE,
        **{f"{loop}_silent": age > _LATE for loop, age in sorted(lags.heartbeats.items())},
        "restored": lags.restored is not None,
    }
    return [reason for reason, holds in found.items() if holds]

"""Whether the portal lives, may be sent requests, and how everything goes: for load balancers and monitoring."""

from dataclasses import asdict

from fastapi import APIRouter, Request
from starlette.responses import JSONResponse, PlainTextResponse, Response

from rasti.errors import NotUpgraded, Unavailable
from rasti.ledger.mail_trouble import MailTrouble
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
    workers = site.prefect.health(site.book) if site.prefect else None
    down = ["prefect_down"] if prefect == "down" else []
    reasons = list(dict.fromkeys([*down, *(workers.codes if workers else []), *_reasons(lags)]))
    return JSONResponse(
        {
            "status": "degraded" if reasons else "ready",
            "reasons": reasons,
            "database": "up",
            "prefect": prefect,
            "workers": workers and workers.as_json(),
            "relay_lag_seconds": round(lags.mail, 1),
            "guard_lag_seconds": round(lags.verdict, 1),
            "heartbeat_age_seconds": {loop: round(age, 1) for loop, age in lags.heartbeats.items()},
            "mail": _mail(lags.trouble),
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


def _reasons(lags: Lags) -> list[str]:
    """Everything that is not well, in words that stay the same; one hides no other."""
    trouble = lags.trouble
    found = {
        "mail_late": lags.mail > _LATE,
        "mail_undelivered": trouble is not None and trouble.waiting > 0,
        "alerts_undelivered": trouble is not None and trouble.alerts > 0,
        "verdicts_late": lags.verdict > _LATE,
        **{f"{loop}_silent": age > _LATE for loop, age in sorted(lags.heartbeats.items())},
        "restored": lags.restored is not None,
    }
    return [reason for reason, holds in found.items() if holds]


def _mail(trouble: MailTrouble | None) -> dict[str, object] | None:
    return None if trouble is None else {**asdict(trouble), "since": trouble.since.isoformat()}

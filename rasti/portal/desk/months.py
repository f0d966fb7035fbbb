"""Reporting months: versions, what differs between them, what is missing, who held the leads and why."""

from itertools import pairwise

from fastapi import APIRouter, Request
from starlette.responses import Response

from rasti.ledger.desk_months import month_file, month_states
from rasti.ledger.rankings import Difference, difference
from rasti.portal.desk.asking import number, run_id
from rasti.portal.pages import page
from rasti.portal.site import TheSite
from rasti.portal.visitor import OperatorsOnly
from rasti.rules.month import Month

router = APIRouter(dependencies=[OperatorsOnly])

_COMPARED = 10  # versions


@router.get("/desk/months")
def months(request: Request, site: TheSite) -> Response:
    """All months of the programme that have ended."""
    return page(request, "desk/months.html.j2", months=month_states(site.book))


@router.get("/desk/months/{month}")
def one_month(
    request: Request,
    site: TheSite,
    month: str,
    version: str = "",
    run: str = "",
    said: str = "",
) -> Response:
    """A month with one of its versions; `run`: a flow run that was started here, to be watched."""
    wanted = Month.parse(month)
    file = month_file(site.book, wanted, number(version))
    started = run_id(run) if site.prefect else None
    return page(
        request,
        "desk/month.html.j2",
        file=file,
        differences=_differences(site, wanted, [ranking.version for ranking in file.versions]),
        prefect=site.prefect is not None,
        run=started,
        run_state=site.prefect.state_of(started) if site.prefect and started else None,
        run_link=site.prefect.link(started) if site.prefect and started else "",
        said=said,
    )


def _differences(site: TheSite, month: Month, versions: list[int]) -> list[Difference]:
    """Between neighbours, the newest first."""
    return [difference(site.book, month, before, after) for after, before in pairwise(versions[: _COMPARED + 1])]

"""Re-run, publish, activate a month: by the real flow, or at once through the ledger; switch by a new version."""

from collections.abc import Callable
from enum import StrEnum
from typing import Annotated, Any

from fastapi import APIRouter, Form, Request
from starlette.responses import Response

from rasti.errors import RastiError, Refused, Unavailable
from rasti.ledger.book import Book
from rasti.ledger.desk_months import month_file
from rasti.ledger.handover import hand_over_waiting
from rasti.ledger.rankings import publish, rank
from rasti.ledger.run_requests import note_run_requested
from rasti.ledger.tenures import activate
from rasti.portal.desk.asking import Line, Reason, decide, needed, step_page
from rasti.portal.site import Site, TheSite
from rasti.portal.visitor import OperatorsOnly, OurForm, TheOperator
from rasti.rules.month import Month

router = APIRouter(dependencies=[OperatorsOnly])

FLOW = "monthly-ranking"


class Step(StrEnum):
    """What is done with a month."""

    RANK = "rank"
    PUBLISH = "publish"
    ACTIVATE = "activate"


class How(StrEnum):
    """By a run of the flow, seen in Prefect's UI, or at once."""

    RUN = "run"
    NOW = "now"


@router.get("/desk/months/{month}/switch")
def ask_switch(request: Request, site: TheSite, month: str) -> Response:
    """Repeat what a switch to the published version does."""
    return _ask(request, site, Month.parse(month), "switch")


@router.post("/desk/months/{month}/switch", dependencies=[OurForm])
def switch(request: Request, site: TheSite, visitor: TheOperator, month: str, reason: Reason = "") -> Response:
    """Walk the published version anew, after a correction (D9)."""
    wanted, book = Month.parse(month), site.book_of(visitor.actor)

    def act() -> str:
        done = activate(book, wanted, switch=True, reason=needed(reason))
        hand_over_waiting(book)
        said = "switched" if done.activated_now else "version_taken" if done.version_taken else "same_holder"
        return f"/desk/months/{wanted}?said={said}"

    return decide(lambda error: _ask(request, site, wanted, "switch", error=error, reason=reason), act)


@router.get("/desk/months/{month}/{step}")
def ask(request: Request, site: TheSite, month: str, step: Step) -> Response:
    """Repeat what the step does."""
    return _ask(request, site, Month.parse(month), step.value)


@router.post("/desk/months/{month}/{step}", dependencies=[OurForm])
def do(
    request: Request,
    site: TheSite,
    visitor: TheOperator,
    month: str,
    step: Step,
    how: Annotated[How, Form()] = How.RUN,
    reason: Reason = "",
    incomplete: Line = "",
) -> Response:
    """Start the flow, or do the same at once where there is no Prefect."""
    wanted, why = Month.parse(month), reason.strip() or None
    allow = incomplete == "yes"
    book = site.book_of(visitor.actor)

    def act() -> str:
        if step is Step.PUBLISH and allow:
            needed(reason)
        if how is How.NOW:
            return f"/desk/months/{wanted}?said={_AT_ONCE[step](book, wanted, allow, why)}"
        parameters = {
            "month": str(wanted),
            "publish": step is Step.PUBLISH,
            "activate": step is Step.ACTIVATE,
            "allow_incomplete": allow,
            "reason": why if allow else None,
        }
        return f"/desk/months/{wanted}?run={_start(site, book, wanted, parameters)}&said=started"

    def again(error: RastiError | None) -> Response:
        return _ask(request, site, wanted, step.value, error=error, reason=reason, incomplete=allow)

    try:
        return decide(again, act)
    except Unavailable as error:
        if how is How.NOW:
            raise
        # Prefect is away: the page says so, keeps what was typed and offers to do without.
        return again(error)


def _start(site: Site, book: Book, month: Month, parameters: dict[str, Any]) -> str:
    month_file(book, month)  # refuses a month that cannot be ranked, before a run fails at it
    if site.prefect is None:
        raise Refused("No Prefect is configured (PREFECT_API_URL): do it at once instead.")
    run = site.prefect.start(FLOW, parameters)
    note_run_requested(book, run, month, publish=parameters["publish"], activate=parameters["activate"])
    return str(run)


def _rank(book: Book, month: Month, allow: bool, why: str | None) -> str:  # noqa: ARG001 - the three steps look alike
    return "ranked" if rank(book, month).computed_now else "same_version"


def _publish(book: Book, month: Month, allow: bool, why: str | None) -> str:
    published = publish(book, month, allow_incomplete=allow, reason=why if allow else None)
    return "published" if published.published_now else "same_publication"


def _activate(book: Book, month: Month, allow: bool, why: str | None) -> str:  # noqa: ARG001
    changed = activate(book, month).activated_now
    hand_over_waiting(book)
    return "activated" if changed else "same_holder"


_AT_ONCE: dict[Step, Callable[[Book, Month, bool, str | None], str]] = {
    Step.RANK: _rank,
    Step.PUBLISH: _publish,
    Step.ACTIVATE: _activate,
}


def _ask(
    request: Request,
    site: Site,
    month: Month,
    step: str,
    *,
    error: RastiError | None = None,
    reason: str = "",
    incomplete: bool = False,
) -> Response:
    return step_page(
        request,
        f"month_{step}",
        f"/desk/months/{month}",
        error=error,
        reason=reason,
        incomplete=incomplete,
        file=month_file(site.book, month),
        prefect=None if site.prefect is None else site.prefect.is_up(),
    )

"""The month's ranking: ingest, rank, publish, activate (R1-R8)."""

from typing import Annotated

from prefect import flow
from prefect.client.schemas.objects import State
from prefect.states import Completed
from pydantic import Field

from rasti.steward.run_limits import TIMEOUTS
from rasti.steward.run_names import ranking_name
from tasks.artifacts import missing_text, show_activation, show_ranking
from tasks.invoices import ingest_new
from tasks.naming import name_run
from tasks.ranking import activate as activate_month
from tasks.ranking import is_activated, month_to_rank, rank, tell_incomplete
from tasks.ranking import publish as publish_month

MonthText = Annotated[str, Field(pattern=r"^\d{4}-(0[1-9]|1[0-2])$", examples=["2019-08"], title="YYYY-MM")]


@flow(name="monthly-ranking", persist_result=False, timeout_seconds=TIMEOUTS["monthly-ranking"])
def monthly_ranking(
    month: MonthText | None = None,
    publish: bool = False,
    activate: bool = False,
    allow_incomplete: bool = False,
    reason: str | None = None,
) -> State[None]:
    """Rank a reporting month, and on request publish the ranking and give the leads to its winner.

    As it is, a run only computes: it changes nobody's leads. A month with the same inputs gives the same version.

    Args:
        month: Reporting month as YYYY-MM; none: the last one that ended. Its leads are those of the month after.
        publish: Publish the ranking that this run finds.
        activate: Give the leads of the month after to the published winner; done already, nothing changes.
        allow_incomplete: Publish although the month is incomplete; needs a reason.
        reason: Why an incomplete month is published; kept in the audit trail.
    """
    reporting = month_to_rank(month)
    if reporting is None:
        name_run("ranking · outside the programme")
        return Completed(name="Nothing to do", message="The last month that ended is outside the programme.")
    if month is None and activate and is_activated(reporting):
        name_run(f"ranking {reporting} · activated already")
        return Completed(name="Nothing to do", message=f"The leads by {reporting} were given already.")
    name_run(f"ranking {reporting}")  # also if it fails before its version is known
    ingest_new()
    ranking = rank(reporting)
    name_run(ranking_name(reporting, ranking.version))
    show_ranking(ranking)
    if not publish and not activate:
        return Completed(message=f"Version {ranking.version} computed; not published.")
    if publish and not ranking.complete and not allow_incomplete:
        tell_incomplete(ranking)
        return Completed(name="Incomplete", message=f"Not published, tried again tomorrow: {missing_text(ranking)}.")
    if publish:
        publish_month(reporting, ranking.version, allow_incomplete=allow_incomplete, reason=reason)
    if not activate:
        return Completed(message=f"Version {ranking.version} published.")
    activation = activate_month(reporting)
    show_activation(activation)
    return Completed(message=f"Leads of {activation.lead_month} go to {activation.holder or 'nobody'}.")

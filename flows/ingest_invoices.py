"""Reads what is new in the billing sources."""

from prefect import flow
from prefect.artifacts import create_table_artifact
from prefect.client.schemas.objects import State
from prefect.states import Completed

from rasti.steward.run_limits import TIMEOUTS
from rasti.steward.run_names import ingest_name
from tasks.invoices import Ingested, ingest_new
from tasks.naming import name_run


@flow(name="ingest-invoices", persist_result=False, timeout_seconds=TIMEOUTS["ingest-invoices"])
def ingest_invoices() -> State[None]:
    """Read the registers that were dropped into the sources; each is moved to done or refused, with a report."""
    ingested = ingest_new()
    name_run(ingest_name(len(ingested)))
    if not ingested:
        return Completed(message="No register is waiting.")
    refused = sum(item.report is None for item in ingested)
    text = f"{len(ingested)} registers read, {refused} of them refused"
    create_table_artifact(key="ingested", table=[_row(item) for item in ingested], description=text)
    return Completed(name="Refused some" if refused else None, message=f"{text}.")


def _row(item: Ingested) -> dict[str, object]:
    if item.report is None:
        return {"file": item.file, "outcome": f"refused: {item.refused}"}
    counts = item.report.counts()
    outcome = "read before" if item.report.skipped else "read"
    return {"file": item.file, "outcome": outcome, **counts, "rows in quarantine": len(item.report.quarantined)}

"""The guard's round by Prefect: what is due and was not done by the normal path."""

from prefect import flow
from prefect.artifacts import create_markdown_artifact
from prefect.client.schemas.objects import State
from prefect.states import Completed

from rasti.steward.run_limits import TIMEOUTS
from rasti.steward.run_names import sweep_name
from tasks.guard import sweep as sweep_once
from tasks.naming import name_run


@flow(persist_result=False, timeout_seconds=TIMEOUTS["sweep"])
def sweep() -> State[None]:
    """One round of relay and guard, with a report of what the normal path had left undone."""
    report = sweep_once().as_json()
    found = {what: count for what, count in report.items() if count}
    if not found:
        name_run(sweep_name(None))
        return Completed(message="Nothing was left undone.")
    text = ", ".join(f"{what.replace('_', ' ')} {count}" for what, count in found.items())
    name_run(sweep_name(text))
    create_markdown_artifact(key="sweep", markdown=f"## Done by the sweep\n\n{text}", description=text)
    return Completed(message=f"Done by the sweep: {text}.")

"""Gives the present flow run a name that a person understands."""

from prefect.client.orchestration import get_client
from prefect.context import FlowRunContext


def name_run(name: str) -> None:
    """Name the present run; one that was created under this name already is left alone."""
    context = FlowRunContext.get()
    if context is None or context.flow_run is None or context.flow_run.name == name:
        return
    get_client(sync_client=True).set_flow_run_name(context.flow_run.id, name)
    context.flow_run.name = name

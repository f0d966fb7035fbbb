"""The warm worker with one of its savings taken back: `python -m benchmarks.warm_steps` is Prefect's command line.

Each is a worker type of its own, so that `flow-runs` can say what each saving is worth.
"""

from typing import Any

from prefect.cli import app
from prefect.client.schemas.objects import FlowRun, State
from prefect.flow_engine import run_flow_sync
from prefect.flows import Flow
from prefect.workers.base import BaseWorker

from rasti.worker import warm
from rasti.worker.warm import WarmWorker


class SubmittedAsByPrefect(WarmWorker):
    """The deployment is read and labels are written for each run, a run is Pending before it waits for a thread."""

    type = "bench-submit"
    _submit_run = BaseWorker._submit_run


class ClientOfItsOwn(WarmWorker):
    """Each run opens a client, with its connection."""

    type = "bench-client"

    async def setup(self) -> None:
        await BaseWorker.setup(self)


class ListeningForSuspension(WarmWorker):
    """The engine knows the deployment: it opens a thread and a websocket for each run."""

    type = "bench-websocket"

    def __init__(self, *words: Any, **named: Any) -> None:
        super().__init__(*words, **named)
        warm._run_in_thread = _run_with_deployment


def _run_with_deployment(flow: Flow[..., Any], flow_run: FlowRun) -> State | None:
    return run_flow_sync(flow, flow_run=flow_run, parameters=flow_run.parameters, return_type="state")


if __name__ == "__main__":
    app()

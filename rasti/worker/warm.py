"""A Prefect worker that runs flows in threads of its own warm process.

The stock process worker starts a Python and imports everything for each run: some five seconds of CPU for a step of
milliseconds. This one imports a flow once. It stands on private parts of Prefect (pinned, see the tests of this
package) and can be left out: the same deployments run on a pool of the stock type `process`.

What it leaves out: pull steps and job variables (flows run where the worker was started, from the installed packages),
suspending a run, and killing one: a cancelled run that has begun ends after its present step.
"""

import asyncio
import time
from copy import deepcopy
from functools import cached_property
from typing import Any, ClassVar
from uuid import UUID

import anyio
import anyio.abc
import anyio.to_thread
from prefect.client.schemas.objects import FlowRun, State
from prefect.client.schemas.responses import DeploymentResponse
from prefect.context import SyncClientContext
from prefect.exceptions import Abort, ObjectNotFound, Pause
from prefect.flow_engine import run_flow_sync
from prefect.flows import Flow, load_flow_from_entrypoint
from prefect.states import Pending
from prefect.utilities.engine import propose_state
from prefect.workers.base import BaseJobConfiguration, BaseVariables, BaseWorker, BaseWorkerResult
from pydantic import BaseModel

from rasti.clients.prefect import MINIMAL_TEMPLATE

THREADS = 8  # runs at once, unless the worker was started with --limit
DEPLOYMENT_TTL = 60.0  # seconds for which a deployment's entrypoint is believed


class _Known(BaseModel):
    """A deployment's entrypoint and until when (event loop time) it is believed."""

    entrypoint: str
    until: float


class WarmWorker(BaseWorker[BaseJobConfiguration, BaseVariables, BaseWorkerResult]):
    """Runs each flow run in a thread of this process."""

    type = "rasti-warm"
    job_configuration = BaseJobConfiguration

    _display_name = "Warm (in-process)"
    _description = "Runs flows in threads of one warm process: for many short runs of trusted flows."
    _documentation_url = "https://docs.prefect.io/v3/concepts/workers"

    # Entrypoint -> flow, for the life of the process: new code needs a new worker.
    _flows: ClassVar[dict[str, Flow[..., Any]]] = {}

    @classmethod
    def get_default_base_job_template(cls) -> dict[str, Any]:
        """No variables: the server validates every run against them, and we use none."""
        return deepcopy(MINIMAL_TEMPLATE)

    @cached_property
    def _threads(self) -> anyio.CapacityLimiter:
        return anyio.CapacityLimiter(self._limit or THREADS)

    @cached_property
    def _deployments(self) -> dict[UUID, _Known]:
        return {}

    async def setup(self) -> None:
        """Prepare the worker; its threads share one client, which is safe and saves a connection a run."""
        await super().setup()
        self._exit_stack.enter_context(SyncClientContext())

    async def _submit_run(self, flow_run: FlowRun) -> None:
        """Wait for the due time, then for a thread, then claim the run and run it.

        The base class does the same with several more requests a run. Nothing is claimed before it can start: a worker
        that stops leaves no run behind in Pending.
        """
        try:
            await _until(flow_run)
            async with self._threads:
                if await self._claim(flow_run):
                    # A claimed run is finished even when the worker is told to stop.
                    with anyio.CancelScope(shield=True):
                        await self.run(flow_run, BaseJobConfiguration())
        except ObjectNotFound:
            self._logger.info("Flow run %s was deleted before it began.", flow_run.id)
        except Exception:
            self._logger.exception("Flow run %s could not be run.", flow_run.id)
        finally:
            self._release_limit_slot(flow_run.id)
            self._submitting_flow_run_ids.discard(flow_run.id)
            if self._cancelling_observer is not None:
                self._cancelling_observer.remove_in_flight_flow_run_id(flow_run.id)

    async def _claim(self, flow_run: FlowRun) -> bool:
        """Whether the run is ours: another worker, a cancellation or a concurrency limit may have been quicker."""
        try:
            state = await propose_state(self.client, Pending(), flow_run_id=flow_run.id)
        except Abort as reason:
            self._logger.info("Flow run %s is not ours: %s", flow_run.id, reason)
            return False
        return state.is_pending()

    async def run(
        self,
        flow_run: FlowRun,
        configuration: BaseJobConfiguration,  # noqa: ARG002
        task_status: anyio.abc.TaskStatus[int] | None = None,
    ) -> BaseWorkerResult:
        """Run one flow run to its end. The engine reports how it ended; what it cannot report is a crash."""
        if task_status is not None:
            task_status.started(0)
        try:
            flow = await self._flow_of(flow_run)
            state = await anyio.to_thread.run_sync(_run_in_thread, flow, flow_run)
        except (Abort, Pause) as reason:
            self._logger.info("Flow run %s was taken from us: %s", flow_run.id, reason)
            return BaseWorkerResult(identifier=str(flow_run.id), status_code=0)
        except Exception as error:
            self._logger.exception("Flow run %s crashed.", flow_run.id)
            await self._propose_crashed_state(flow_run, f"{type(error).__name__} in the worker; its log says more.")
            return BaseWorkerResult(identifier=str(flow_run.id), status_code=1)
        if state is not None and state.is_cancelling():
            await self._mark_flow_run_as_cancelled(flow_run, {"message": "Cancelled after its present step."})
        return BaseWorkerResult(identifier=str(flow_run.id), status_code=0)

    async def _flow_of(self, flow_run: FlowRun) -> Flow[..., Any]:
        """The flow of a run, loaded once."""
        if flow_run.deployment_id is None:
            raise ValueError(f"flow run {flow_run.id} has no deployment")
        entrypoint = await self._entrypoint(flow_run.deployment_id)
        flow = self._flows.get(entrypoint)
        if flow is None:
            flow = await anyio.to_thread.run_sync(_load, entrypoint)
            self._flows[entrypoint] = flow
        return flow

    async def _entrypoint(self, deployment_id: UUID) -> str:
        clock = asyncio.get_running_loop().time
        known = self._deployments.get(deployment_id)
        if known is None or known.until < clock():
            deployment: DeploymentResponse = await self.client.read_deployment(deployment_id)
            if deployment.entrypoint is None:
                raise ValueError(f"deployment {deployment_id} has no entrypoint")
            known = _Known(entrypoint=deployment.entrypoint, until=clock() + DEPLOYMENT_TTL)
            self._deployments[deployment_id] = known
        return known.entrypoint


async def _until(flow_run: FlowRun) -> None:
    """Sleep until the run is due: a poll returns runs some seconds ahead."""
    due = flow_run.next_scheduled_start_time
    if due is not None:
        await anyio.sleep(max(0.0, due.timestamp() - time.time()))


def _load(entrypoint: str) -> Flow[..., Any]:
    return load_flow_from_entrypoint(entrypoint, use_placeholder_flow=False)


def _run_in_thread(flow: Flow[..., Any], flow_run: FlowRun) -> State | None:
    # For a run with a deployment the engine opens a thread and a websocket, only to hear that it was suspended. Ours
    # never are, so the deployment is kept from it here; it reads the run anew and knows it everywhere else.
    anonymous = flow_run.model_copy(update={"deployment_id": None})
    return run_flow_sync(flow, flow_run=anonymous, parameters=flow_run.parameters, return_type="state")

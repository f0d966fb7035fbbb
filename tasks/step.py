"""What all steps share: they try again while the database or a server cannot be used, and keep no results.

A timeout stands on the flow: one on a step cannot interrupt a step that runs in a worker's thread. What a step may
wait for has a timeout of its own: the database's lock, the mail server.
"""

from collections.abc import Callable
from typing import Any, ParamSpec, TypeVar

from prefect import Task, task
from prefect.cache_policies import NO_CACHE
from prefect.client.schemas.objects import State, TaskRun

from rasti.errors import Unavailable

P = ParamSpec("P")
R = TypeVar("R")


def step(name: str) -> Callable[[Callable[P, R]], Task[P, R]]:
    """Make a function a step of flows. A rule's refusal is final, trouble outside is not."""
    return task(
        name=name,
        retries=3,
        retry_delay_seconds=[1, 5, 20],
        retry_condition_fn=_is_trouble_outside,
        persist_result=False,
        cache_policy=NO_CACHE,
    )


def _is_trouble_outside(_task: Task[..., Any], _task_run: TaskRun, state: State[Any]) -> bool:
    return isinstance(state.result(raise_on_failure=False), Unavailable)

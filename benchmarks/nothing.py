"""The least a flow can do; in a module of its own, so that a process that runs it imports nothing else."""

from prefect import flow


@flow(persist_result=False)
def nothing(number: int) -> None:
    """Do nothing."""

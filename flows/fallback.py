"""A violation was recorded: the leads go to the next partner."""

from prefect import flow
from prefect.client.schemas.objects import State
from prefect.states import Completed

from rasti.steward.run_limits import TIMEOUTS
from rasti.steward.run_names import fallback_name
from tasks.artifacts import show_fallback
from tasks.leads import fall_back, hand_over_waiting
from tasks.naming import name_run


@flow(persist_result=False, timeout_seconds=TIMEOUTS["fallback"])
def fallback(violation_id: int) -> State[None]:
    """Switch the leads to the partner next in the ranking, if the violation calls for it, and hand over what waits.

    Args:
        violation_id: The violation's id.
    """
    done = fall_back(violation_id)
    name_run(fallback_name(done.lead_id, violation_id))
    handed_over = hand_over_waiting()
    if done.acted_now:
        show_fallback(done, handed_over)
    switch = f"switched to {done.holder or 'nobody'}" if done.switched else "no switch"
    return Completed(message=f"Violation {violation_id}: {switch}; handed over now: {len(handed_over)}.")

"""A lead has arrived: hand it over, and show where it stands."""

from prefect import flow
from prefect.client.schemas.objects import State
from prefect.states import Completed

from rasti.steward.run_limits import TIMEOUTS
from rasti.steward.run_names import lead_name
from tasks.artifacts import show_lead
from tasks.leads import hand_over
from tasks.naming import name_run


@flow(persist_result=False, timeout_seconds=TIMEOUTS["lead"])
def lead(lead_id: int) -> State[None]:
    """Hand a lead over to the partner who holds the leads. Done already: nothing changes.

    Args:
        lead_id: The lead's id.
    """
    name_run(lead_name(lead_id))
    done = hand_over(lead_id)
    show_lead(lead_id)
    with_whom = f", partner {done.partner}" if done.partner else ""
    return Completed(message=f"Lead {lead_id}: {done.state}{with_whom}.")

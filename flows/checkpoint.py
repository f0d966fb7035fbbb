"""A checkpoint is due: its verdict, and what follows from a violation."""

from prefect import flow, tags
from prefect.client.schemas.objects import State
from prefect.states import Completed

from flows.fallback import fallback
from rasti.steward.run_limits import TIMEOUTS
from rasti.steward.run_names import KIND_WORDS, checkpoint_name, fallback_name, lead_tag
from tasks.artifacts import show_lead
from tasks.leads import judge
from tasks.naming import name_run


@flow(persist_result=False, timeout_seconds=TIMEOUTS["checkpoint"])
def checkpoint(checkpoint_id: int) -> State[None]:
    """Judge whether the client was reached in time (R12). A violation moves the leads to the next partner (R13).

    Args:
        checkpoint_id: The checkpoint's id.
    """
    judgement = judge(checkpoint_id)
    name_run(checkpoint_name(judgement.lead_id, judgement.kind))
    if judgement.violation_id is not None:
        # Also when the verdict was known: its fallback may be what is missing.
        name = fallback_name(judgement.lead_id, judgement.violation_id)
        with tags("fallback", lead_tag(judgement.lead_id)):
            fallback.with_options(flow_run_name=name)(judgement.violation_id)
    if judgement.judged_now:
        show_lead(judgement.lead_id)
    if judgement.verdict is None:
        return Completed(name="TooEarly", message=f"No verdict before {judgement.not_before}; another run follows.")
    known = "" if judgement.judged_now else ", known already"
    return Completed(message=f"Lead {judgement.lead_id}, {KIND_WORDS[judgement.kind]}: {judgement.verdict}{known}.")

"""Leads: sent in by the vendor's sites, and their state (R10, D17)."""

from typing import Annotated, Any, Literal

from fastapi import APIRouter, Depends, Response
from pydantic import BaseModel

from rasti.errors import NotFound
from rasti.ledger.leads import receive_lead
from rasti.ledger.tokens import Caller
from rasti.ledger.views import lead_view
from rasti.portal.api.access import IdempotencyKey, LeadId, allow, keyed, problems
from rasti.portal.api.bodies import body_of, json_body
from rasti.portal.site import TheSite
from rasti.rules.bodies import LeadBody
from rasti.rules.kinds import TokenScope

router = APIRouter(tags=["leads"])


class Accepted(BaseModel):
    """A lead that is taken in, for good: it is on disk."""

    lead: int
    created: bool
    attached_to: int | None


class CheckpointState(BaseModel):
    """A follow-up; instants are ISO 8601 in UTC."""

    kind: Literal["1h", "3d", "2w"]
    opens_at: str
    due_at: str
    verdict: Literal["met", "violated", "void"] | None
    judged_at: str | None
    judged_by: str | None
    violation: int | None


class ContactState(BaseModel):
    """A contact with the client; `kind` and `outcome` are null while it is going on."""

    kind: str | None
    outcome: str | None
    effect: str | None
    began_at: str
    logged_at: str | None
    happened_at: str | None
    checklist: list[str]


class AttemptState(BaseModel):
    """The lead in the hands of a partner."""

    number: int
    partner: str
    started_at: str
    ended_at: str | None
    end_reason: str | None
    received_at: str | None
    checkpoints: list[CheckpointState]
    contacts: list[ContactState]


class LeadStateView(BaseModel):
    """Where a lead stands; no word about the client."""

    lead: int
    state: str
    attempts: list[AttemptState]


Sender = Annotated[Caller, Depends(allow(TokenScope.LEADS_WRITE))]
Sent = Annotated[LeadBody, Depends(json_body(LeadBody))]
_STORED: dict[int | str, dict[str, Any]] = {
    202: {"headers": {"Location": {"description": "Where the lead's state is.", "schema": {"type": "string"}}}}
}
Reader = Annotated[Caller, Depends(allow(TokenScope.READ, TokenScope.LEADS_WRITE, TokenScope.CONTACTS_WRITE))]


@router.post(
    "/leads",
    status_code=202,
    summary="Send a lead",
    response_model=Accepted,
    openapi_extra=body_of(LeadBody),
    responses=problems(401, 403, 409, 413, 415, 422) | _STORED,
)
def send(site: TheSite, caller: Sender, body: Sent, response: Response, key: IdempotencyKey = None) -> Any:
    """Take in a client's request. 202 means that it is stored; whoever holds the leads gets it at once.

    The same `source` and `source_id` again is the same lead; with another body it is a conflict.
    """
    request = keyed(caller, key, f"leads {body.digest()}")
    arrival = receive_lead(site.book_of(caller.actor), body, request=request)
    response.headers["Location"] = f"/api/v1/leads/{arrival.lead_id}"
    return {"lead": arrival.lead_id, "created": arrival.created, "attached_to": arrival.attached_to}


@router.get(
    "/leads/{lead_id}",
    summary="Where a lead stands",
    response_model=LeadStateView,
    responses=problems(401, 403, 404, 422),
)
def show(site: TheSite, caller: Reader, lead_id: LeadId) -> Any:
    """The lead's attempts, checkpoints and contacts. A partner's token sees its own attempts only."""
    view: dict[str, Any] = lead_view(site.book, lead_id)
    if caller.partner is None:
        return view
    own = [attempt for attempt in view["attempts"] if attempt["partner"] == caller.partner]
    if not own:
        raise NotFound("There is no lead {id}.", id=lead_id)
    return view | {"attempts": own}

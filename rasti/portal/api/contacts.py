"""Contacts with clients, logged by a partner's own program (D12, D15)."""

from typing import Annotated, Any

from fastapi import APIRouter, Depends, Query
from pydantic import BaseModel, Field

from rasti.errors import Forbidden
from rasti.ledger.contacts import begin_contact, log_contact
from rasti.ledger.tokens import Caller
from rasti.portal.api.access import IdempotencyKey, LeadId, allow, keyed, one_of_both, problems
from rasti.portal.api.bodies import body_of, json_body
from rasti.portal.site import TheSite
from rasti.rules.bodies import ContactBody, utc
from rasti.rules.kinds import TokenScope

router = APIRouter(tags=["contacts"])

Partner = Annotated[Caller, Depends(allow(TokenScope.CONTACTS_WRITE))]
MOST = 2**63 - 1


class ContactRequest(ContactBody):
    """A contact, as `rasti contact` takes it; the lead's id here or in the query."""

    lead: int | None = Field(None, ge=1, le=MOST)


Sent = Annotated[ContactRequest, Depends(json_body(ContactRequest))]


class Effect(BaseModel):
    """What the contact did: it counted, is kept, or came after the lead had left the partner.

    `open_until` and `missing`: the checklist was incomplete, the call that was begun is still open until then (ISO
    8601, UTC), and the next complete log completes it. `notice`: what else there is to know, in words.
    """

    lead: int
    state: str
    effect: str
    open_until: str | None = None
    missing: list[str] | None = None
    notice: str | None = None


class Calling(BaseModel):
    """A contact that has begun; it is completed by logging it until `until` (ISO 8601, UTC)."""

    lead: int
    began_at: str
    until: str


@router.post(
    "/contacts",
    summary="Log a contact",
    response_model=Effect,
    response_model_exclude_none=True,
    openapi_extra=body_of(ContactRequest),
    responses=problems(401, 403, 404, 409, 413, 415, 422),
)
def log(
    site: TheSite,
    caller: Partner,
    body: Sent,
    lead: Annotated[int | None, Query(ge=1, le=MOST, description="The lead's id, unless it is in the body.")] = None,
    key: IdempotencyKey = None,
) -> Any:
    """Log a contact with the client, or complete the one that was begun. `partner` is the token's own."""
    lead_id = one_of_both("lead", lead, body.lead)
    if body.partner != caller.partner:
        raise Forbidden(
            "This token logs contacts of {own}, not of {partner}.", own=caller.partner, partner=body.partner
        )
    contact = ContactBody(**body.model_dump(exclude={"lead"}))
    request = keyed(caller, key, f"contacts {lead_id} {contact.digest()}")
    logged = log_contact(site.book_of(caller.actor), lead_id, contact, request=request)
    return logged.as_json(site.book.programme.zone)


@router.post(
    "/leads/{lead_id}/calling",
    summary="Begin a contact",
    response_model=Calling,
    responses=problems(401, 403, 404, 409, 422),
)
def calling(site: TheSite, caller: Partner, lead_id: LeadId) -> Any:
    """ "Calling now": a call that begins in the window and ends after it counts. A second one changes nothing."""
    assert caller.partner is not None  # by its scope
    begun = begin_contact(site.book_of(caller.actor), lead_id, caller.partner)
    return {"lead": lead_id, "began_at": utc(begun.began_at), "until": utc(begun.until)}

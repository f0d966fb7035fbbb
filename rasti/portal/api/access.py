"""Who is calling the API, what kind of content it takes, and how it says no."""

import hashlib
from collections.abc import Callable
from typing import Annotated, Any

from fastapi import Depends, Header, Path, Request
from fastapi.security import HTTPAuthorizationCredentials, HTTPBearer
from pydantic import BaseModel, ConfigDict

from rasti.errors import BadInput, Forbidden, Unauthorized, WrongMedia
from rasti.ledger.idempotency import KeyedRequest
from rasti.ledger.tokens import Caller, find_token
from rasti.portal.site import TheSite
from rasti.rules.kinds import TokenScope

_BEARER = HTTPBearer(auto_error=False, scheme_name="token", description="Made by `rasti token add`.")
Credentials = Annotated[HTTPAuthorizationCredentials | None, Depends(_BEARER)]

LeadId = Annotated[int, Path(ge=1, le=2**63 - 1, description="The lead's id.")]
IdempotencyKey = Annotated[
    str | None,
    Header(
        alias="Idempotency-Key",
        min_length=1,
        max_length=255,
        pattern=r"^[\x21-\x7e]+$",
        description="Makes a repeat harmless: the same key with the same request gets the same answer.",
    ),
]


class Problem(BaseModel):
    """RFC 9457 problem details."""

    model_config = ConfigDict(json_schema_extra={"example": {"type": "about:blank", "title": "Conflict"}})

    type: str
    title: str
    status: int
    detail: str
    field: str | None = None


_MEANINGS = {
    400: "The body is not JSON.",
    401: "No token, or one that is not valid.",
    403: "The token is for something else.",
    404: "There is no such thing.",
    409: "A rule says no; nothing was written.",
    413: "The body is too large.",
    415: "The body is not application/json.",
    422: "The request cannot be understood; `field` says which part.",
    503: "The database cannot be used now; try again after `Retry-After` seconds.",
}


def problems(*statuses: int) -> dict[int | str, dict[str, Any]]:
    """The refusals of an endpoint, for its description."""
    return {
        status: {
            "description": _MEANINGS[status],
            "content": {"application/problem+json": {"schema": {"$ref": "#/components/schemas/Problem"}}},
        }
        for status in sorted({*statuses, 503})
    }


def allow(*scopes: TokenScope) -> Callable[..., Caller]:
    """A dependency: the caller, whose token has one of these scopes. Raises Unauthorized, Forbidden."""

    def caller(site: TheSite, credentials: Credentials) -> Caller:
        found = find_token(site.book, credentials.credentials) if credentials else None
        if found is None:
            raise Unauthorized("A valid bearer token is needed.")
        if found.scope not in scopes:
            raise Forbidden("This token is for {scope}, not for this.", scope=found.scope)
        return found

    return caller


def json_only(request: Request) -> None:
    """Raises WrongMedia: what was sent does not say that it is JSON."""
    kind = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    if kind != "application/json":
        raise WrongMedia("Send JSON, with the header Content-Type: application/json (it is {kind!r}).", kind=kind)


def keyed(caller: Caller, key: str | None, what: str) -> KeyedRequest | None:
    """The request with its key; `what` is everything that it asks for."""
    if key is None:
        return None
    return KeyedRequest(caller.token_id, key, hashlib.sha256(what.encode()).hexdigest())


def one_of_both(name: str, first: int | None, second: int | None) -> int:
    """A value that may stand in two places. Raises BadInput: in neither, or differently in both."""
    given = {value for value in (first, second) if value is not None}
    if len(given) != 1:
        raise BadInput("{name} is needed, once: in the query or in the body.", field=name, name=name)
    return given.pop()

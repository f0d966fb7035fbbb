"""Who is calling the API, what kind of content it takes, and how it says no."""

import hashlib
from collections.abc import Callable
from typing import Annotated, Any

from fastapi import Depends, Header, Path
from fastapi.security import HTTPAuthorizationCredentials, HTTPBearer
from pydantic import BaseModel, ConfigDict

from rasti.errors import BadInput, Forbidden, Unauthorized
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

    model_config = ConfigDict(
        json_schema_extra={
            "example": {
                "type": "about:blank",
                "title": "Unprocessable Entity",
                "status": 422,
                "detail": "Field workplaces is wrong: Input should be greater than or equal to 1.",
                "field": "workplaces",
            }
        }
    )

    type: str
    title: str
    status: int
    detail: str
    field: str | None = None


_MEANINGS = {
    401: "No token, or one that is not valid.",
    403: "The token is for something else.",
    404: "There is no such thing.",
    409: "A rule says no; nothing was written.",
    413: "The body is too large.",
    415: "The body is not application/json.",
    422: "The request cannot be understood; `field` says which part.",
    503: "The database cannot be used now; try again after `Retry-After` seconds.",
}
_HEADERS = {401: {"WWW-Authenticate": "Bearer (RFC 6750)."}, 503: {"Retry-After": "Seconds to wait."}}


def problems(*statuses: int) -> dict[int | str, dict[str, Any]]:
    """The refusals of an endpoint, for its description."""
    return {
        status: {
            "description": _MEANINGS[status],
            "headers": {
                name: {"description": text, "schema": {"type": "string"}}
                for name, text in _HEADERS.get(status, {}).items()
            },
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


def keyed(caller: Caller, key: str | None, what: str) -> KeyedRequest | None:
    """The request with its key; `what` tells it from every other request."""
    if key is None:
        return None
    return KeyedRequest(caller.token_id, key, hashlib.sha256(what.encode()).hexdigest())


def one_of_both(name: str, first: int | None, second: int | None) -> int:
    """A value that may stand in two places. Raises BadInput: in neither, or differently in both."""
    given = {value for value in (first, second) if value is not None}
    if len(given) != 1:
        raise BadInput("{name} is needed, once: in the query or in the body.", field=name, name=name)
    return given.pop()

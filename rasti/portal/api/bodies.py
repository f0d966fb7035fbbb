"""JSON bodies, read strictly and after the caller is known: what two readers could take differently is refused."""

import json
from collections.abc import Awaitable, Callable
from typing import Any, NoReturn, TypeVar

from fastapi import Request
from pydantic import BaseModel
from pydantic.json_schema import models_json_schema

from rasti.errors import BadInput, WrongMedia
from rasti.portal.pages import now_of
from rasti.rules.bodies import parse_body

Body = TypeVar("Body", bound=BaseModel)

_REFERENCE = "#/components/schemas/{model}"
# FastAPI's own reading of a body comes before the check of the token, so these are read and described by ourselves.
_described: set[type[BaseModel]] = set()


def json_body(model: type[Body]) -> Callable[..., Awaitable[Body]]:
    """A dependency: the body as `model`; it stands after the caller. Raises WrongMedia, BadInput."""

    async def read(request: Request) -> Body:
        kind = request.headers.get("content-type", "").partition(";")[0].strip().lower()
        if kind != "application/json":
            raise WrongMedia("Send JSON, with the header Content-Type: application/json (it is {kind!r}).", kind=kind)
        return parse_body(model, strict_json(await request.body()), clock=lambda: now_of(request))

    return read


def body_of(model: type[BaseModel]) -> dict[str, Any]:
    """An endpoint's body for its description."""
    _described.add(model)
    reference = {"$ref": _REFERENCE.format(model=model.__name__)}
    return {"requestBody": {"required": True, "content": {"application/json": {"schema": reference}}}}


def body_schemas() -> dict[str, Any]:
    """The schemas of all bodies, by name."""
    models = sorted(_described, key=lambda model: model.__name__)
    _places, schemas = models_json_schema([(model, "validation") for model in models], ref_template=_REFERENCE)
    found: dict[str, Any] = schemas["$defs"]
    return found


def strict_json(content: bytes) -> object:
    """RFC 8259 in UTF-8, without what it leaves open. Raises BadInput."""
    try:
        data: object = json.loads(content.decode("utf-8"), object_pairs_hook=_distinct, parse_constant=_no_number)
    except (ValueError, RecursionError) as error:
        raise BadInput("The body is not JSON in UTF-8: {why}.", field="body", why=error) from error
    return data


def _distinct(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    members = dict(pairs)
    if len(members) < len(pairs):
        raise ValueError("a name stands twice in one object")
    return members


def _no_number(word: str) -> NoReturn:
    raise ValueError(f"{word} is no number")

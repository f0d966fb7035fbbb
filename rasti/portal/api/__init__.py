"""The HTTP API, version 1: leads come in, contacts are logged, rankings are read."""

from typing import Any

from fastapi import APIRouter, FastAPI
from fastapi.openapi.utils import get_openapi

from rasti.portal.api import contacts, docs, leads, rankings
from rasti.portal.api.access import Problem
from rasti.portal.api.bodies import body_schemas

router = APIRouter(prefix="/api/v1")
for area in (leads, contacts, rankings):
    router.include_router(area.router)
router.include_router(docs.router, include_in_schema=False)


def describe(app: FastAPI) -> dict[str, Any]:
    """The OpenAPI description: every refusal is a problem (RFC 9457), not FastAPI's own form of one."""
    if app.openapi_schema is None:
        described = get_openapi(
            title="rasti", version="1", description="Leads, contacts and rankings of the programme.", routes=app.routes
        )
        schemas = described["components"]["schemas"]
        for name in ("HTTPValidationError", "ValidationError"):
            schemas.pop(name, None)
        schemas |= body_schemas()
        schemas["Problem"] = Problem.model_json_schema()
        app.openapi_schema = described
    return app.openapi_schema

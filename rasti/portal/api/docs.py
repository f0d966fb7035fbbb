"""The reference of the API, made from its own description."""

from typing import Any

from fastapi import APIRouter, Request
from starlette.responses import Response

from rasti.portal.pages import page

router = APIRouter()


@router.get("/docs")
def reference(request: Request) -> Response:
    """Every endpoint with its parameters, bodies and answers."""
    description = request.app.openapi()
    return page(request, "api/docs.html.j2", operations=_operations(description), schemas=_schemas(description))


def _operations(description: dict[str, Any]) -> list[dict[str, Any]]:
    return [
        {
            "method": method.upper(),
            "path": path,
            "summary": operation["summary"],
            "text": operation.get("description", ""),
            "needs_token": bool(operation.get("security")),
            "parameters": operation.get("parameters", []),
            "body": _named(operation.get("requestBody", {})),
            "answers": [
                (status, answer["description"], _named(answer))
                for status, answer in sorted(operation["responses"].items())
            ],
        }
        for path, methods in description["paths"].items()
        for method, operation in methods.items()
    ]


def _named(holder: dict[str, Any]) -> str | None:
    """The name of the schema that a body or an answer has."""
    for content in holder.get("content", {}).values():
        return _type(content.get("schema", {}))
    return None


def _schemas(description: dict[str, Any]) -> list[dict[str, Any]]:
    return [
        {
            "name": name,
            "text": schema.get("description", ""),
            "fields": [
                {"name": field, "type": _type(about), "required": field in schema.get("required", [])}
                for field, about in schema.get("properties", {}).items()
            ],
            "words": schema.get("enum", []),
        }
        for name, schema in description["components"]["schemas"].items()
        if not name.startswith(("HTTPValidation", "Validation"))
    ]


def _type(schema: dict[str, Any]) -> str:
    if "$ref" in schema:
        return str(schema["$ref"]).rsplit("/", 1)[1]
    if "anyOf" in schema:
        return " | ".join(_type(part) for part in schema["anyOf"])
    if schema.get("type") == "array":
        return f"{_type(schema.get('items', {}))}[]"
    if "enum" in schema or "const" in schema:
        return " | ".join(map(str, schema.get("enum", [schema.get("const")])))
    return str(schema.get("format") or schema.get("type", "any"))

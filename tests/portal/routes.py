"""Every route of an application, with its method and the template of its path."""

from collections.abc import Iterator
from typing import Any

from fastapi import FastAPI


def routes_of(app: FastAPI) -> list[tuple[str, str]]:
    """(method, path template) of every route that is no file."""
    return sorted(_walk(app.routes, ""))


def _walk(routes: Any, prefix: str) -> Iterator[tuple[str, str]]:
    for route in routes:
        # FastAPI keeps an included router whole, with the prefix it was included under.
        if hasattr(route, "original_router"):
            yield from _walk(route.original_router.routes, prefix + route.include_context.prefix)
        elif hasattr(route, "methods"):
            yield from ((method, prefix + route.path) for method in route.methods - {"HEAD", "OPTIONS"})

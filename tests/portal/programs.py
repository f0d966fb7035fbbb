"""A program that calls the HTTP API."""

from typing import Any

import httpx
from fastapi import FastAPI
from starlette.testclient import TestClient

from tests.portal.visitors import ORIGIN


class Program:
    """A program that calls the API with a token."""

    def __init__(self, app: FastAPI, token: str | None) -> None:
        self.client = TestClient(app, base_url=ORIGIN, raise_server_exceptions=False)
        self.headers = {"Authorization": f"Bearer {token}"} if token else {}

    def get(self, path: str) -> httpx.Response:
        return self.client.get(f"/api/v1/{path}", headers=self.headers)

    def post(self, path: str, body: Any = None, **headers: str) -> httpx.Response:
        named = {name.replace("_", "-"): value for name, value in headers.items()}
        return self.client.post(f"/api/v1/{path}", json=body, headers=self.headers | named)


def is_problem(answer: httpx.Response, status: int) -> bool:
    """Whether an answer is RFC 9457 problem details with this status."""
    return (
        answer.headers["content-type"] == "application/problem+json"
        and answer.status_code == answer.json()["status"] == status
        and bool(answer.json()["detail"])
    )

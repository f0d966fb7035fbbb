"""A browser at the portal, without a window."""

import re
from typing import Any
from urllib.parse import urlsplit

import httpx
from fastapi import FastAPI
from starlette.testclient import TestClient

from rasti.portal.visitor import COOKIE

ORIGIN = "https://portal.example"


class Browser:
    """A browser at the portal: keeps cookies, follows no redirect by itself, sends forms as our own pages do."""

    def __init__(self, app: FastAPI) -> None:
        self.client = TestClient(app, base_url=ORIGIN, follow_redirects=False, raise_server_exceptions=False)
        self.headers = {"sec-fetch-site": "same-origin"}

    def get(self, path: str, **options: Any) -> httpx.Response:
        """A page."""
        return self.client.get(path, **options)

    def post(self, path: str, data: dict[str, Any] | None = None, **options: Any) -> httpx.Response:
        """A form, with the token of the session."""
        return self.client.post(path, data={"csrf": self.csrf()} | (data or {}), headers=self.headers, **options)

    def csrf(self) -> str:
        """The token that forms of this session carry, as the page has it; empty for a guest."""
        found = re.search(r'name="csrf" value="([^"]*)"', self.get("/").text)
        return found[1] if found else ""

    def sign_in(self, token: str) -> "Browser":
        """Have the session whose token this is."""
        self.client.cookies.set(COOKIE, token, domain=urlsplit(ORIGIN).netloc)
        return self

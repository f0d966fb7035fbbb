"""The HTTP front of a peer: a lead is posted, and acknowledged once the peer has it on disk."""

import uuid
from collections.abc import Callable
from typing import Any

import uvicorn
from fastapi import FastAPI
from pydantic import BaseModel

WINDOWS = {"1h": 3_600, "3d": 259_200, "2w": 1_209_600}  # seconds until each checkpoint is due


class Client(BaseModel):
    name: str
    phone: str
    email: str


class Lead(BaseModel):
    source: str
    source_id: str
    requested_at: str
    client: Client
    product: str
    configuration_url: str
    workplaces: int
    comment: str | None = None


def text_of(body: dict[str, Any]) -> str:
    """What stands in the mails."""
    client = body["client"]
    return "\n".join([client["name"], client["phone"], client["email"], body["product"], body["configuration_url"]])


def serve(accept: Callable[[str, dict[str, Any]], None], port: int) -> None:
    """Answer `POST /api/v1/leads` until stopped; `accept` returns when the lead is durable."""
    app = FastAPI()

    @app.get("/readyz")
    def ready() -> str:
        return "ready"

    @app.post("/api/v1/leads", status_code=202)
    def add(lead: Lead) -> dict[str, str]:
        number = uuid.uuid4().hex
        accept(number, lead.model_dump())
        return {"lead": number}

    uvicorn.run(app, host="127.0.0.1", port=port, access_log=False, log_level="warning")

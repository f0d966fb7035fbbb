"""How the desk reads what an operator types: filters leniently, decisions strictly."""

from collections.abc import Callable
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Annotated, Any, TypeVar
from uuid import UUID

from fastapi import Form, Path, Query, Request
from starlette.responses import RedirectResponse, Response

from rasti.errors import BadInput, RastiError
from rasti.portal.pages import page
from rasti.rules.month import Month
from rasti.rules.programme import Programme

GREATEST_ID = 2**63 - 1

Id = Annotated[int, Path(ge=1, le=GREATEST_ID)]
Line = Annotated[str, Form(max_length=300)]
Reason = Annotated[str, Form(max_length=2000)]
PageNumber = Annotated[str, Query(alias="page")]

Word = TypeVar("Word", bound=StrEnum)


def choice(words: type[Word], text: str) -> Word | None:
    """A filter's word; an empty or unknown one filters nothing."""
    try:
        return words(text)
    except ValueError:
        return None


def run_id(text: str) -> UUID | None:
    """The id of a flow run, as an address of ours carries it."""
    try:
        return UUID(text)
    except ValueError:
        return None


def number(text: str) -> int | None:
    """A filter's number; anything else filters nothing."""
    text = text.strip()
    plain = text.isascii() and text.isdecimal() and len(text) < 19
    return int(text) if plain else None


def day(programme: Programme, text: str, *, after: bool = False) -> datetime | None:
    """The start of a calendar day in the programme's time zone (`after`: of the next), UTC."""
    try:
        start = datetime.strptime(text, "%Y-%m-%d").replace(tzinfo=programme.zone)
        return start + timedelta(days=1) if after else start
    except (ValueError, OverflowError):
        return None


def needed(reason: str) -> str:
    """The reason of a decision. Raises BadInput: there is none."""
    reason = reason.strip()
    if not reason:
        raise BadInput("A reason is needed.", field="reason")
    return reason


def issuer_month(issuer: str, month: str) -> tuple[str, Month]:
    """An issuer's month. Raises BadInput: one of them is missing or wrong."""
    issuer = issuer.strip()
    if not issuer:
        raise BadInput("An issuer is needed.", field="issuer")
    return issuer, Month.parse(month.strip())


def step_page(
    request: Request, step: str, back: str, *, error: RastiError | None = None, reason: str = "", **facts: Any
) -> Response:
    """The page that repeats what will happen and asks for a reason; with what was typed, if it was refused."""
    status = error.status if error else 200
    return page(request, f"desk/steps/{step}.html.j2", status=status, back=back, error=error, reason=reason, **facts)


def decide(ask: Callable[[RastiError | None], Response], act: Callable[[], str]) -> Response:
    """Do what was decided and go to its address; refused, the same page again with what is wrong."""
    try:
        return RedirectResponse(act(), status_code=303)
    except RastiError as error:
        if error.status >= 500:
            raise
        return ask(error)

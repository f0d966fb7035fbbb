"""The section "Lead generation": a partner's leads, filtered, found, exported (R10).

A client is never searched by GET: a phone number or mail address would stand in the address, and so in histories and
logs. It is asked for by POST instead, because a client who calls back has to be found; only in the partner's hands.
"""

from enum import StrEnum
from typing import Annotated, TypeVar
from urllib.parse import urlencode

from fastapi import APIRouter, Depends, Form, Query, Request
from starlette.responses import Response

from rasti.ledger.holding import holding
from rasti.ledger.partner_leads import Show, Wanted, all_leads, find_by_client, list_leads
from rasti.portal.cabinet.export import as_csv, as_xlsx
from rasti.portal.language import language_of
from rasti.portal.pages import Writing, page, text
from rasti.portal.site import TheSite
from rasti.portal.visitor import OurForm, ThePartner
from rasti.rules.kinds import CheckpointKind

router = APIRouter()

Word = TypeVar("Word", bound=StrEnum)
_LONGEST_TEXT = 100
_LONGEST_NUMBER = 9  # digits
_XLSX = "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"


def _wanted(show: str = "", checkpoint: str = "", q: str = "") -> Wanted:
    """What the address asks for; a word that is none of ours is as good as none."""
    return Wanted(_word(Show, show) or Show.MINE, _word(CheckpointKind, checkpoint), q.strip()[:_LONGEST_TEXT])


def _word(words: type[Word], text: str) -> Word | None:
    return words(text) if text in list(words) else None


TheWanted = Annotated[Wanted, Depends(_wanted)]
PageNumber = Annotated[str, Query(alias="page")]


@router.get("/leads")
def leads(
    request: Request, site: TheSite, partner: ThePartner, wanted: TheWanted, at: PageNumber = "1", said: str = ""
) -> Response:
    """The list, and whether the partner holds the leads."""
    number = int(at) if at.isascii() and at.isdecimal() and len(at) < _LONGEST_NUMBER else 1
    listed = list_leads(site.book, partner.name, wanted, page=number)
    return page(
        request,
        "cabinet/leads.html.j2",
        holding=holding(site.book, partner.name),
        listed=listed,
        wanted=wanted,
        query=_query(wanted),
        said=said,
    )


@router.post("/leads/find", dependencies=[OurForm])
def find(
    request: Request, site: TheSite, partner: ThePartner, client: Annotated[str, Form(max_length=300)] = ""
) -> Response:
    """The leads of a client who calls back, by phone number or mail address."""
    found = find_by_client(site.book, partner.name, client) if client.strip() else []
    return page(request, "cabinet/found.html.j2", found=found, client=client)


@router.get("/leads/export.csv")
def export_csv(request: Request, site: TheSite, partner: ThePartner, wanted: TheWanted) -> Response:
    """The filtered list for Excel and other programs."""
    rows = all_leads(site.book, partner.name, wanted)
    return _file(as_csv(rows, _writing(request, site), text(request)), "text/csv; charset=utf-8", "leads.csv")


@router.get("/leads/export.xlsx")
def export_xlsx(request: Request, site: TheSite, partner: ThePartner, wanted: TheWanted) -> Response:
    """The filtered list as a workbook."""
    rows = all_leads(site.book, partner.name, wanted)
    return _file(as_xlsx(rows, _writing(request, site), text(request)), _XLSX, "leads.xlsx")


def _file(content: bytes, media_type: str, name: str) -> Response:
    return Response(content, media_type=media_type, headers={"Content-Disposition": f'attachment; filename="{name}"'})


def _writing(request: Request, site: TheSite) -> Writing:
    return Writing(language_of(request), site.book.programme)


def _query(wanted: Wanted) -> str:
    """The filter as a part of an address."""
    known = {"show": wanted.show.value, "checkpoint": wanted.checkpoint or "", "q": wanted.text}
    return urlencode({name: value for name, value in known.items() if value})

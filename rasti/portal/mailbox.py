"""The local mailbox as pages: what partner, client and operator received, in a demo on one machine."""

import json
from functools import cached_property
from pathlib import Path
from typing import Any
from uuid import uuid4

from fastapi import APIRouter, Request
from starlette.responses import HTMLResponse, RedirectResponse, Response

from rasti.clients.mailbox import Letter, read_letter
from rasti.errors import NotFound, Refused
from rasti.ledger.announcements import holder_now
from rasti.ledger.leads import receive_lead
from rasti.portal.pages import now_of, page, text
from rasti.portal.site import Site, TheSite
from rasti.rules.bodies import parse_lead

router = APIRouter()

_SHOWN = 200
STORY_IS_OVER = "story-is-over"  # from now on a visitor may join in without spoiling the demo's story
OPERATOR_FILE = "demo-operator.json"  # name, password and one-time secret of the demo's operator
# A mail brings its own styles and nothing else; its links open a page of their own.
_MAIL_POLICY = (
    "default-src 'none'; style-src 'unsafe-inline'; frame-ancestors 'self'; base-uri 'none'; form-action 'none'; "
    "sandbox allow-popups allow-popups-to-escape-sandbox allow-top-navigation-by-user-activation"
)


@router.get("/mailbox")
def letters(request: Request, site: TheSite, said: str = "") -> Response:
    """All mail, the newest first, and how to sign in as the demo's operator."""
    paths = sorted(site.settings.mailbox.glob("*.eml"), key=lambda path: path.stat().st_mtime, reverse=True)
    found = [read_letter(path) for path in paths[:_SHOWN]]
    operator = DemoOperator.read(site.settings.home / OPERATOR_FILE)
    return page(
        request,
        "mailbox/letters.html.j2",
        letters=found,
        more=len(paths) - len(found),
        operator=operator,
        joins_in=_may_join_in(site),
        holder=holder_now(site.book),
        said=said,
    )


@router.post("/mailbox/ask")
def ask(request: Request, site: TheSite) -> Response:
    """A client, invented, asks for the product now. Raises Refused: the story is still being told."""
    if not _may_join_in(site):
        raise Refused("The demo's story is still being told: join in when it is over.")
    _, number = text(request), uuid4().hex
    digits = f"{int(number[:8], 16) % 10_000_000:07d}"
    body = parse_lead(
        {
            "source": "mailbox",
            "source_id": number,
            "requested_at": now_of(request).isoformat(),
            "client": {
                "name": _("Client {number}").format(number=digits[-3:]),
                "phone": f"+7 495 {digits[:3]}-{digits[3:5]}-{digits[5:]}",
                "email": f"client-{digits}@client.example",
            },
            "product": "1C:GRM",
            "configuration_url": f"https://grm.example/{digits}",
            "workplaces": 5,
        }
    )
    receive_lead(site.book_of("site"), body)
    return RedirectResponse("/mailbox?said=asked", status_code=303)


@router.get("/mailbox/{name}")
def letter(request: Request, site: TheSite, name: str) -> Response:
    """One mail."""
    return page(request, "mailbox/letter.html.j2", letter=_letter(site.settings.mailbox, name))


@router.get("/mailbox/{name}/html")
def body(site: TheSite, name: str) -> Response:
    """What a mail program shows of it, in a frame that can do nothing."""
    html = _letter(site.settings.mailbox, name).html.replace("<head>", '<head><base target="_top">', 1)
    headers = {"Content-Security-Policy": _MAIL_POLICY, "X-Frame-Options": "SAMEORIGIN"}
    return HTMLResponse(html, headers=headers)


def _may_join_in(site: Site) -> bool:
    return (site.settings.home / STORY_IS_OVER).exists()


def _letter(folder: Path, name: str) -> Letter:
    path = folder / name
    if path.parent != folder or path.suffix != ".eml" or not path.is_file():
        raise NotFound("There is no such page.")
    return read_letter(path)


class DemoOperator:
    """The operator that the demo made: shown, because who plays has no phone with the one-time codes."""

    def __init__(self, facts: dict[str, Any]) -> None:
        self.name: str = facts["name"]
        self.password: str = facts["password"]
        self._secret: str = facts["totp_secret"]

    @classmethod
    def read(cls, path: Path) -> "DemoOperator | None":
        return cls(json.loads(path.read_text("utf-8"))) if path.is_file() else None

    @cached_property
    def code(self) -> str:
        import pyotp

        return str(pyotp.TOTP(self._secret).now())

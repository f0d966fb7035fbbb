"""How a partner prepares: the answers to what clients ask first, and the certificate (R15)."""

from typing import Annotated

from fastapi import APIRouter, File, Form, Request, UploadFile
from starlette.responses import RedirectResponse, Response

from rasti.errors import BadInput, NotFound, RastiError
from rasti.ledger.holding import holding
from rasti.ledger.profiles import (
    LARGEST_CERTIFICATE,
    certificate_of,
    change_profile,
    drop_certificate,
    profile_of,
    store_certificate,
)
from rasti.portal.pages import page
from rasti.portal.site import Site, TheSite
from rasti.portal.visitor import OurForm, ThePartner
from rasti.rules.bodies import ProfileBody, parse_profile

router = APIRouter()

Text = Annotated[str, Form()]


@router.get("/profile")
def profile(request: Request, site: TheSite, partner: ThePartner, said: str = "") -> Response:
    """What is filled in."""
    return _page(request, site, partner.name, said=said)


@router.post("/profile", dependencies=[OurForm])
def change(
    request: Request,
    site: TheSite,
    partner: ThePartner,
    listed_url: Text = "",
    tariffs_url: Text = "",
    regions_answer: Text = "",
    free_phone: Text = "",
    support_channels: Text = "",
    support_hours: Text = "",
    duty_contact: Text = "",
) -> Response:
    """Write it down."""
    typed = {
        "listed_url": listed_url,
        "tariffs_url": tariffs_url,
        "regions_answer": regions_answer,
        "free_phone": free_phone,
        "support_channels": support_channels,
        "support_hours": support_hours,
        "duty_contact": duty_contact,
    }
    try:
        change_profile(site.book_of(partner.actor), partner.name, parse_profile(typed))
    except BadInput as error:
        return _page(request, site, partner.name, typed=typed, error=error)
    return RedirectResponse("/profile?said=saved", status_code=303)


@router.get("/profile/certificate")
def certificate(site: TheSite, partner: ThePartner) -> Response:
    """The partner's own certificate, as a file that is kept and never shown by the browser itself."""
    kept = certificate_of(site.book, partner.name)
    if kept is None:
        raise NotFound("You have not uploaded a certificate.")
    headers = {"Content-Disposition": f'attachment; filename="{kept.file_name}"'}
    return Response(kept.content, media_type=kept.content_type, headers=headers)


@router.post("/profile/certificate", dependencies=[OurForm])
def upload(
    request: Request, site: TheSite, partner: ThePartner, file: Annotated[UploadFile | None, File()] = None
) -> Response:
    """Keep a certificate in place of the former one."""
    content = file.file.read(LARGEST_CERTIFICATE + 1) if file else b""
    try:
        store_certificate(site.book_of(partner.actor), partner.name, (file and file.filename) or "", content)
    except RastiError as error:
        return _page(request, site, partner.name, error=error)
    return RedirectResponse("/profile?said=certificate#certificate", status_code=303)


@router.post("/profile/certificate/drop", dependencies=[OurForm])
def drop(site: TheSite, partner: ThePartner) -> Response:
    """Forget the certificate."""
    drop_certificate(site.book_of(partner.actor), partner.name)
    return RedirectResponse("/profile?said=dropped#certificate", status_code=303)


def _page(
    request: Request,
    site: Site,
    partner: str,
    *,
    typed: dict[str, str] | None = None,
    error: RastiError | None = None,
    said: str = "",
) -> Response:
    kept = profile_of(site.book, partner)
    return page(
        request,
        "cabinet/profile.html.j2",
        status=error.status if error else 200,
        profile=kept,
        values=typed or {name: getattr(kept.answers, name) for name in ProfileBody.model_fields},
        holding=holding(site.book, partner),
        error=error,
        wrong=getattr(error, "field", None),
        said=said,
    )

"""Importing files with a preview of what would change; the quarantine; closing a month."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path, PurePath
from tempfile import TemporaryDirectory
from typing import Annotated, TypedDict, TypeVar
from urllib.parse import urlencode

from fastapi import APIRouter, File, Request, UploadFile
from starlette.responses import RedirectResponse, Response

from rasti.errors import BadInput, NotFound, RastiError
from rasti.ledger.desk_months import SHOWN_DOUBLES
from rasti.ledger.doubles import list_doubles
from rasti.ledger.ingest import ingest_register
from rasti.ledger.issuers import list_unknown_issuers
from rasti.ledger.months import close_month, list_quarantine, resolve_quarantined
from rasti.ledger.partners import ImportReport, import_partners
from rasti.ledger.previews import RegisterPreview, preview_partners, preview_register
from rasti.ledger.uploads import Uploaded, drop_upload, find_upload, keep_upload
from rasti.portal.desk.asking import Id, Line, Reason, choice, decide, issuer_month, needed, step_page
from rasti.portal.pages import page
from rasti.portal.site import Site, TheSite
from rasti.portal.visitor import OperatorsOnly, OurForm, TheOperator
from rasti.rules.kinds import UploadKind
from rasti.rules.month import Month

router = APIRouter(dependencies=[OperatorsOnly])

Result = TypeVar("Result")

_LONGEST_NAME = 200  # bytes; file systems take 255


class Reading(TypedDict):
    """The arguments of `ingest_register` that an operator chooses."""

    closes: tuple[str, Month] | None
    replace: tuple[str, Month] | None
    again: bool


@dataclass(frozen=True)
class Options:
    """How a register is read, besides its rows; carried from the preview to the import."""

    issuer: str = ""
    month: str = ""
    closes: str = ""
    replace: str = ""
    again: str = ""

    def query(self) -> str:
        given = {name: value for name, value in vars(self).items() if value}
        return f"?{urlencode(given)}" if given else ""

    def for_ledger(self) -> Reading:
        """The arguments of `ingest_register`. Raises BadInput."""
        named = issuer_month(self.issuer, self.month) if self.closes or self.replace else None
        return {
            "closes": named if self.closes else None,
            "replace": named if self.replace else None,
            "again": bool(self.again),
        }


@router.get("/desk/imports")
def imports(request: Request, site: TheSite, said: str = "") -> Response:
    """What can be imported, and what is in quarantine."""
    return _imports(request, site, said=said)


@router.post("/desk/imports", dependencies=[OurForm])
def upload(
    request: Request,
    site: TheSite,
    visitor: TheOperator,
    file: Annotated[UploadFile | None, File()] = None,
    kind: Line = "",
    issuer: Line = "",
    month: Line = "",
    closes: Line = "",
    replace: Line = "",
    again: Line = "",
) -> Response:
    """Keep a file and go to its preview."""
    options = Options(issuer.strip(), month.strip(), closes, replace, again)
    try:
        content = file.file.read() if file else b""
        if file is None or not content:
            raise BadInput("Choose a file that is not empty.", field="file")
        options.for_ledger()
        wanted = choice(UploadKind, kind) or UploadKind.INVOICES
        upload_id = keep_upload(site.book_of(visitor.actor), wanted, _file_name(file.filename), content)
    except BadInput as error:
        return _imports(request, site, error=error)
    return RedirectResponse(f"/desk/imports/{upload_id}{options.query()}", status_code=303)


@router.get("/desk/imports/close")
def ask_close(request: Request) -> Response:
    """Ask whose month is complete."""
    return step_page(request, "close_month", "/desk/imports", issuer="", month="")


@router.post("/desk/imports/close", dependencies=[OurForm])
def close(request: Request, site: TheSite, visitor: TheOperator, issuer: Line = "", month: Line = "") -> Response:
    """Take an issuer's word that its month is complete (D6)."""

    def act() -> str:
        closed = close_month(site.book_of(visitor.actor), *issuer_month(issuer, month))
        return f"/desk/imports?said={'closed' if closed.closed_now else 'same_closed'}"

    return decide(
        lambda error: step_page(request, "close_month", "/desk/imports", error=error, issuer=issuer, month=month), act
    )


@router.get("/desk/imports/quarantine/{row_id}")
def ask_resolve(request: Request, site: TheSite, row_id: Id) -> Response:
    """Repeat what letting a row go does."""
    return _ask_resolve(request, site, row_id)


@router.post("/desk/imports/quarantine/{row_id}", dependencies=[OurForm])
def resolve(request: Request, site: TheSite, visitor: TheOperator, row_id: Id, reason: Reason = "") -> Response:
    """Let a quarantined row go by the operator's word."""

    def act() -> str:
        resolve_quarantined(site.book_of(visitor.actor), row_id, reason=needed(reason))
        return "/desk/imports?said=resolved"

    return decide(lambda error: _ask_resolve(request, site, row_id, error=error, reason=reason), act)


@router.get("/desk/imports/{upload_id}")
def preview(
    request: Request,
    site: TheSite,
    upload_id: str,
    issuer: str = "",
    month: str = "",
    closes: str = "",
    replace: str = "",
    again: str = "",
) -> Response:
    """What importing the file would change."""
    options = Options(issuer, month, closes, replace, again)
    return _preview(request, site, find_upload(site.book, upload_id), options)


@router.post("/desk/imports/{upload_id}", dependencies=[OurForm])
def import_file(
    request: Request,
    site: TheSite,
    visitor: TheOperator,
    upload_id: str,
    issuer: Line = "",
    month: Line = "",
    closes: Line = "",
    replace: Line = "",
    again: Line = "",
) -> Response:
    """Import the file and forget it."""
    options, book = Options(issuer, month, closes, replace, again), site.book_of(visitor.actor)
    uploaded = find_upload(site.book, upload_id)
    try:
        if uploaded.kind is UploadKind.PARTNERS:
            _with_file(uploaded, lambda path: import_partners(book, path))
        else:
            arguments = options.for_ledger()
            _with_file(uploaded, lambda path: ingest_register(book, path, **arguments))
    except RastiError as error:
        if error.status >= 500:
            raise
        return _preview(request, site, uploaded, options, error=error)
    drop_upload(book, upload_id)
    return RedirectResponse("/desk/imports?said=imported", status_code=303)


@router.post("/desk/imports/{upload_id}/cancel", dependencies=[OurForm])
def cancel(site: TheSite, visitor: TheOperator, upload_id: str) -> Response:
    """Forget the file."""
    drop_upload(site.book_of(visitor.actor), upload_id)
    return RedirectResponse("/desk/imports?said=cancelled", status_code=303)


def _file_name(given: str | None) -> str:
    """The last part of the name that a browser sent, such that a file on a disk can have it."""
    name = PurePath((given or "").replace("\\", "/")).name
    plain = "".join(character for character in name if character.isprintable()).lstrip(".")
    return plain.encode()[:_LONGEST_NAME].decode(errors="ignore") or "register.csv"


def _imports(request: Request, site: Site, *, said: str = "", error: RastiError | None = None) -> Response:
    return page(
        request,
        "desk/imports.html.j2",
        status=error.status if error else 200,
        quarantine=list_quarantine(site.book),
        doubles=list_doubles(site.book, limit=SHOWN_DOUBLES),
        unknown_issuers=list_unknown_issuers(site.book),
        issuers=site.book.programme.issuers,
        said=said,
        error=error,
    )


def _preview(
    request: Request, site: Site, uploaded: Uploaded, options: Options, *, error: RastiError | None = None
) -> Response:
    """The preview; a file that cannot be imported at all says why instead."""
    found: ImportReport | RegisterPreview | None = None
    try:
        if error is None and uploaded.kind is UploadKind.PARTNERS:
            found = _with_file(uploaded, lambda path: preview_partners(site.book, path))
        elif error is None:
            arguments = options.for_ledger()
            found = _with_file(uploaded, lambda path: preview_register(site.book, path, **arguments))
    except RastiError as refusal:
        if refusal.status >= 500:
            raise
        error = refusal
    return page(
        request,
        "desk/preview.html.j2",
        status=error.status if error else 200,
        uploaded=uploaded,
        options=options,
        preview=found,
        error=error,
    )


def _with_file(uploaded: Uploaded, use: Callable[[Path], Result]) -> Result:
    """What reads a path gets one; a message about it names the file as the operator knows it."""
    with _on_disk(uploaded) as path:
        try:
            return use(path)
        except RastiError as error:
            if error.values.get("path") == path:
                error.values["path"] = uploaded.file_name
            raise


@contextmanager
def _on_disk(uploaded: Uploaded) -> Iterator[Path]:
    with TemporaryDirectory(prefix="rasti-") as folder:
        path = Path(folder) / uploaded.file_name
        path.write_bytes(uploaded.content)
        yield path


def _ask_resolve(
    request: Request, site: Site, row_id: int, *, error: RastiError | None = None, reason: str = ""
) -> Response:
    row = next((row for row in list_quarantine(site.book) if row.id == row_id), None)
    if row is None and error is None:
        raise NotFound("Row {row} is not in quarantine.", row=row_id)
    return step_page(request, "resolve", "/desk/imports", error=error, reason=reason, row=row)

"""What every command shares: opening the ledger, `--at`, and printing a result as a table or as JSON."""

import json as jsonlib
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime, tzinfo
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from rasti.errors import BadInput, RastiError, Refused, Unavailable
from rasti.i18n import _

if TYPE_CHECKING:
    from rich.console import Console

    from rasti.ledger.book import Book
    from rasti.rules.month import Month


# No database counts further; a greater id is a slip of the keyboard.
GREATEST_ID = 2**31 - 1
# An announcement to thousands of partners is for the relay: nobody waits at a prompt for that many mails.
_MOST_MAILS = 1_000


@dataclass
class Options:
    """What stands before the command."""

    at: datetime | None = None


def parse_instant(text: str) -> datetime:
    """An ISO 8601 instant with its offset. Raises typer.BadParameter: exit status 2."""
    from rasti.rules.instants import read_instant

    try:
        return read_instant(text)
    except ValueError as error:
        raise typer.BadParameter(
            _("{value!r} is not an instant: write it with its offset, for example 2019-09-03T11:01:00+03:00.").format(
                value=text
            )
        ) from error


def parse_month(text: str) -> "Month":
    """A month word of the command line. Raises typer.BadParameter: exit status 2."""
    from rasti.rules.month import Month

    try:
        return Month.parse(text)
    except BadInput as error:
        raise typer.BadParameter(error.text(_)) from error


def parse_reason(text: str | None) -> str:
    """A reason that a person can read later. Raises typer.BadParameter: exit status 2."""
    if text is None or not text.strip():
        raise typer.BadParameter(_("A reason is needed: --reason TEXT."), param_hint="--reason")
    return text.strip()


MonthArgument = Annotated[
    Any,
    typer.Argument(
        parser=parse_month, metavar="MONTH", help=_("Reporting month, YYYY-MM; the leads follow a month later.")
    ),
]
JsonOption = Annotated[bool, typer.Option("--json", help=_("Print JSON on stdout and nothing else."))]
ReasonOption = Annotated[
    str,
    typer.Option("--reason", parser=parse_reason, metavar="TEXT", help=_("Why; stored in the audit trail.")),
]
LeadArgument = Annotated[int, typer.Argument(metavar="ID", help=_("The lead's id."), min=1, max=GREATEST_ID)]
PartnerArgument = Annotated[str, typer.Argument(metavar="PARTNER", help=_("The partner's code."))]


@contextmanager
def ledger(ctx: typer.Context, *, deliver: bool = True, url: str | None = None) -> Iterator["Book"]:
    """The open ledger of one command, in the database of the settings or of `url`.

    Afterwards the messages that the command caused are delivered (best effort).
    """
    from models.revision import check_schema
    from rasti.clients.programme_file import load_programme
    from rasti.ledger.book import Book
    from rasti.settings import load_settings

    settings = load_settings()
    programme = load_programme(settings.programme)
    engine = _open(url or settings.database)
    try:
        check_schema(engine)
        book = Book(engine, programme, actor="cli")
        instant = ctx.ensure_object(Options).at
        if instant is not None:
            book = _at(book, instant)
        yield book
        if deliver and book.written:
            _deliver_own(book, settings)
    finally:
        engine.dispose()


def _open(url: str) -> Any:
    from sqlalchemy.engine import make_url

    from models.engine import open_engine

    parsed = make_url(url)
    if parsed.get_backend_name() == "sqlite" and not Path(parsed.database or "").is_file():
        # Opening it would create it; a command that reads leaves nothing behind.
        raise Unavailable("There is no database {path} yet: run `rasti db upgrade`.", path=parsed.database)
    return open_engine(url)


def _at(book: "Book", instant: datetime) -> "Book":
    from dataclasses import replace
    from datetime import UTC

    from models.upgrade import is_sandbox
    from rasti.ledger.book import usable_database

    with usable_database():
        sandbox = is_sandbox(book.engine)
    if not sandbox:
        raise Refused(
            "--at {instant} is for a sandbox only, this database is a real one: "
            "make a playground with `rasti db upgrade --sandbox`.",
            instant=instant.isoformat(),
        )
    return replace(book, clock=lambda _session: instant.astimezone(UTC))


def _deliver_own(book: "Book", settings: Any) -> None:
    from rasti.steward.relay import deliver

    try:
        deliver(book, settings, only=book.written[:_MOST_MAILS])
    except RastiError as error:
        # The command's own change is committed; the relay will deliver.
        print(
            _("The change is done; its messages will be delivered later: {why}").format(why=error.text(_)),
            file=sys.stderr,
        )


def console() -> "Console":
    """Where a person reads results."""
    from rich.console import Console

    return Console(highlight=False, soft_wrap=not sys.stdout.isatty())


def emit(json: bool, result: object, draw: "Callable[[Console], None]") -> None:
    """Print a result: as JSON and nothing else, or drawn for a person."""
    if json:
        print(jsonlib.dumps(result, ensure_ascii=False))
    else:
        draw(console())


def local_time(instant: str | None, zone: tzinfo) -> str | None:
    """An instant of our JSON (ISO 8601, UTC) as a person reads it: in the programme's time zone, which it names."""
    return instant and datetime.fromisoformat(instant).astimezone(zone).isoformat(" ", "seconds")


def draw_table(console: "Console", title: str, headers: Sequence[str], rows: Sequence[Sequence[object]]) -> None:
    """A table; None is drawn as a dash, numbers (Decimal, int) to the right."""
    from decimal import Decimal

    from rich.markup import escape
    from rich.table import Table

    table = Table(title=escape(title) or None, title_justify="left", header_style="bold")
    for index, header in enumerate(headers):
        numeric = any(isinstance(row[index], int | Decimal) for row in rows)
        table.add_column(header, justify="right" if numeric else "left", overflow="fold")
    for row in rows:
        table.add_row(*("—" if cell is None else escape(str(cell)) for cell in row))
    console.print(table)

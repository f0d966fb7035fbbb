"""Leads as a file: CSV as Excel opens it by itself, and a workbook. What clients typed never becomes a formula."""

import csv
import io
from collections.abc import Callable, Iterable, Iterator, Sequence
from datetime import datetime
from typing import Any
from unicodedata import normalize

from rasti.ledger.partner_leads import LeadRow
from rasti.ledger.repeats import Repeat, Repeats
from rasti.portal.pages import Writing
from rasti.rules.kinds import LeadState

Translate = Callable[[str], str]

# A cell that begins so is calculated by spreadsheet programs, also behind what is not seen.
_FORMULA = ("=", "+", "-", "@")
_WIDTHS = (10, 36, 12, 18, 22, 18, 16, 26, 18, 28, 24, 16, 44, 26, 18, 28, 60)  # characters


def headings(_: Translate) -> list[str]:
    """The names of the columns."""
    return [
        _("Lead"),
        _("Product"),
        _("Workplaces"),
        _("Requested"),
        _("State"),
        _("Next contact by"),
        _("Which contact"),
        _("Client"),
        _("Phone"),
        _("E-mail"),
        _("Company"),
        _("City"),
        _("Comment"),
        _("Other name"),
        _("Other phone"),
        _("Other e-mail"),
        _("Asked again"),
    ]


def cells(row: LeadRow, _: Translate) -> list[Any]:
    """A lead's cells: numbers, texts and instants."""
    kinds = {"1h": _("the first call"), "3d": _("the first follow-up"), "2w": _("the second follow-up")}
    client = row.client
    words = (client.name, client.phone, client.email, client.company, client.city, client.comment) if client else ()
    return [
        row.lead_id,
        row.product,
        row.workplaces,
        row.requested_at,
        state(row, _),
        row.due.due_at if row.due else None,
        kinds[row.due.kind] if row.due else None,
        *(words or (None,) * 6),
        *(_lines(getattr(it.news, contact) for it in row.repeats.newest) for contact in ("name", "phone", "email")),
        _lines([*(_asked(repeat, _) for repeat in row.repeats.newest), _older(row.repeats, _)]),
    ]


def _older(repeats: Repeats, _: Translate) -> str | None:
    words = _("Earlier requests that are not shown: %(number)s")
    return words % {"number": repeats.older} if repeats.older else None


def _asked(repeat: Repeat, _: Translate) -> str:
    """What a client asked for again, and the rest of what was not known, in a line."""
    news = repeat.news
    words = (repeat.product, f"{_('Workplaces')}: {repeat.workplaces}", news.company, news.city, news.comment)
    return ", ".join(word for word in words if word)


def _lines(values: Iterable[str | None]) -> str | None:
    """Several values in one cell, the newest first."""
    return "\n".join(value for value in values if value) or None


def state(row: LeadRow, _: Translate) -> str:
    """Where a lead stands, for this partner."""
    if row.ended_at is None:
        return _("in your hands")
    if row.closed:
        return _("closed")
    return _("waits for an operator") if row.state is LeadState.PAUSED else _("no longer yours")


def as_csv(rows: Sequence[LeadRow], write: Writing, _: Translate) -> bytes:
    """With a byte order mark and semicolons, as Excel in Russian and others expects them."""
    out = io.StringIO()
    writer = csv.writer(out, delimiter=";", lineterminator="\r\n")
    writer.writerow(headings(_))
    for row in rows:
        writer.writerow(_texts(cells(row, _), write))
    return out.getvalue().encode("utf-8-sig")


def _texts(values: Sequence[Any], write: Writing) -> Iterator[str]:
    for value in values:
        if isinstance(value, datetime):
            yield write.when(value)
        else:
            plain = "" if value is None else str(value)
            yield f"'{plain}" if _may_be_calculated(plain) else plain


def _may_be_calculated(text: str) -> bool:
    """Whether its first visible character begins a formula, in full width too (＝ ＋ － ＠), or it begins unseen.

    Other forms of these characters are taken for them by some programs: what NFKC makes of a text counts.
    """
    unseen = text[:1] in ("\t", "\r", "\n")
    visible = next((character for character in text if character.isprintable() and not character.isspace()), "")
    return unseen or normalize("NFKC", visible).startswith(_FORMULA)


def as_xlsx(rows: Sequence[LeadRow], write: Writing, _: Translate) -> bytes:
    """A workbook with one sheet; times in the programme's time zone."""
    from xlsxwriter import Workbook  # slow to import, needed only here

    out = io.BytesIO()
    with Workbook(out, {"in_memory": True, "constant_memory": False}) as book:
        sheet = book.add_worksheet(_("Leads"))
        bold, instant = book.add_format({"bold": True}), book.add_format({"num_format": "dd.mm.yyyy hh:mm"})
        for column, (name, width) in enumerate(zip(headings(_), _WIDTHS, strict=True)):
            sheet.set_column(column, column, width)
            sheet.write_string(0, column, name, bold)
        for line, row in enumerate(rows, start=1):
            for column, value in enumerate(cells(row, _)):
                if isinstance(value, datetime):
                    local = value.astimezone(write.programme.zone).replace(tzinfo=None)
                    sheet.write_datetime(line, column, local, instant)
                elif isinstance(value, int):
                    sheet.write_number(line, column, value)
                elif value is not None:
                    sheet.write_string(line, column, value)  # never a formula, never a link
        sheet.freeze_panes(1, 0)
        sheet.autofilter(0, 0, max(1, len(rows)), len(_WIDTHS) - 1)
    return out.getvalue()

"""The partner list: CSV `code;name;email;city;regulation_accepted_on`, UTF-8. One bad row refuses the file."""

import csv
import re
from dataclasses import dataclass
from datetime import date
from io import StringIO
from pathlib import Path

from rasti.clients.file_kinds import not_utf_8, refuse_other_kinds
from rasti.errors import BadInput, NotFound, Reason
from rasti.rules.addresses import check_address

COLUMNS = ("code", "name", "email", "city", "regulation_accepted_on")

_LONGEST = {"code": 64, "email": 254}
_CONTROL = re.compile(r"[\x00-\x1f\x7f]")
_DATE = re.compile(r"\d{4}-\d{2}-\d{2}", re.ASCII)


@dataclass(frozen=True, slots=True)
class ListedPartner:
    """A row of the list; no date: the row says nothing about the regulation (R9)."""

    code: str
    name: str
    email: str
    city: str
    regulation_accepted_on: date | None


def read_partner_list(path: Path) -> list[ListedPartner]:
    """All partners of a file. Raises NotFound, BadInput that names the row and the field."""
    try:
        raw = path.read_bytes()
        refuse_other_kinds(path, raw)
        text = raw.decode("utf-8-sig")
    except FileNotFoundError as error:
        raise NotFound("There is no file {path}.", path=path) from error
    except OSError as error:
        raise BadInput("{path} cannot be read: {why}.", path=path, why=error.strerror) from error
    except UnicodeDecodeError as error:
        row = raw.count(b"\n", 0, error.start) + 1
        line = raw.splitlines()[row - 1]
        raise not_utf_8(path, row, line, error.start - raw.rfind(b"\n", 0, error.start)) from error
    partners: dict[str, ListedPartner] = {}
    reader = csv.reader(StringIO(text, newline=""), delimiter=";", strict=True)
    try:
        header = [name.strip() for name in next(reader, [])]
        if tuple(header) != COLUMNS:
            raise BadInput(
                "{path} is no partner list: its header must be {header}.", path=path, header=";".join(COLUMNS)
            )
        for cells in reader:
            if not any(cell.strip() for cell in cells):
                continue
            partner = _partner(path, reader.line_num, cells)
            if partner.code in partners:
                raise _bad(path, reader.line_num, "code", "it stands in the list twice", partner.code)
            partners[partner.code] = partner
    except csv.Error as error:
        raise BadInput("{path}: row {row} is no CSV: {why}.", path=path, row=reader.line_num, why=error) from error
    return list(partners.values())


def _partner(path: Path, row: int, cells: list[str]) -> ListedPartner:
    if len(cells) != len(COLUMNS):
        raise BadInput(
            "{path}: row {row} has {count} cells instead of {expected}.",
            path=path,
            row=row,
            count=len(cells),
            expected=len(COLUMNS),
        )
    values = {name: cell.strip() for name, cell in zip(COLUMNS, cells, strict=True)}
    for name, value in values.items():
        longest = _LONGEST.get(name, 500)
        if _CONTROL.search(value):
            raise _bad(path, row, name, "it holds a line break or another control character", value)
        if len(value) > longest:
            raise _bad(path, row, name, "it is too long", value)
    for name in ("code", "name"):
        if not values[name]:
            raise _bad(path, row, name, "it is empty", "")
    try:
        check_address(values["email"])
    except ValueError as error:
        raise _bad(path, row, "email", Reason(str(error)), values["email"]) from error
    return ListedPartner(
        values["code"],
        values["name"],
        values["email"],
        values["city"],
        _accepted_on(path, row, values["regulation_accepted_on"]),
    )


def _accepted_on(path: Path, row: int, text: str) -> date | None:
    if not text:
        return None
    try:
        if _DATE.fullmatch(text) is None:
            raise ValueError(text)
        return date.fromisoformat(text)
    except ValueError as error:
        raise _bad(path, row, "regulation_accepted_on", "it is not a date YYYY-MM-DD", text) from error


def _bad(path: Path, row: int, name: str, why: str | Reason, value: str) -> BadInput:
    shown = f"{value[:40]}…" if len(value) > 40 else value
    return BadInput(
        "{path}: row {row}: {name} is {value!r}: {why}.",
        field=name,
        path=path,
        row=row,
        name=name,
        value=shown,
        why=why,
    )

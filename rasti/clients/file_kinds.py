"""What a file that should be CSV in UTF-8 really is, and the way out."""

import re
from pathlib import Path

from rasti.errors import BadInput, Reason, marked

# Capitals stand first or alone: what is KOI8-R and read as Windows-1251 has them inside.
_WORDS = re.compile("[А-ЯЁ]?[а-яё]+|[А-ЯЁ]+")
LOOKED_AT = 4_096  # bytes that tell what a file is

_SAVE = marked(
    "{path} is {kind}, not a CSV file: open it in the spreadsheet program and save it as “CSV UTF-8” with semicolons."
)
_UNPACK = marked("{path} is {kind}, not a CSV file: unpack it and give the CSV file that is in it.")
_EXPORT = marked("{path} is {kind}, not a CSV file: ask its issuer for a CSV file in UTF-8.")
_ENCODED = marked("{path}: line {row} is not UTF-8; it looks like {encoding}. Save the file as “CSV UTF-8”.")
_UNREADABLE = marked("{path}: line {row} is not UTF-8 (byte {byte}); save the file as UTF-8.")

# What spreadsheet programs and archives write first; the names are those that people know.
_ZIP = (b"PK\x03\x04", b"PK\x05\x06", b"PK\x07\x08")
_EXCEL_97 = b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1"
_ARCHIVES = (b"\x1f\x8b", b"7z\xbc\xaf\x27\x1c", b"Rar!\x1a\x07")


def refuse_other_kinds(path: Path, beginning: bytes) -> None:
    """Raises BadInput: the file begins as a workbook, an archive, a PDF or text in UTF-16 does."""
    if beginning.startswith(_ZIP):
        # The names of what a package holds stand in it uncompressed, the first one at its very beginning.
        if b"opendocument.spreadsheet" in beginning:
            raise _other(path, _SAVE, marked("an OpenDocument spreadsheet (ODS)"))
        if b"[Content_Types].xml" in beginning or b"xl/" in beginning or path.suffix.lower() in (".xlsx", ".xlsm"):
            raise _other(path, _SAVE, marked("an Excel workbook (XLSX)"))
        raise _other(path, _UNPACK, marked("a ZIP archive"))
    if beginning.startswith(_EXCEL_97):
        raise _other(path, _SAVE, marked("an Excel workbook (XLS)"))
    if beginning.startswith(b"%PDF-"):
        raise _other(path, _EXPORT, marked("a PDF document"))
    if beginning.startswith(_ARCHIVES):
        raise _other(path, _UNPACK, marked("an archive"))
    if _is_utf_16(beginning):
        raise BadInput(_ENCODED, path=path, row=1, encoding="UTF-16")


def not_utf_8(path: Path, row: int, raw: bytes, byte: int) -> BadInput:
    """The error for bytes of a line that are no UTF-8, with the encoding they seem to have."""
    encoding = _cyrillic_encoding(raw[:LOOKED_AT])
    if encoding is None:
        return BadInput(_UNREADABLE, path=path, row=row, byte=byte)
    return BadInput(_ENCODED, path=path, row=row, encoding=encoding)


def _other(path: Path, template: str, kind: str) -> BadInput:
    return BadInput(template, path=path, kind=Reason(kind))


def _is_utf_16(beginning: bytes) -> bool:
    """With a byte order mark, or ASCII letters with a zero byte each."""
    if beginning.startswith((b"\xff\xfe", b"\xfe\xff")):
        return True
    start = beginning[:32]
    halves = start[::2], start[1::2]
    return len(start) >= 4 and any(not any(zero) and all(other) for zero, other in (halves, halves[::-1]))


def _cyrillic_encoding(raw: bytes) -> str | None:
    """The one of three old encodings in which the text is mostly Russian words as people write them."""
    best, name = 0.5, None  # half of the characters outside ASCII, at least
    for encoding, known_as in (("cp1251", "Windows-1251"), ("cp866", "DOS (866)"), ("koi8-r", "KOI8-R")):
        text = raw.decode(encoding, "replace")
        others = sum(not character.isascii() for character in text)
        share = sum(len(word) for word in _WORDS.findall(text) if len(word) > 1) / max(1, others)
        if share > best:
            best, name = share, known_as
    return name

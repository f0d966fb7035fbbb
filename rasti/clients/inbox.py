"""Where invoice registers come from: folders they are dropped into, or files that are read where they lie.

Without RASTI_SOURCES there is one source, the folder `inbox` in the home. RASTI_SOURCES names a YAML list:

    - folder: /srv/exports/vendor       # every file in it is a register: read in the order of names, then moved
    - folder: /srv/exports/distributor  # into its done/ or refused/, a report beside it (NAME.report.json)
      strict: true                      # a bad row refuses the whole file
    - file: /srv/exports/current.csv    # read where it is, whenever its contents are new; never moved

Relative paths are relative to that list. A register named `ANYTHING.closes-ISSUER-YYYY-MM.csv` also closes that
issuer's month (D6). Names that begin with `.` or end with `.part` or `.tmp` are left alone: write a register under
such a name and rename it when it is whole.
"""

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import yaml

from rasti.errors import BadInput, NotFound
from rasti.rules.month import Month

DONE, REFUSED = "done", "refused"

_UNFINISHED = (".part", ".tmp")
_CLOSES = re.compile(r".*\.closes-(?P<issuer>.+)-(?P<month>\d{4}-\d{2})\.[^.]+")
_KEYS = {"folder", "file", "strict"}


@dataclass(frozen=True)
class Source:
    """A folder of registers, or one file."""

    path: Path
    is_folder: bool
    strict: bool = False


def load_sources(listed: Path | None, home: Path) -> list[Source]:
    """The sources of an installation. Raises NotFound, BadInput that names the entry."""
    if listed is None:
        return [Source(home / "inbox", is_folder=True)]
    try:
        entries = yaml.safe_load(listed.read_text(encoding="utf-8"))
    except FileNotFoundError as error:
        raise NotFound("There is no list of sources {path}: set RASTI_SOURCES.", path=listed) from error
    except (OSError, UnicodeDecodeError, yaml.YAMLError) as error:
        why = " ".join(str(error).split())
        raise BadInput("The list of sources {path} cannot be read: {why}", path=listed, why=why) from error
    if not isinstance(entries, list):
        raise BadInput("{path}: a list of sources is a YAML list of `folder:` and `file:` entries.", path=listed)
    return [_source(listed, number, entry) for number, entry in enumerate(entries, start=1)]


def _source(listed: Path, number: int, entry: object) -> Source:
    if isinstance(entry, Mapping) and set(entry) <= _KEYS and ("folder" in entry) != ("file" in entry):
        kind = "folder" if "folder" in entry else "file"
        path, strict = entry[kind], entry.get("strict", False)
        if isinstance(path, str) and path and isinstance(strict, bool):
            return Source(listed.parent / path, is_folder=kind == "folder", strict=strict)
    raise BadInput(
        "{path}: source {number} is {entry!r}: it has `folder: PATH` or `file: PATH`, and perhaps `strict: true`.",
        path=listed,
        number=number,
        entry=entry,
    )


def registers_in(source: Source) -> list[Path]:
    """The registers that are there, in the order of their names; an inbox that does not exist yet is made."""
    if not source.is_folder:
        return [source.path] if source.path.exists() else []
    try:
        source.path.mkdir(parents=True, exist_ok=True)
        return sorted(
            path
            for path in source.path.iterdir()
            if path.is_file() and not path.name.startswith(".") and path.suffix not in _UNFINISHED
        )
    except OSError as error:
        raise BadInput("{path} cannot be read: {why}.", path=source.path, why=error.strerror) from error


def closes(path: Path) -> tuple[str, Month] | None:
    """The issuer's month that a register's name declares complete (D6). Raises BadInput: no such month."""
    match = _CLOSES.fullmatch(path.name)
    return None if match is None else (match["issuer"], Month.parse(match["month"]))


def settle(source: Source, path: Path, outcome: str, report: Mapping[str, object]) -> Path | None:
    """Move a register out of its inbox, to `outcome` (DONE or REFUSED), and write its report beside it.

    None: a file that is read where it lies, or one that another run has moved.
    """
    if not source.is_folder:
        return None
    folder = source.path / outcome
    folder.mkdir(exist_ok=True)
    place = folder / path.name
    number = 1
    while place.exists():
        number += 1
        place = folder / f"{path.stem}-{number}{path.suffix}"
    try:
        path.rename(place)
    except FileNotFoundError:
        return None
    text = json.dumps(dict(report), ensure_ascii=False, indent=2)
    place.with_name(f"{place.name}.report.json").write_text(text + "\n", encoding="utf-8")
    return place

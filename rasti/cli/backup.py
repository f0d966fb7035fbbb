"""`rasti backup` and `rasti restore`: both databases, the application's and Prefect's own."""

from collections.abc import Mapping
from datetime import UTC, datetime, tzinfo
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from rasti.cli.context import JsonOption, draw_table, emit, ledger, local_time
from rasti.errors import BadInput, Refused
from rasti.i18n import _

if TYPE_CHECKING:
    from rasti.clients.backups import Backup
    from rasti.settings import Settings


OnlyOption = Annotated[
    bool, typer.Option("--application-only", help=_("Leave Prefect's database out: it holds history alone."))
]


def register(app: typer.Typer, groups: dict[str, typer.Typer]) -> None:  # noqa: ARG001
    """Add the commands of this file."""
    app.command("backup", help=_("Copy both databases into a new folder inside FOLDER, while everything runs."))(backup)
    app.command("restore", help=_("Put a backup in the place of both databases; the former ones are kept."))(restore)


def backup(
    ctx: typer.Context,
    folder: Annotated[Path, typer.Argument(metavar="FOLDER", help=_("Where backups are kept."))],
    application_only: OnlyOption = False,
    json: JsonOption = False,
) -> None:
    from rasti.clients.backups import APPLICATION, PREFECT, write_backup
    from rasti.settings import load_settings

    settings = load_settings()
    with ledger(ctx, deliver=False) as book:
        with book.read() as tx:
            made_at = tx.now
        prefect = None if application_only else _prefect_to_back_up(settings)
        # Prefect's first: a run that it lacks is made again, one that it has too many has no checkpoint.
        databases = {} if prefect is None else {PREFECT: prefect}
        databases[APPLICATION] = settings.database
        made = write_backup(folder.resolve(), made_at, databases, settings.programme)
    emit(json, _made_json(made), lambda console: _draw_made(console, made))


def _prefect_to_back_up(settings: "Settings") -> str | None:
    """Where Prefect's database is; None: no Prefect is configured. Raises Refused: it is not where we may look."""
    from rasti.clients import snapshots
    from rasti.clients.backups import prefect_database

    url = prefect_database(settings)
    if not snapshots.is_empty(url):
        return url
    if settings.prefect_api_url is not None:
        raise Refused(
            "A Prefect server is configured (PREFECT_API_URL), but not where its database is: set "
            "PREFECT_SERVER_DATABASE_CONNECTION_URL or PREFECT_HOME as its server has it, or leave its history out "
            "with --application-only. Nothing was backed up."
        )
    return None


def _made_json(made: "Backup") -> dict[str, Any]:
    parts = [{"part": name, "file": part.file, "bytes": part.bytes} for name, part in made.parts.items()]
    return {"backup": str(made.path), "made_at": made.made_at.isoformat(), "parts": parts}


def _draw_made(console: Any, made: "Backup") -> None:
    console.print(_("The backup is in {path}").format(path=made.path))
    rows = [(part.file, part.bytes) for part in made.parts.values()]
    draw_table(console, "", [_("File"), _("Bytes")], rows)
    if "prefect" not in made.parts:
        console.print(_("There is no database of Prefect where the settings say (PREFECT_HOME, or its URL)."))


def restore(
    ctx: typer.Context,
    path: Annotated[Path, typer.Argument(metavar="BACKUP", help=_("The folder of one backup."))],
    replace_: Annotated[
        bool, typer.Option("--replace", help=_("Also where there is a database already; it is kept beside."))
    ] = False,
    application_only: OnlyOption = False,
    json: JsonOption = False,
) -> None:
    from rasti.clients import snapshots
    from rasti.clients.backups import APPLICATION, PREFECT, PROGRAMME, prefect_database, read_backup
    from rasti.settings import load_settings

    settings = load_settings()
    made = read_backup(path.resolve())
    targets = {APPLICATION: settings.database}
    if PREFECT in made.parts and not application_only:
        targets[PREFECT] = prefect_database(settings)
    _check(made, targets, replace=replace_)
    stamp = f"{datetime.now(UTC):%Y%m%dT%H%M%SZ}"
    result: dict[str, Any] = {"backup": str(made.path), "parts": sorted(targets)}
    with snapshots.restoration(settings.database, made.file(APPLICATION), stamp) as loaded:
        zone, found = _take_over(ctx, settings, loaded.url, made)
        result |= found
        kept = {}
        if PREFECT in targets:
            with snapshots.restoration(targets[PREFECT], made.file(PREFECT), stamp) as of_prefect:
                kept[PREFECT] = of_prefect.put_in_place()
        # Last, with the alarm in it: a restore that breaks off before has changed nothing that counts.
        kept[APPLICATION] = loaded.put_in_place()
    result["kept"] = {name: place for name, place in kept.items() if place is not None}
    result["other_rules"] = settings.programme.read_bytes() != made.file(PROGRAMME).read_bytes()
    emit(json, result, lambda console: _draw_restored(console, result, zone))


def _check(made: "Backup", targets: Mapping[str, str], *, replace: bool) -> None:
    """Before anything is touched. Raises BadInput, Refused, Unavailable."""
    from models.revision import is_known
    from rasti.clients import snapshots
    from rasti.clients.backups import APPLICATION

    revision = made.parts[APPLICATION].revision or ""
    if not is_known(revision):
        raise Refused(
            "The backup was made by a newer version ({version}, schema {revision}): install that one first.",
            version=made.version,
            revision=revision,
        )
    for name, url in targets.items():
        kind, ours = made.parts[name].kind, snapshots.kind_of(url)
        if kind != ours:
            raise BadInput(
                "The backup's database of {part} is one of {kind}, but {setting} names {ours}.",
                part=name,
                kind=kind,
                ours=ours,
                setting="RASTI_DATABASE_URL" if name == APPLICATION else "PREFECT_SERVER_DATABASE_CONNECTION_URL",
            )
        if not replace and not snapshots.is_empty(url):
            raise Refused(
                "There is a database already ({part}): --replace puts the backup in its place and keeps it beside.",
                part=name,
            )
        snapshots.check_unused(url)


def _take_over(ctx: typer.Context, settings: "Settings", url: str, made: "Backup") -> tuple[tzinfo, dict[str, Any]]:
    """Bring the loaded database to this version and raise the alarm in it; the time zone, and what may come twice."""
    from models.engine import open_engine
    from models.upgrade import upgrade_database
    from rasti.ledger.book import usable_database
    from rasti.steward.restored import take_over

    engine = open_engine(url)
    try:
        with usable_database():
            upgrade_database(engine)
    finally:
        engine.dispose()
    with ledger(ctx, deliver=False, url=url) as book:
        return book.programme.zone, take_over(book, settings, made.made_at).as_json()


def _draw_restored(console: Any, result: Mapping[str, Any], zone: tzinfo) -> None:
    made_at, restored_at = (local_time(result[name], zone) for name in ("made_at", "restored_at"))
    text = _("Restored: what happened from {made_at} to {restored_at} is missing. The operators get a mail about it.")
    console.print(text.format(made_at=made_at, restored_at=restored_at))
    for name, place in result["kept"].items():
        console.print(_("The former database ({part}) is kept: {place}").format(part=name, place=place))
    if "prefect" not in result["parts"]:
        console.print(_("Prefect's database was not restored: the steward makes the runs that are missing anew."))
    console.print(_("Now run `prefect deploy --all`, and pause again what was paused since the backup."))
    if result["other_rules"]:
        console.print(_("The rules (programme.yaml) are not those of the backup, which has its own copy."))
    again = [
        (mail["message"], mail["kind"], mail["lead"], mail["partner"], _("yes") if mail["in_mailbox"] else None)
        for mail in result["again"]
    ]
    headers = [_("Message"), _("Kind"), _("Lead"), _("Partner"), _("In the mailbox")]
    draw_table(console, _("May be sent a second time, with the same Message-ID"), headers, again)
    if result["unknown"]:
        rows = [(mail["message"], mail["kind"], mail["lead"], mail["recipient"]) for mail in result["unknown"]]
        draw_table(console, _("In the mailbox, and unknown to the database"), [*headers[:3], _("Recipient")], rows)
    if result["checkpoints"]:
        points = [
            (point["lead"], point["partner"], point["kind"], local_time(point["due_at"], zone))
            for point in result["checkpoints"]
        ]
        title = _("Contacts may be missing: nobody is found in violation")
        draw_table(console, title, [_("Lead"), _("Partner"), _("Checkpoint"), _("Due")], points)

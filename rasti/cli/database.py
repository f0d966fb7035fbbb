"""`rasti db upgrade`."""

from collections.abc import Sequence
from typing import Annotated

import typer

from rasti.cli.context import Options
from rasti.i18n import _


def register(app: typer.Typer, groups: dict[str, typer.Typer]) -> None:  # noqa: ARG001
    """Add the commands of this file."""
    groups["db"].command("upgrade", help=_("Create the tables or bring them to this version."))(upgrade)


def upgrade(
    ctx: typer.Context,
    sandbox: Annotated[
        bool, typer.Option("--sandbox", help=_("Mark a NEW database as a playground, which accepts --at."))
    ] = False,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help=_("Only list the migrations that are missing; change nothing."))
    ] = False,
) -> None:
    from pathlib import Path

    from sqlalchemy.engine import make_url

    from models.engine import open_engine
    from models.revision import revisions
    from models.upgrade import pending_migrations, upgrade_database
    from rasti.ledger.book import usable_database
    from rasti.settings import load_settings

    ctx.ensure_object(Options)
    url = make_url(load_settings().database)
    if dry_run and url.get_backend_name() == "sqlite" and not Path(url.database or "").is_file():
        _list(revisions())  # opening it would create it
        return
    engine = open_engine(url.render_as_string(hide_password=False))
    try:
        with usable_database():
            if dry_run:
                _list(pending_migrations(engine))
                return
            ran = upgrade_database(engine, sandbox=sandbox)
    finally:
        engine.dispose()
    if ran == revisions():
        print(_("The database is ready."))
    elif ran:
        print(_("The database was upgraded: {migrations}.").format(migrations=", ".join(ran)))
    else:
        print(_("The database is up to date."))


def _list(missing: Sequence[str]) -> None:
    if not missing:
        print(_("The database is up to date."))
    for revision in missing:
        print(revision)

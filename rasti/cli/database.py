"""`rasti db upgrade`."""

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
) -> None:
    from models.engine import open_engine
    from models.upgrade import upgrade_database
    from rasti.ledger.book import usable_database
    from rasti.settings import load_settings

    ctx.ensure_object(Options)
    engine = open_engine(load_settings().database)
    try:
        with usable_database():
            new = upgrade_database(engine, sandbox=sandbox)
    finally:
        engine.dispose()
    print(_("The database is ready.") if new else _("The database is up to date."))

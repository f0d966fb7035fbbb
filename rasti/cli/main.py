"""The command line: `rasti COMMAND`. A stable interface, scripts depend on it."""

import importlib
import sys
from collections.abc import Sequence
from functools import cache
from typing import Annotated, Any

import typer

from rasti.cli.context import Options, parse_instant
from rasti.errors import RastiError
from rasti.i18n import _

_MODULES = (
    *("billing", "doubts", "tenures", "leads", "messages", "steward", "portal", "tokens", "up", "database", "backup"),
)


def build() -> typer.Typer:
    """All commands, each group from its module."""
    app = typer.Typer(
        name="rasti",
        no_args_is_help=True,
        add_completion=False,
        rich_markup_mode=None,
        help=_("Each month the partner who grew most gets the leads, and keeps them while they are looked after."),
    )
    groups = {
        "partners": typer.Typer(no_args_is_help=True, help=_("The partner list.")),
        "quarantine": typer.Typer(no_args_is_help=True, help=_("Rows of registers that could not be read.")),
        "doubles": typer.Typer(no_args_is_help=True, help=_("Invoices that are probably there twice.")),
        "issuers": typer.Typer(no_args_is_help=True, help=_("Issuers whom the programme does not name.")),
        "lead": typer.Typer(no_args_is_help=True, help=_("Leads and their attempts.")),
        "violation": typer.Typer(no_args_is_help=True, help=_("Violations of the regulation.")),
        "tenure": typer.Typer(no_args_is_help=True, help=_("Who holds the leads.")),
        "messages": typer.Typer(no_args_is_help=True, help=_("Mail that could not be delivered.")),
        "mail": typer.Typer(no_args_is_help=True, help=_("The mail server.")),
        "operator": typer.Typer(no_args_is_help=True, help=_("Who works at the operators' desk.")),
        "token": typer.Typer(no_args_is_help=True, help=_("Tokens of the HTTP API.")),
        "db": typer.Typer(no_args_is_help=True, help=_("The database.")),
    }

    @app.callback()
    def options(
        ctx: typer.Context,
        at: Annotated[
            Any,
            typer.Option(
                "--at",
                parser=parse_instant,
                metavar="INSTANT",
                help=_("Run one command at that instant (sandbox only)."),
            ),
        ] = None,
        version: Annotated[  # noqa: ARG001 - its callback ends the command
            bool, typer.Option("--version", is_eager=True, callback=_print_version, help=_("Print the version."))
        ] = False,
    ) -> None:
        ctx.obj = Options(at=at)

    for name in _MODULES:
        importlib.import_module(f"rasti.cli.{name}").register(app, groups)
    for name, group in groups.items():
        app.add_typer(group, name=name)
    return app


def _print_version(wanted: bool) -> None:
    if wanted:
        from importlib.metadata import version

        print(f"rasti {version('rasti')}")
        raise typer.Exit


@cache
def _command() -> Any:
    """The tree of commands; a process that runs several builds it once."""
    return typer.main.get_command(build())


def run(argv: Sequence[str]) -> int:
    """Run one command; its exit status: 0 done, 1 refused by a rule, 2 wrong usage."""
    try:
        _command().main(args=list(argv), prog_name="rasti")
    except SystemExit as stop:  # Typer prints wrong usage itself
        return stop.code if isinstance(stop.code, int) else int(stop.code is not None)
    except RastiError as error:
        print(error.text(_), file=sys.stderr)
        return 1
    except OSError as error:  # a full disk, a folder that cannot be made
        print(
            _("{path} cannot be used: {why}.").format(path=error.filename or "rasti", why=error.strerror),
            file=sys.stderr,
        )
        return 1
    return 0


def main() -> None:
    """The entry point of the executable."""
    sys.exit(run(sys.argv[1:]))


if __name__ == "__main__":
    main()

"""`rasti up`: everything on one machine."""

import os
import time
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from rasti.i18n import _

if TYPE_CHECKING:
    from rasti.cli.demo.data import DemoHome
    from rasti.cli.machine import Machine


def register(app: typer.Typer, groups: dict[str, typer.Typer]) -> None:  # noqa: ARG001
    """Add the commands of this file."""
    app.command("up", help=_("Start everything on this machine: Prefect with its UI, worker, steward, mailbox."))(up)


def up(
    demo: Annotated[
        bool, typer.Option("--demo", help=_("Play a whole programme on example data, hours shortened to seconds."))
    ] = False,
    exit: Annotated[
        bool, typer.Option("--exit", help=_("Stop when the demo's story is over; status 0 if it came out right."))
    ] = False,
) -> int:
    from rasti.cli.machine import check_ports, running_machine, stop_on_signals
    from rasti.settings import load_settings

    if exit and not demo:
        raise typer.BadParameter(_("--exit is for --demo: without it there is no story that could be over."))
    began = time.monotonic()
    with stop_on_signals():
        try:
            check_ports(load_settings())  # before the demo's home is made anew: perhaps it is in use
            home = _make_demo_home() if demo else None
            print(_("Starting: this takes about half a minute ..."), flush=True)
            with running_machine(load_settings()) as machine:
                _say_where(machine, time.monotonic() - began)
                status = _tell(home, machine) if home else 0
                if home and not exit:
                    _your_turn(home, machine)
                while not exit:
                    machine.children.check()
                    time.sleep(0.5)
                return status
        except KeyboardInterrupt:
            print(_("Stopped."), flush=True)
            return 130 if exit else 0


def _make_demo_home() -> "DemoHome":
    """The demo has a home, a database and a programme of its own, whatever this installation's settings are."""
    from rasti.cli.demo.data import make_home
    from rasti.cli.demo.story import now, prepare
    from rasti.settings import load_settings

    home = make_home(Path(load_settings().home).resolve() / "demo", now())
    os.environ.update(
        {
            "RASTI_HOME": str(home.path),
            "RASTI_DATABASE_URL": "",
            "RASTI_SMTP_URL": "",
            "RASTI_PROGRAMME": str(home.programme),
            "RASTI_SOURCES": str(home.sources),
            "RASTI_SHOW_MAILBOX": "true",
            "RASTI_GUARD_GRACE": "30",
            "RASTI_PREFECT_RUNS_PER_MINUTE": "600",
        }
    )
    prepare(home)
    return home


def _say_where(machine: "Machine", seconds: float) -> None:
    print(_("Ready after {seconds:.0f} s. Ctrl-C stops everything.").format(seconds=seconds))
    print(_("  Portal    {url}").format(url=machine.portal_url))
    print(_("  Prefect   {url}").format(url=machine.ui_url))
    if machine.mailbox is not None:
        print(_("  Mailbox   {path}").format(path=machine.mailbox))
    print(_("  Home      {path}").format(path=machine.home))
    print(_("  Logs      {path}").format(path=machine.logs), flush=True)
    for line in machine.kept:
        print(line, flush=True)


def _tell(home: "DemoHome", machine: "Machine") -> int:
    from rasti.cli.demo.story import run_story

    print(flush=True)
    wrong = run_story(home, machine.api_url, lambda line: print(line, flush=True), machine.children.check)
    print()
    if wrong:
        print(_("The story did NOT come out as it must:"))
        for line in wrong:
            print(f"  - {line}")
    else:
        print(_("The story came out as it must: checked against the database, the mailbox and Prefect's runs."))
    print(flush=True)
    return 1 if wrong else 0


def _your_turn(home: "DemoHome", machine: "Machine") -> None:
    """The story's hours are too short for a person: from now on they last minutes."""
    from rasti.cli.demo.data import slow_down

    slow_down(home)
    machine.reload()
    print(_("Now it is your turn, in the browser; the hour of the first call lasts three minutes from now on:"))
    print(_("  1. {url}/ shows the ranking and who holds the leads.").format(url=machine.portal_url))
    print(_("  2. At {url}/mailbox let a client ask, twice.").format(url=machine.portal_url))
    print(_("  3. Sign in as the partner with the mailed link, call one of the clients, leave the other alone."))
    print(_("  4. Sign in as the operator and see why the leads went on."))
    print(flush=True)

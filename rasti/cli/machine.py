"""Everything on one machine: database, Prefect with its UI, warm worker, steward, local mail server."""

import contextlib
import os
import signal
import socket
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from rasti.cli.processes import Children
from rasti.errors import BadInput, Unavailable
from rasti.i18n import _

if TYPE_CHECKING:
    from rasti.settings import Settings

POOL = "rasti"
WORKER_TYPE = "rasti-warm"
HOST = "127.0.0.1"
DEFAULT_PORT = 4200
PORTAL_PORT = 8000
STEWARD, PORTAL = "Steward", "Portal"
PROJECT = Path(__file__).parents[2]


@dataclass(frozen=True)
class Machine:
    """What runs, and where it is."""

    children: Children
    home: Path
    mailbox: Path | None  # None: a mail server of the settings is used
    logs: Path
    ui_url: str
    api_url: str
    portal_url: str
    kept: tuple[str, ...]  # what people set in Prefect and deploying left alone, a line each

    def reload(self) -> None:
        """Start anew what has read the programme; the worker's runs read it each time."""
        for name in (STEWARD, PORTAL):
            self.children.restart(name)
        self.children.until(lambda: is_up(self.portal_url), "The portal")


@contextlib.contextmanager
def running_machine(settings: "Settings") -> Iterator[Machine]:
    """Start everything; on leaving, also when a start fails half-way, stop it all.

    Raises Unavailable: a port is taken, a process stopped or was not ready in time; RastiError: the settings.
    """
    port, portal = prefect_port(), portal_port(settings)
    check_ports(settings)
    _migrate(settings)
    ui_url = f"http://{HOST}:{port}"
    api_url = f"{ui_url}/api"
    logs = settings.home.resolve() / "logs"
    with contextlib.ExitStack() as stack:
        mail_port = None if settings.smtp_url else _free_port()
        environment = _environment(settings, port, mail_port)
        children = Children(environment, logs)
        if mail_port is not None:
            from rasti.clients.mailbox import mail_server

            stack.enter_context(mail_server(settings.mailbox, mail_port))
        stack.enter_context(children)
        children.start("Prefect server", *server_command(port))
        children.start(STEWARD, "rasti.cli.main", "steward")
        children.start(PORTAL, "rasti.cli.main", "portal", "--host", HOST, "--port", str(portal), together=True)
        os.environ.update(environment)
        kept = _wait_for_prefect(children, api_url)
        portal_url = f"http://{HOST}:{portal}"
        children.until(lambda: is_up(portal_url), "The portal")
        mailbox = None if settings.smtp_url else settings.mailbox.resolve()
        yield Machine(children, settings.home.resolve(), mailbox, logs, ui_url, api_url, portal_url, kept)


def _wait_for_prefect(children: Children, api_url: str) -> tuple[str, ...]:
    from rasti.clients.prefect import prefect_api

    with prefect_api(api_url) as prefect:
        children.until(prefect.is_up, "The Prefect server")
        prefect.make_pool(POOL, WORKER_TYPE)
    worker = children.start("Worker", *worker_command(), together=True)
    deployed = children.run("Deployments", *deploy_command())
    children.until(lambda: "started!" in worker.log.read_text(encoding="utf-8"), "The worker")
    kept = _("Kept: {what}").format(what="")  # as rasti/worker/deploying.py says it
    return tuple(line for line in deployed.read_text(encoding="utf-8").splitlines() if line.startswith(kept))


def prefect_port() -> int:
    """Where the Prefect server will listen: Prefect's own setting, or its default. Raises BadInput."""
    text = os.environ.get("PREFECT_SERVER_API_PORT") or str(DEFAULT_PORT)
    if not text.isdecimal() or not 0 < int(text) < 65536:
        raise BadInput("PREFECT_SERVER_API_PORT is {value!r}: a port is a number from 1 to 65535.", value=text)
    return int(text)


@contextlib.contextmanager
def stop_on_signals() -> Iterator[None]:
    """SIGTERM and Ctrl-C interrupt us once; while we are stopping everything, they change nothing more."""

    def interrupt(*_signal: object) -> None:
        for number in numbers:
            signal.signal(number, signal.SIG_IGN)
        raise KeyboardInterrupt

    numbers = (signal.SIGTERM, signal.SIGINT, signal.SIGHUP)
    before = {number: signal.signal(number, interrupt) for number in numbers}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def portal_port(settings: "Settings") -> int:
    """Where the portal will listen: the port of RASTI_PORTAL_URL if that is on this machine, else 8000."""
    url = urlsplit(settings.portal_url)
    return url.port if url.hostname in (HOST, "localhost") and url.port else PORTAL_PORT


def is_up(portal_url: str) -> bool:
    """Whether the portal answers."""
    import httpx

    try:
        return httpx.get(f"{portal_url}/sign-in", timeout=5).is_success
    except httpx.HTTPError:
        return False


def check_ports(settings: "Settings") -> None:
    """Raises Unavailable: something listens already where Prefect or the portal would."""
    port, portal = prefect_port(), portal_port(settings)
    _check_port(port, _("the Prefect server"), f"PREFECT_SERVER_API_PORT={port + 1} rasti up")
    _check_port(portal, _("the portal"), f"RASTI_PORTAL_URL=http://{HOST}:{portal + 1} rasti up")


def _check_port(port: int, who: str, remedy: str) -> None:
    with socket.socket(socket.AF_INET, socket.SOCK_STREAM) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((HOST, port))
        except OSError as error:
            raise Unavailable(
                "Port {port} on {host}, where {who} would listen, is taken: {why}. Stop what listens there (another "
                "`rasti up`?), or choose another port: {remedy}",
                port=port,
                host=HOST,
                who=who,
                why=error.strerror,
                remedy=remedy,
            ) from error


def _migrate(settings: "Settings") -> None:
    from models.engine import open_engine
    from models.upgrade import upgrade_database
    from rasti.ledger.book import usable_database

    engine = open_engine(settings.database)
    try:
        with usable_database():
            upgrade_database(engine)
    finally:
        engine.dispose()


def _environment(settings: "Settings", port: int, mail_port: int | None) -> dict[str, str]:
    """What the processes need to know: absolute paths, and a Prefect of our own that talks to nobody."""
    ours = {
        "RASTI_HOME": str(settings.home.resolve()),
        "RASTI_PROGRAMME": str(settings.programme.resolve()),
        **prefect_environment(settings.home.resolve(), port),
    }
    if mail_port is not None:
        ours["RASTI_SMTP_URL"] = f"smtp://{HOST}:{mail_port}"
    password = os.environ.get("PREFECT_SERVER_API_AUTH_STRING")
    if password:
        ours["PREFECT_API_AUTH_STRING"] = password  # whoever protects the server lets us in
    return {name: value for name, value in os.environ.items() if name != "PREFECT_PROFILE"} | ours


def prefect_environment(home: Path, port: int) -> dict[str, str]:
    """How a Prefect server of our own, with its database in `home`, has to be, and how everybody finds it."""
    return {
        "PREFECT_HOME": str(home / "prefect"),
        "PREFECT_API_URL": f"http://{HOST}:{port}/api",
        "PREFECT_SERVER_API_HOST": HOST,
        "PREFECT_SERVER_API_PORT": str(port),
        "PREFECT_DEFAULT_WORK_POOL_NAME": POOL,
        # Its own place is inside the installed package, which may be read-only: then there would be no UI.
        "PREFECT_UI_STATIC_DIRECTORY": str(home / "prefect" / "ui"),
        "PREFECT_SERVER_ANALYTICS_ENABLED": "false",
        "PREFECT_SERVER_UI_SHOW_PROMOTIONAL_CONTENT": "false",
        "DO_NOT_TRACK": "1",
        "PREFECT_CLIENT_SERVER_VERSION_CHECK_ENABLED": "false",
        # SQLite has one writer: wait for it longer, and leave out what we do not use.
        "PREFECT_SERVER_DATABASE_TIMEOUT": "30",
        "PREFECT_SERVER_DATABASE_CONNECTION_TIMEOUT": "30",
        "PREFECT_SERVER_SERVICES_TRIGGERS_ENABLED": "false",
        "PREFECT_SERVER_SERVICES_DB_VACUUM_ENABLED": "events,flow_runs",
        "PREFECT_SERVER_DEPLOYMENTS_CONCURRENCY_SLOT_WAIT_SECONDS": "5",
        "PREFECT_WORKER_QUERY_SECONDS": "2",
        "PYTHONUNBUFFERED": "1",
        # The deployments' pull step, for a stock worker.
        "PWD": str(Path.cwd()),
    }


def server_command(port: int) -> tuple[str, ...]:
    """The arguments of `python -m` that start the Prefect server."""
    return ("rasti.cli.prefect_server", "server", "start", "--host", HOST, "--port", str(port))


def worker_command(name: str = "rasti") -> tuple[str, ...]:
    """The arguments of `python -m` that start a warm worker."""
    return ("prefect", "worker", "start", "--pool", POOL, "--type", WORKER_TYPE, "--name", name)


def deploy_command() -> tuple[str, ...]:
    """The arguments of `python -m` that apply prefect.yaml."""
    return ("prefect", "--no-prompt", "deploy", "--all", "--prefect-file", str(PROJECT / "prefect.yaml"))


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind((HOST, 0))
        port: int = probe.getsockname()[1]
        return port

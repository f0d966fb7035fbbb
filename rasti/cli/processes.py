"""Processes that `rasti up` starts and, whatever happens, stops."""

import contextlib
import ctypes
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from types import TracebackType

from rasti.errors import Unavailable

GRACE = 15.0  # seconds for a process to end by itself
_TAIL = 15  # lines of a log shown when its process failed
_DIE_WITH_PARENT = 1  # prctl(PR_SET_PDEATHSIG)
_libc = ctypes.CDLL(None) if sys.platform == "linux" else None


class Child:
    """A process in a group of its own, so that Ctrl-C reaches us alone and its own children end with it."""

    def __init__(self, name: str, command: Sequence[str], environment: Mapping[str, str], log: Path) -> None:
        self.name, self.log, self._command, self._environment = name, log, command, environment
        if log.exists():
            log.replace(log.with_suffix(".old.log"))
        with log.open("wb") as output:
            self._process = subprocess.Popen(
                command,
                env=environment,
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
                start_new_session=True,
                preexec_fn=_end_with_parent if _libc else None,
            )

    @property
    def pid(self) -> int:
        return self._process.pid

    def is_running(self) -> bool:
        return self._process.poll() is None

    def check(self) -> None:
        """Raises Unavailable, with the end of its log: the process has ended."""
        status = self._process.poll()
        if status is not None:
            raise Unavailable(
                "{name} has stopped (status {status}). The end of its log {log}:\n{tail}",
                name=self.name,
                status=status,
                log=self.log,
                tail=_tail(self.log),
            )

    def again(self) -> "Child":
        """The same command anew; this one has ended."""
        return Child(self.name, self._command, self._environment, self.log)

    def terminate(self) -> None:
        self._signal(signal.SIGTERM)

    def wait_or_kill(self, deadline: float) -> None:
        """Wait until `deadline` (monotonic) for its end, then kill it and whatever it has started."""
        with contextlib.suppress(subprocess.TimeoutExpired):
            self._process.wait(max(0.1, deadline - time.monotonic()))
        self._signal(signal.SIGKILL)
        self._process.wait()

    def _signal(self, number: int) -> None:
        # The group outlives its leader as long as one of its processes does.
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.killpg(self.pid, number)


class Children:
    """All processes of one `rasti up`; leaving the context stops them, the last started first."""

    def __init__(self, environment: Mapping[str, str], logs: Path) -> None:
        self._environment, self._logs = environment, logs
        self._started: list[list[Child]] = []
        logs.mkdir(parents=True, exist_ok=True)

    def start(self, name: str, *arguments: str, together: bool = False) -> Child:
        """Start `python -m ARGUMENTS...`; `together` with the one before: they are stopped at the same time."""
        log = self._logs / f"{name.lower().replace(' ', '-')}.log"
        child = Child(name, [sys.executable, "-m", *arguments], self._environment, log)
        if together:
            self._started[-1].append(child)
        else:
            self._started.append([child])
        return child

    def run(self, name: str, *arguments: str) -> Path:
        """Run a command to its end; its log. Raises Unavailable: it failed."""
        child = self.start(name, *arguments)
        child._process.wait()
        self._started.pop()
        if child._process.returncode:
            child.check()
        return child.log

    def restart(self, name: str) -> None:
        """Stop a process and start it again."""
        for group in self._started:
            for place, child in enumerate(group):
                if child.name == name:
                    child.terminate()
                    child.wait_or_kill(time.monotonic() + GRACE)
                    group[place] = child.again()

    def check(self) -> None:
        """Raises Unavailable: one of them has stopped by itself."""
        for group in self._started:
            for child in group:
                child.check()

    def until(self, holds: Callable[[], bool], what: str, *, seconds: float = 60) -> None:
        """Wait until something holds. Raises Unavailable: a process stopped, or it took too long."""
        deadline = time.monotonic() + seconds
        while not holds():
            self.check()
            if time.monotonic() > deadline:
                raise Unavailable(
                    "{what} was not ready after {seconds:.0f} seconds: see the logs in {logs}.",
                    what=what,
                    seconds=seconds,
                    logs=self._logs,
                )
            time.sleep(0.1)

    def stop(self) -> None:
        """Stop all of them, the last started first, each group at once."""
        while self._started:
            group = self._started[-1]
            for child in group:
                child.terminate()
            deadline = time.monotonic() + GRACE
            for child in group:
                child.wait_or_kill(deadline)
            self._started.pop()

    def __enter__(self) -> "Children":
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()


def _end_with_parent() -> None:
    # Also when we are killed and can stop nobody any more.
    if _libc is not None:
        _libc.prctl(_DIE_WITH_PARENT, signal.SIGTERM)


def _tail(log: Path) -> str:
    return "\n".join(log.read_text(encoding="utf-8", errors="replace").splitlines()[-_TAIL:])

"""Processes that a benchmark starts and stops, and what they use."""

import os
import signal
import socket
import subprocess
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from itertools import count
from pathlib import Path

import httpx

_TICK = os.sysconf("SC_CLK_TCK")
_logs = count(1)


def free_port() -> int:
    """A port on which nobody listens now."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@contextmanager
def running(
    command: Sequence[str | Path], environment: Mapping[str, str], folder: Path, *, cwd: Path | None = None
) -> Iterator[subprocess.Popen[bytes]]:
    """A process with its log in `folder`; ended afterwards. Says so if it ended by itself."""
    log = folder / f"{next(_logs)}-{Path(command[0]).name}.log"
    with log.open("wb") as output:
        process = subprocess.Popen(command, env=environment, stdout=output, stderr=output, cwd=cwd)
        try:
            yield process
        finally:
            if process.poll() is not None:
                print(f"{' '.join(map(str, command))} ended: {log.read_text(errors='replace')[-2000:]}")
            process.send_signal(signal.SIGTERM)
            try:
                process.wait(20)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()


def cpu_seconds(pid: int) -> float:
    """Processor time of a process and all its children, also ended ones; 0 where the system does not tell."""
    stat = Path(f"/proc/{pid}/stat")
    try:
        fields = stat.read_text().rpartition(")")[2].split()
    except (FileNotFoundError, ProcessLookupError):
        return 0.0
    return sum(map(int, fields[11:15])) / _TICK + sum(map(cpu_seconds, _children(pid)))


def busy_seconds() -> float:
    """Seconds that this machine's processors have worked so far, for whomever; 0 where the system does not tell."""
    stat = Path("/proc/stat")
    if not stat.exists():
        return 0.0
    user, nice, system, _idle, _waiting, *interrupts = map(int, stat.read_text().split()[1:9])
    return (user + nice + system + sum(interrupts)) / _TICK


def memory(pid: int) -> float:
    """Megabytes of a process and its running children, shared pages counted once; 0 where the system does not tell."""
    try:
        lines = Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines()
    except (FileNotFoundError, ProcessLookupError, PermissionError):
        return 0.0
    own = next(int(line.split()[1]) for line in lines if line.startswith("Pss:")) / 1024
    return own + sum(map(memory, _children(pid)))


def _children(pid: int) -> list[int]:
    children: list[int] = []
    for task in Path(f"/proc/{pid}/task").glob("*/children"):
        try:
            children += map(int, task.read_text().split())
        except (FileNotFoundError, ProcessLookupError):
            continue
    return children


def answers(url: str) -> bool:
    """Whether something answers there with success."""
    try:
        return httpx.get(url, timeout=5).is_success
    except httpx.HTTPError:
        return False


def until(holds: Callable[[], bool], patience: float, *, every: float = 0.05) -> bool:
    """Wait until something holds, asking `every` so many seconds; whether it did within `patience`."""
    deadline = time.monotonic() + patience
    while not holds():
        if time.monotonic() > deadline:
            return False
        time.sleep(every)
    return True


def wait_until(holds: Callable[[], bool], patience: float, what: str) -> None:
    """The same for what has to hold. Raises SystemExit: it did not in time."""
    if not until(holds, patience):
        raise SystemExit(f"{what}: not after {patience:g} s")

"""Processes that a benchmark starts and stops."""

import os
import socket
import subprocess
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path


def free_port() -> int:
    """A port on which nobody listens now."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@contextmanager
def running(command: Sequence[str], environment: Mapping[str, str], folder: Path) -> Iterator[subprocess.Popen[bytes]]:
    """A process with its log in `folder`; ended afterwards. Says so if it ended by itself."""
    log = folder / f"{Path(command[0]).name}-{command[1].strip('-')}.log"
    with log.open("wb") as output:
        process = subprocess.Popen(command, env=environment, stdout=output, stderr=output)
        try:
            yield process
        finally:
            if process.poll() is not None:
                print(f"{' '.join(command)} ended: {log.read_text(errors='replace')[-2000:]}")
            process.terminate()
            process.wait(20)


def cpu_seconds(process: subprocess.Popen[bytes]) -> float:
    """The processor time it has used; 0 where the system does not tell (it is Linux that does)."""
    stat = Path(f"/proc/{process.pid}/stat")
    if not stat.exists():
        return 0.0
    fields = stat.read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def wait_until(holds: Callable[[], bool], patience: float, what: str | None) -> float:
    """Seconds until something holds; without a name for it, no longer than `patience`, else SystemExit then."""
    began = time.monotonic()
    while not holds():
        if time.monotonic() - began > patience:
            if what is None:
                break
            raise SystemExit(f"{what}: not after {patience:g} s")
        time.sleep(0.05)
    return time.monotonic() - began

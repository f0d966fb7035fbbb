"""What the processes of a chaos run use of the machine, as Linux tells it."""

import os
from collections import defaultdict
from collections.abc import Iterable
from pathlib import Path

_TICKS = os.sysconf("SC_CLK_TCK")


def family(pid: int) -> list[int]:
    """A process and everything it has started, itself first."""
    children = defaultdict(list)
    for process in Path("/proc").glob("[0-9]*"):
        stat = _stat(int(process.name))
        if stat:
            children[int(stat[1])].append(int(process.name))
    found = [pid]
    for member in found:
        found += children[member]
    return found


def cpu_seconds(pids: Iterable[int]) -> float:
    """The processor time of these processes and of those of their children that have ended."""
    ticks = (sum(map(int, stat[11:15])) for stat in map(_stat, pids) if stat)
    return sum(ticks) / _TICKS


def _stat(pid: int) -> list[str]:
    """The fields behind the name, state first; empty: there is no such process."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    except OSError:
        return []

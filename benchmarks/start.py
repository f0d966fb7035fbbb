"""How long the command line takes to start."""

import statistics
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from pathlib import Path

from benchmarks.figures import Figure, at_most

RASTI = Path(sys.executable).with_name("rasti")


def figures(quick: bool) -> Iterator[Figure]:
    """`rasti --help` against a Python that does nothing, interleaved; medians."""
    times = 5 if quick else 15
    rounds = [(_seconds([RASTI, "--help"]), _seconds([sys.executable, "-c", ""])) for _time in range(times)]
    ours, bare = (statistics.median(column) for column in zip(*rounds, strict=True))
    yield Figure("start of `rasti --help` / bare Python, s", ours, bare, at_most(0.3))


def _seconds(command: Sequence[str | Path]) -> float:
    began = time.perf_counter()
    subprocess.run(command, check=True, stdout=subprocess.DEVNULL)
    return time.perf_counter() - began

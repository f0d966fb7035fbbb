"""rasti and what a user could pick instead, side by side in one run on one machine.

`python -m benchmarks [--quick] [--section NAME]` prints one line a figure, separated by tabs:
name, ours, reference, ratio, goal, ok or short. Without --quick the sizes are those of `RESULTS.md`, and what was
measured is appended to it.
"""

import argparse
import sys
import time
from collections.abc import Callable, Iterator
from importlib import import_module

from benchmarks.figures import Figure
from benchmarks.results import append

# Short ones first. Each module has `figures(quick)`.
SECTIONS = {
    "start": "benchmarks.start",
    "ingest": "benchmarks.ingest",
    "ranking": "benchmarks.ranking",
    "timers": "benchmarks.timers",
    "flow-runs": "benchmarks.flow_runs",
    "prefect-servers": "benchmarks.prefect_servers",
    "pages": "benchmarks.pages",
    "scaling": "benchmarks.scaling",
    "handover": "benchmarks.handover",
}


def main() -> int:
    """Measure the sections that are asked for."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--section", choices=SECTIONS, help="only this one")
    parser.add_argument("--quick", action="store_true", help="small sizes, under five minutes, nothing is written")
    wanted = parser.parse_args()
    for name in [wanted.section] if wanted.section else SECTIONS:
        began = time.monotonic()
        measure: Callable[[bool], Iterator[Figure]] = import_module(SECTIONS[name]).figures
        found: list[Figure] = []
        try:
            for figure in measure(wanted.quick):
                print(figure.line(), flush=True)
                found.append(figure)
        finally:  # each figure stands for itself: what was measured is kept when a later one breaks off
            took = time.monotonic() - began
            print(f"{name}: {took:.0f} s", file=sys.stderr, flush=True)
            if found and not wanted.quick:
                append(name, found, took)
    return 0


if __name__ == "__main__":
    sys.exit(main())

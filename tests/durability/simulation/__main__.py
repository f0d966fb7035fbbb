"""`make simulate`: many schedules, or one that replays.

    python -m tests.durability.simulation [--schedules N] [--seed N] [--steps N] [--postgres N] [--least N] [--jobs N]

Without --seed the schedules 1 to N are played, and the counts of transitions and faults are printed; a broken one is
printed with its seed and its steps. --seed plays one and prints every step. --postgres N plays N of them on PostgreSQL.
--least N: every transition and fault must have happened N times (default: one for 30 schedules, at most 100).
"""

import argparse
import logging
import multiprocessing
import os
import statistics
import sys
import time
from collections import Counter
from functools import partial

from tests.durability.simulation.coverage import EVENTS, FAULTS
from tests.durability.simulation.play import play
from tests.durability.simulation.schedule import Outcome

PART = 50  # schedules that a process plays before it takes the next ones


def _parts(seeds: list[int]) -> list[list[int]]:
    return [seeds[start : start + PART] for start in range(0, len(seeds), PART)]


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--schedules", type=int, default=1000)
    parser.add_argument("--seed", type=int)
    parser.add_argument("--steps", type=int)
    parser.add_argument("--postgres", type=int, default=0)
    parser.add_argument("--least", type=int)
    parser.add_argument("--jobs", type=int, default=os.cpu_count() or 1)
    asked = parser.parse_args()
    logging.disable()  # what the loops report of every fault
    if asked.seed is not None:
        return _replay(play([asked.seed], steps=asked.steps, postgres=bool(asked.postgres))[0])
    began = time.monotonic()
    outcomes: list[Outcome] = []
    with multiprocessing.get_context("spawn").Pool(asked.jobs, initializer=logging.disable) as pool:
        seeds = list(range(1, asked.schedules + 1))
        on_sqlite, on_postgres = seeds[asked.postgres :], seeds[: asked.postgres]
        for part, postgres in ((on_postgres, True), (on_sqlite, False)):
            for played in pool.imap_unordered(partial(play, steps=asked.steps, postgres=postgres), _parts(part)):
                outcomes += played
    return _report(outcomes, asked.least, len(on_postgres), time.monotonic() - began)


def _replay(outcome: Outcome) -> int:
    print("\n".join(outcome.trace))
    print("\n".join(outcome.complaints) or f"seed {outcome.seed}: {outcome.steps} steps, all invariants hold")
    return int(bool(outcome.complaints))


def _report(outcomes: list[Outcome], least: int | None, on_postgres: int, seconds: float) -> int:
    events, counts, crashes = Counter[str](), Counter[str](), Counter[str]()
    for outcome in outcomes:
        events += outcome.events
        counts += outcome.counts
        crashes += outcome.crashes
    least = min(100, len(outcomes) // 30) if least is None else least
    rare = _table("transition", {event: events[event] for event in EVENTS}, least)
    rare += _table("fault", {fault: counts[f"fault: {fault}"] for fault in FAULTS}, least)
    _table("killed at", dict(sorted(crashes.items())), 0)
    broken = [outcome for outcome in outcomes if outcome.complaints]
    for outcome in sorted(broken, key=lambda outcome: outcome.seed)[:5]:
        print(f"\nseed {outcome.seed} (make simulate SEED={outcome.seed}):")
        print("\n".join(outcome.complaints))
    median = statistics.median(len(outcome.trace) for outcome in outcomes)
    steps = statistics.median(outcome.steps for outcome in outcomes)
    print(
        f"\n{len(outcomes)} schedules ({on_postgres} on PostgreSQL), median {steps:.0f} steps ({median:.0f} lines with "
        f"faults and what happened meanwhile), {seconds:.0f} s: {len(broken)} broken"
    )
    if rare:
        print(f"Less than {least} times: {', '.join(rare)}")
    return int(bool(broken or rare))


def _table(title: str, rows: dict[str, int], least: int) -> list[str]:
    """Print a table; the rows that were seen too rarely."""
    print(f"\n{title:44}{'times':>8}")
    for name, count in rows.items():
        print(f"{name:44}{count:>8}")
    return [name for name, count in rows.items() if count < least]


if __name__ == "__main__":
    sys.exit(main())

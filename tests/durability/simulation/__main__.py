"""`make simulate`: many schedules, or one that replays.

    python -m tests.durability.simulation [--schedules N] [--seed N] [--steps N] [--postgres N] [--least N] [--jobs N]

Without --seed the schedules 1 to N are played, and the counts of transitions and faults are printed, and the seeds of
broken ones. --seed plays one and prints every step. --postgres N plays the first N of them on PostgreSQL.
Exit status 1: a schedule is broken, a transition or fault happened less than --least times (default: one for ten
schedules, at most 100), or the median length is less than 20 steps.
"""

import argparse
import logging
import multiprocessing
import os
import statistics
import sys
import time
from collections import Counter
from concurrent.futures import ProcessPoolExecutor, as_completed

from tests.durability.simulation.coverage import EVENTS, FAULTS
from tests.durability.simulation.play import begin, play
from tests.durability.simulation.schedule import Outcome

SHORTEST = 20  # steps, the median
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
    if asked.seed is not None:
        logging.disable()
        return _replay(play([asked.seed], steps=asked.steps, postgres=bool(asked.postgres))[0])
    began = time.monotonic()
    outcomes: list[Outcome] = []
    seeds = list(range(1, asked.schedules + 1))
    on_sqlite, on_postgres = seeds[asked.postgres :], seeds[: asked.postgres]
    with ProcessPoolExecutor(asked.jobs, multiprocessing.get_context("spawn"), initializer=begin) as pool:
        played = [pool.submit(play, part, steps=asked.steps, postgres=True) for part in _parts(on_postgres)]
        played += [pool.submit(play, part, steps=asked.steps) for part in _parts(on_sqlite)]
        for part in as_completed(played):
            outcomes += part.result()
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
    least = min(100, len(outcomes) // 10) if least is None else least
    rare = _table("transition", {event: events[event] for event in EVENTS}, least)
    rare += _table("fault", {fault: counts[f"fault: {fault}"] for fault in FAULTS}, least)
    _table("killed at", dict(sorted(crashes.items())), 0)
    broken = [outcome for outcome in outcomes if outcome.complaints]
    broken.sort(key=lambda outcome: outcome.seed)
    for outcome in broken[:5]:
        server = " POSTGRES=1" if outcome.seed <= on_postgres else ""
        print(f"\nseed {outcome.seed} (make simulate SEED={outcome.seed}{server}):")
        print("\n".join(outcome.complaints))
    if broken[5:]:
        print(f"\nand seeds {', '.join(str(outcome.seed) for outcome in broken[5:])}")
    median = statistics.median(len(outcome.trace) for outcome in outcomes)
    steps = statistics.median(outcome.steps for outcome in outcomes)
    print(
        f"\n{len(outcomes)} schedules ({on_postgres} on PostgreSQL), median {steps:.0f} steps ({median:.0f} lines with "
        f"faults and what happened meanwhile), {seconds:.0f} s: {len(broken)} broken"
    )
    if rare:
        print(f"Less than {least} times: {', '.join(rare)}")
    return int(bool(broken or rare) or steps < SHORTEST)


def _table(title: str, rows: dict[str, int], least: int) -> list[str]:
    """Print a table; the rows that were seen too rarely."""
    print(f"\n{title:44}{'times':>8}")
    for name, count in rows.items():
        print(f"{name:44}{count:>8}")
    return [name for name, count in rows.items() if count < least]


if __name__ == "__main__":
    sys.exit(main())

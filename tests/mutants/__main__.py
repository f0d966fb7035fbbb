"""`make mutants`: one table of every mutant, and by what it was noticed.

    python -m tests.mutants [--jobs N] [D12 I3 ...]

A rule's mutant (D) has to turn its test red. An invariant's mutant (I) has to turn the durability checker red under
that invariant, after a long schedule of one of the seeds 1 to 6; the same schedules without a mutant have to be
green. Exit status 1: a mutant survived.
"""

import argparse
import re
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from tests.mutants.copies import patched_copy, run
from tests.mutants.invariants import INVARIANTS, InvariantMutant
from tests.mutants.rules import RULES, RuleMutant

SEEDS, STEPS = range(1, 7), 1500


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("names", nargs="*", help="rules and invariants (none: all)")
    parser.add_argument("--jobs", type=int, default=1)
    asked = parser.parse_args()
    rules = [mutant for mutant in RULES if not asked.names or mutant.rule in asked.names]
    invariants = [mutant for mutant in INVARIANTS if not asked.names or mutant.invariant in asked.names]
    began, survived = time.monotonic(), 0
    with ThreadPoolExecutor(asked.jobs) as pool:
        healthy = pool.submit(_healthy) if invariants else None
        tried = [(mutant.rule, _words(mutant), pool.submit(_notice, mutant)) for mutant in rules]
        tried += [(mutant.invariant, mutant.what, pool.submit(_find, mutant)) for mutant in invariants]
        for name, what, found in tried:
            noticed_by = found.result()
            survived += noticed_by is None
            print(f"{name:4} {'SURVIVED' if noticed_by is None else noticed_by:26} {what}", flush=True)
        if healthy is not None:
            print(f"{'none':4} {healthy.result():26} nothing is changed")
    print(f"{len(tried)} mutants, {survived} survived, {time.monotonic() - began:.0f} s")
    return min(survived, 1)


def _words(mutant: RuleMutant) -> str:
    return f"{mutant.file}: {mutant.old.strip().splitlines()[0]}"


def _notice(mutant: RuleMutant) -> str | None:
    """Run its test with the changed line, on SQLite, which is quicker. None: the test stays green."""
    with patched_copy([(mutant.file, mutant.old, mutant.new)]) as folder:
        done = run(folder, "pytest", "-x", "-q", "-p", "no:cacheprovider", "-m", "not postgres", mutant.test)
    if done.returncode not in (0, 1):
        raise SystemExit(f"{mutant.test} could not be run:\n{done.stdout[-3000:]}")
    return "red: its test" if done.returncode == 1 else None


def _find(mutant: InvariantMutant) -> str | None:
    """The first seed under which the invariant is broken, and what else is. None: none of the seeds."""
    with patched_copy(mutant.patches) as folder:
        for seed in SEEDS:
            broken = _broken(folder, seed)
            if mutant.invariant in broken:
                return f"red: seed {seed}, {' '.join(broken)}"
    return None


def _healthy() -> str:
    with patched_copy([]) as folder:
        for seed in SEEDS:
            broken = _broken(folder, seed)
            if broken:
                raise SystemExit(f"seed {seed} breaks {broken} without any mutant: the mutants prove nothing")
    return f"green: seeds {SEEDS[0]} to {SEEDS[-1]}"


def _broken(folder: Path, seed: int) -> list[str]:
    """The invariants that a long schedule of this seed breaks."""
    played = run(folder, "tests.durability.simulation", "--seed", str(seed), "--steps", str(STEPS))
    if played.returncode and not re.search(r"^I\d+: ", played.stdout, re.MULTILINE):
        raise SystemExit(f"seed {seed} could not be played:\n{played.stdout[-1000:]}{played.stderr[-3000:]}")
    return sorted(set(re.findall(r"^(I\d+): ", played.stdout, re.MULTILINE)), key=lambda name: int(name[1:]))


if __name__ == "__main__":
    sys.exit(main())

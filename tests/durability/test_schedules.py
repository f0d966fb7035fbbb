"""A thousand seeded schedules of faults, as `make simulate` plays them."""

import os
import subprocess
import sys

import pytest

from tests.conftest import ROOT

SCHEDULES, ON_POSTGRES = 1000, 20


@pytest.mark.postgres
@pytest.mark.usefixtures("postgres_databases")  # without a server it is skipped, in CI it fails
@pytest.mark.timeout(1800)
def test_a_thousand_schedules_break_nothing_and_meet_every_transition_and_fault_a_hundred_times() -> None:
    numbers = {"schedules": SCHEDULES, "postgres": ON_POSTGRES, "least": 100, "jobs": os.cpu_count() or 1}
    played = subprocess.run(
        [sys.executable, "-m", "tests.durability.simulation", *(f"--{name}={n}" for name, n in numbers.items())],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )
    print(played.stdout)  # the table; pytest shows it with `-rP` also when all is well
    assert played.returncode == 0, played.stdout + played.stderr
    assert f"\n{SCHEDULES} schedules ({ON_POSTGRES} on PostgreSQL), median " in played.stdout


def test_too_few_of_anything_is_an_error() -> None:
    played = subprocess.run(
        [sys.executable, "-m", "tests.durability.simulation", "--schedules", "1", "--least", "1", "--jobs", "1"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )
    assert played.returncode == 1
    assert "\nLess than 1 times: " in played.stdout

"""A short chaos run: Prefect, workers, stewards, portals, PostgreSQL and mail server die while leads arrive."""

import re
import subprocess
import sys

from tests.e2e.prefect_server import ROOT

SECONDS, RATE, LEAST = 40, 6, 60  # a machine that does much else at once still hands over a quarter of the leads


def test_whatever_is_killed_all_ten_invariants_hold() -> None:
    run = subprocess.run(
        [
            *(sys.executable, "-m", "tests.durability.chaos"),
            *("--seconds", str(SECONDS), "--seed", "1", "--rate", str(RATE), "--least", str(LEAST)),
        ],
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=600,
        check=False,
    )
    told = run.stdout + run.stderr
    assert run.returncode == 0, told
    assert re.findall(r"^(I\d+)\tok\t", run.stdout, re.MULTILINE) == [f"I{number}" for number in range(1, 11)], told
    killed = re.search(r"^killed +(.*)$", run.stdout, re.MULTILINE)
    assert killed is not None, told
    assert {name.partition(" ")[0] for name in killed[1].split(", ")} >= {"prefect", "worker-1", "worker-2"}

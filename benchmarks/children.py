"""A process that is started for one measurement, with its answer and the most memory it took."""

import json
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from benchmarks.peers_venv import PYTHON as PEER

ROOT = Path(__file__).resolve().parent.parent


@dataclass(frozen=True)
class Child:
    """What a process printed as JSON."""

    answer: dict[str, Any]

    @property
    def seconds(self) -> float:
        """What it timed itself: without its start."""
        return float(self.answer["seconds"])

    @property
    def peak(self) -> float:
        """The most memory it took, in MB, without that of a database server."""
        return float(self.answer["peak"])


def run_ours(module: str, *words: str | Path) -> Child:
    """A module of ours. Raises SystemExit: it failed."""
    child = _run([sys.executable, "-m", module, *map(str, words)])
    if child is None:
        raise SystemExit(f"{module} {words[0]} failed")
    return child


def run_peer(module: str, *words: str | Path) -> Child | None:
    """A module in the environment of the peers; None: it does not start, or failed."""
    return _run([str(PEER), "-m", module, *map(str, words)]) if PEER.exists() else None


def _run(command: Sequence[str]) -> Child | None:
    done = subprocess.run(command, cwd=ROOT, stdout=subprocess.PIPE, text=True, check=False)
    return None if done.returncode else Child(json.loads(done.stdout))

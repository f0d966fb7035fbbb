"""The environment of the peers: `make bench` builds .venv-bench from `peers/requirements.txt`."""

import subprocess
from functools import cache
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
PYTHON = ROOT / ".venv-bench/bin/python"
PREFECT_REDIS = ROOT / ".venv-bench/prefect-redis"  # a folder for PYTHONPATH: it runs beside the Prefect of rasti


@cache
def peer_version(package: str) -> str | None:
    """The installed version of a peer; None: it is not installed."""
    if not PYTHON.exists():
        return None
    code = f"from importlib.metadata import version; print(version({package!r}))"
    found = subprocess.run([PYTHON, "-c", code], capture_output=True, text=True, check=False)
    return found.stdout.strip() or None

"""A real Chromium: an installed one, else Playwright's own, else Debian's package where we may install it."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

from playwright.sync_api import Playwright

_NAMES = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")
# As root it has no sandbox; the rest keeps it from talking to anybody.
ARGUMENTS = [
    *(["--no-sandbox"] if hasattr(os, "geteuid") and os.geteuid() == 0 else []),
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]


def find_chromium(playwright: Playwright) -> Path:
    """The executable. Raises RuntimeError: there is none, and none can be had."""
    found = _installed() or _own(playwright)
    if found is None:
        _run([sys.executable, "-m", "playwright", "install", "chromium"])
        found = _own(playwright)
    if found is None and os.geteuid() == 0 and shutil.which("apt-get"):
        _run(["apt-get", "update", "-qq"])
        _run(["apt-get", "install", "-y", "-qq", "--no-install-recommends", "chromium"])
        found = _installed()
    if found is None:
        raise RuntimeError("no Chromium: install one (Debian: chromium), or `python -m playwright install chromium`")
    return found


def _installed() -> Path | None:
    return next((Path(path) for name in _NAMES if (path := shutil.which(name))), None)


def _own(playwright: Playwright) -> Path | None:
    path = Path(playwright.chromium.executable_path)
    return path if path.exists() else None


def _run(command: list[str]) -> None:
    environment = os.environ | {"DEBIAN_FRONTEND": "noninteractive"}
    subprocess.run(command, check=False, capture_output=True, timeout=600, env=environment)

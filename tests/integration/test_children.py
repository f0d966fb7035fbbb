"""Processes that `rasti up` starts: one is started anew in its place."""

import os
from pathlib import Path

from rasti.cli.processes import Children

SLEEPER = ("http.server", "0", "--bind", "127.0.0.1")


def test_a_process_is_started_anew_in_its_place(tmp_path: Path) -> None:
    with Children(dict(os.environ), tmp_path) as children:
        first = children.start("Server", *SLEEPER)
        other = children.start("Other", *SLEEPER, together=True)
        children.restart("Server")
        assert not first.is_running()
        assert other.is_running()
        children.check()
    assert not other.is_running()

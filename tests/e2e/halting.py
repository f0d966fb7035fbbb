"""Holds a process at a function of its own, between two of its steps, until the test lets it go or kills it."""

from dataclasses import dataclass
from pathlib import Path

# Python imports a module of this name at its start, before anything of ours.
_SITECUSTOMIZE = """
import os, pathlib, threading, time

file, name = os.environ["HALT_AT"].split(":")
folder = pathlib.Path(os.environ["PYTHONPATH"])


def profile(frame, event, _argument):
    code = frame.f_code
    if event == "call" and code.co_name == name and code.co_filename.endswith(file) and not (folder / "there").exists():
        (folder / "there").touch()
        while not (folder / "go").exists():
            time.sleep(0.02)


threading.setprofile(profile)  # of every thread that is begun, and runs have threads of their own
"""


@dataclass(frozen=True)
class Halt:
    """The first thread that calls `at` (file:function) stops there."""

    folder: Path
    at: str

    @property
    def environment(self) -> dict[str, str]:
        """What the process has to be started with."""
        self.folder.mkdir(exist_ok=True)
        (self.folder / "sitecustomize.py").write_text(_SITECUSTOMIZE)
        return {"PYTHONPATH": str(self.folder), "HALT_AT": self.at}

    def is_there(self) -> bool:
        return (self.folder / "there").exists()

    def go(self) -> None:
        (self.folder / "go").touch()

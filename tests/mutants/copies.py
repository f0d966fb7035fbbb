"""A copy of the project in which something is changed; the project stays as it is."""

import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
COPIED = ("flows", "models", "rasti", "tasks", "tests", "examples", "programme.yaml", "pyproject.toml")

Patch = tuple[str, str, str]  # a file, what stands in it once, and what shall stand there


@contextmanager
def patched_copy(patches: Iterable[Patch]) -> Iterator[Path]:
    """A folder with all that is needed to run the tests, patched."""
    with tempfile.TemporaryDirectory(prefix="rasti-mutant-") as name:
        folder = Path(name)
        for part in COPIED:
            copy = shutil.copytree if (ROOT / part).is_dir() else shutil.copy2
            copy(ROOT / part, folder / part)
        for file, old, new in patches:
            text = (folder / file).read_text("utf-8")
            assert text.count(old) == 1, f"{file} has {old!r} {text.count(old)} times"
            (folder / file).write_text(text.replace(old, new), "utf-8")
        yield folder


def run(folder: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    """`python -m ...` with the code of the copy."""
    return subprocess.run(
        [sys.executable, "-m", *arguments],
        cwd=folder,
        env=os.environ | {"PYTHONPATH": str(folder), "PYTHONDONTWRITEBYTECODE": "1"},
        capture_output=True,
        text=True,
        check=False,
    )

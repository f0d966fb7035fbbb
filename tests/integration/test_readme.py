"""The example of the README works as it stands there, line by line."""

import os
import re
import subprocess
import sys
from pathlib import Path

from tests.conftest import ROOT


def test_the_example_of_the_readme_works(tmp_path: Path) -> None:
    """In a folder of its own, with the project's examples and `.venv` beside it."""
    (example,) = re.findall(r"```sh\n(\. \.venv/.*?)```", (ROOT / "README.md").read_text("utf-8"), re.DOTALL)
    (tmp_path / "examples").symlink_to(ROOT / "examples")
    binaries = Path(sys.executable).parent
    (tmp_path / ".venv" / "bin").mkdir(parents=True)
    (tmp_path / ".venv" / "bin" / "activate").write_text(f'PATH="{binaries}:$PATH"\n')
    done = subprocess.run(
        ["bash", "-eux", "-c", example], cwd=tmp_path, env=os.environ, capture_output=True, text=True, timeout=240
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert "D016" in done.stdout
    assert list((tmp_path / "var" / "dealers" / "mailbox").glob("*.eml"))

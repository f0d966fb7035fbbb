"""Writes what can be read off the program: docs/cli.md, and the table of settings in README.md.

`python -m docs.reference` writes; with `--check` it only says what is out of date (exit status 1).
"""

import os
import re
import sys
from collections.abc import Iterator
from pathlib import Path

# Help texts are translated when the modules are imported.
os.environ["RASTI_LANGUAGE"] = "en"

import click
import typer

from rasti.cli.main import build
from rasti.settings import Settings

ROOT = Path(__file__).resolve().parent.parent
WIDTH = 100
INTRODUCTION = """# Command line

Written by `make docs` from `rasti --help`; a test says when it is out of date.

Results go to stdout, everything else to stderr. `--json` prints JSON on stdout and nothing else. Exit status: 0 done,
1 refused by a rule (the message is on stderr, nothing was written), 2 wrong usage.
MONTH is always the reporting month; its leads come in the month after it.
"""


def cli_reference() -> str:
    """Every command with its help."""
    parts = [INTRODUCTION]
    for name, text in _helps("rasti", typer.main.get_command(build()), None):
        parts.append(f"## `{name}`\n\n```text\n{text}\n```\n")
    return "\n".join(parts)


def _helps(name: str, command: click.Command, parent: click.Context | None) -> Iterator[tuple[str, str]]:
    context = click.Context(
        command, parent=parent, info_name=name.split()[-1], terminal_width=WIDTH, max_content_width=WIDTH
    )
    yield name, "\n".join(line.rstrip() for line in command.get_help(context).splitlines())
    # Typer has a copy of click of its own: a group is told by what it has.
    for sub, found in getattr(command, "commands", {}).items():
        if not found.hidden:
            yield from _helps(f"{name} {sub}", found, context)


def settings_table() -> str:
    """Every setting with its default and meaning."""
    lines = ["| Setting | Default | Meaning |", "|---|---|---|"]
    for name, field in Settings.model_fields.items():
        default = "" if field.default in (None, "") else f"`{field.default}`"
        meaning = (field.description or "").replace("|", "\\|")
        lines.append(f"| `RASTI_{name.upper()}` | {default} | {meaning} |")
    return "\n".join(lines) + "\n"


def written() -> dict[Path, str]:
    """The files as they should be."""
    readme = ROOT / "README.md"
    block = re.compile(r"(<!-- settings -->\n).*?(<!-- /settings -->)", re.DOTALL)
    text, count = block.subn(lambda match: match[1] + settings_table() + match[2], readme.read_text("utf-8"))
    if count != 1:
        raise SystemExit("README.md needs one block <!-- settings --> ... <!-- /settings -->")
    return {ROOT / "docs" / "cli.md": cli_reference(), readme: text}


def main() -> int:
    """Write, or check; the exit status."""
    stale = [path for path, text in written().items() if not path.exists() or path.read_text("utf-8") != text]
    if "--check" in sys.argv[1:]:
        for path in stale:
            print(f"{path.relative_to(ROOT)} is out of date: run `make docs`.", file=sys.stderr)
        return 1 if stale else 0
    for path in stale:
        path.write_text(written()[path], "utf-8")
        print(f"wrote {path.relative_to(ROOT)}")
    return 0


if __name__ == "__main__":
    sys.exit(main())

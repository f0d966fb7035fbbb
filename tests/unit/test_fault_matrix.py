"""The fault matrix of docs/durability.md names tests, and each of them exists."""

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
TEXT = (ROOT / "docs" / "durability.md").read_text(encoding="utf-8")
ROWS = [line for line in TEXT.partition("## Fault matrix")[2].partition("\n## ")[0].splitlines() if "| " in line][2:]
COMPONENTS = {
    "portal",
    "steward",
    "PostgreSQL",
    "SQLite, disk",
    "SMTP",
    "Prefect server",
    "Prefect worker",
    "Prefect database",
    "clock",
    "operator, backup",
}


def test_every_component_has_its_faults() -> None:
    assert {row.split("|")[1].strip() for row in ROWS} == COMPONENTS


@pytest.mark.parametrize("row", ROWS, ids=lambda row: ":".join(cell.strip() for cell in row.split("|")[1:3]))
def test_every_fault_names_a_test_that_exists(row: str) -> None:
    named = re.findall(r"`([\w/]+\.py)::(\w+)`", row)
    assert named
    for file, test in named:
        assert f"\ndef {test}(" in (ROOT / "tests" / file).read_text(encoding="utf-8"), f"{file}::{test}"

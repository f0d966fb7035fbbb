"""What the documents say is so: the reference is current, links lead somewhere, rules name what exists."""

import importlib
import re
import subprocess
import sys
from pathlib import Path

import pytest

from tests.conftest import ROOT
from tests.durability.checker import INVARIANTS
from tests.mutants.invariants import INVARIANTS as INVARIANT_MUTANTS
from tests.mutants.invariants import InvariantMutant
from tests.mutants.rules import RULES, RuleMutant

DOCUMENTS = [ROOT / "README.md", ROOT / "CHANGELOG.md", *sorted((ROOT / "docs").rglob("*.md"))]


def test_the_reference_is_what_the_program_says() -> None:
    done = subprocess.run(
        [sys.executable, "-m", "docs.reference", "--check"], cwd=ROOT, capture_output=True, text=True, timeout=60
    )
    assert done.returncode == 0, done.stderr


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda path: str(path.relative_to(ROOT)))
def test_links_lead_somewhere(document: Path) -> None:
    for target in re.findall(r"\]\(([^)#\s]+)(?:#[^)]*)?\)", document.read_text("utf-8")):
        if "://" not in target:
            assert (document.parent / target).exists(), f"{document.name} links to {target}"


def _rows() -> list[list[str]]:
    """The rows of the table of rules: rule, what it says, code, tests."""
    lines = (ROOT / "docs" / "rules.md").read_text("utf-8").splitlines()
    return [[cell.strip() for cell in line.strip("|").split("|")] for line in lines if re.match(r"\| [RD]\d+ ", line)]


def test_every_rule_has_a_row() -> None:
    assert [row[0] for row in _rows()] == [*(f"R{n}" for n in range(1, 16)), *(f"D{n}" for n in range(1, 18))]


@pytest.mark.parametrize("row", _rows(), ids=lambda row: row[0])
def test_a_rule_names_code_and_tests_that_exist(row: list[str]) -> None:
    rule, _meaning, code, tests = row
    for name in re.findall(r"`([\w.]+)`", code):
        assert _found(name), f"{rule}: there is no {name}"
    named = re.findall(r"`(tests/[\w/]+\.py)::(\w+)`", tests)
    assert named or not rule.startswith("D"), f"{rule} names no test"
    for path, test in named:
        assert _is_test(path, test), f"{rule}: no {test} in {path}"


def test_every_decision_has_a_mutant() -> None:
    assert {mutant.rule for mutant in RULES} == {f"D{n}" for n in range(1, 18)}


def test_every_invariant_has_a_mutant() -> None:
    assert {mutant.invariant for mutant in INVARIANT_MUTANTS} == set(INVARIANTS)


@pytest.mark.parametrize("mutant", RULES, ids=lambda mutant: f"{mutant.rule}-{mutant.old.strip()[:30]}")
def test_a_mutant_changes_a_line_that_is_there_once(mutant: RuleMutant) -> None:
    assert (ROOT / mutant.file).read_text("utf-8").count(mutant.old) == 1
    assert _is_test(*mutant.test.split("::"))


@pytest.mark.parametrize("mutant", INVARIANT_MUTANTS, ids=lambda mutant: f"{mutant.invariant}-{mutant.what[:30]}")
def test_a_mutant_of_an_invariant_changes_what_is_there_once(mutant: InvariantMutant) -> None:
    for file, old, _new in mutant.patches:
        assert (ROOT / file).read_text("utf-8").count(old) == 1, f"{file}: {old}"


def _found(name: str) -> bool:
    """Whether a dotted name leads to something: a module's function, class, or a method of a class."""
    module, _, attribute = name.rpartition(".")
    try:
        return hasattr(importlib.import_module(module), attribute)
    except ModuleNotFoundError:
        module, _, owner = module.rpartition(".")
        return hasattr(getattr(importlib.import_module(module), owner), attribute)


def _is_test(path: str, test: str) -> bool:
    return re.search(rf"^\s*def {test}\(", (ROOT / path).read_text("utf-8"), re.MULTILINE) is not None


def test_the_reference_has_every_command_of_every_group() -> None:
    from docs.reference import cli_reference

    text = cli_reference()
    for command in ("rank", "lead assign", "messages resend", "db upgrade"):
        assert f"\n## `rasti {command}`\n" in text

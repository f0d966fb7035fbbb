"""Whatever needs a reason is wrong usage without one, or with a blank one: exit status 2, and nothing is written."""

from collections.abc import Iterator
from typing import Any

import pytest
import typer

from rasti.cli.main import build

from .play import Play
from .sandbox import ON_SQLITE

NOON = "2019-09-03 12:00"
# What stands for an argument or another option that is needed.
WORDS = {
    "month": "2019-08",
    "partner": "ALFA",
    "code": "ALFA",
    "name": "olga",
    "checkpoint": "1h",
    "id": "1",
    "lead": "1",
    "row": "1",
    "violation": "1",
    "double": "1",
    "issuer": "V",
    "keep": "both",
}
# Commands whose reason is needed with an option only.
WITH_AN_OPTION = {("activate",): ["--switch"], ("publish",): ["--allow-incomplete"]}
OPTIONAL = {("partners", "accept")}
DOCUMENTED = {
    ("quarantine", "resolve"),
    ("decline",),
    ("partners", "suspend"),
    ("partners", "resume"),
    ("lead", "assign"),
    ("lead", "close"),
    ("violation", "record"),
    ("violation", "reverse"),
    ("tenure", "switch"),
    ("operator", "disable"),
    ("token", "revoke"),
}


def commands(command: Any, path: tuple[str, ...] = ()) -> Iterator[tuple[tuple[str, ...], Any]]:
    """Every command of the tree, with its words."""
    if hasattr(command, "commands"):
        for name, inner in command.commands.items():
            yield from commands(inner, (*path, name))
    else:
        yield path, command


def reason_of(command: Any) -> Any:
    return next((param for param in command.params if "--reason" in param.opts), None)


WITH_A_REASON = {
    path: command for path, command in commands(typer.main.get_command(build())) if reason_of(command) is not None
}
NEEDED = sorted(set(WITH_A_REASON) - OPTIONAL)


def words_of(path: tuple[str, ...]) -> list[str]:
    """A call of the command, without its reason."""
    words = list(path)
    for param in WITH_A_REASON[path].params:
        if param.param_type_name == "option":
            if param.required and "--reason" not in param.opts:
                words += [param.opts[0], WORDS[param.name]]
        else:
            words.append(WORDS[param.name])
    return words + WITH_AN_OPTION.get(path, [])


def test_every_command_that_needs_a_reason_is_known_here() -> None:
    assert set(NEEDED) >= DOCUMENTED | set(WITH_AN_OPTION)
    required = {path for path, command in WITH_A_REASON.items() if reason_of(command).required}
    assert required == set(NEEDED) - set(WITH_AN_OPTION)


@ON_SQLITE
@pytest.mark.parametrize("path", NEEDED, ids=" ".join)
@pytest.mark.parametrize("reason", [[], ["--reason", ""], ["--reason", " \t "]], ids=["none", "empty", "blank"])
def test_without_a_reason_it_is_wrong_usage(september: Play, path: tuple[str, ...], reason: list[str]) -> None:
    september.at(NOON)
    with september.refusal("--reason", statuses=(2,)):
        september.do(*words_of(path), *reason)


@ON_SQLITE
@pytest.mark.parametrize("path", NEEDED, ids=" ".join)
def test_with_a_reason_it_is_understood(september: Play, path: tuple[str, ...]) -> None:
    """Done, or refused by a rule: the calls above fail for want of a reason alone."""
    september.at(NOON).lead()
    assert september.run(*words_of(path), "--reason", "because", at=NOON).status in (0, 1)


@ON_SQLITE
def test_a_reason_that_nobody_needs_may_be_left_out(september: Play) -> None:
    september.at(NOON)
    assert september.run("partners", "accept", "ALFA", at=NOON).status == 0
    assert september.run("activate", "2019-08", at=NOON).status == 0
    assert september.run("publish", "2019-08", at=NOON).status == 0

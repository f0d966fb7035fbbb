"""A process kills itself at each named point, is started again and asked again; then the checker looks."""

import multiprocessing
import os
import shutil
import signal
import time
from dataclasses import dataclass
from datetime import datetime, timedelta
from multiprocessing.context import ForkServerContext
from pathlib import Path

import pytest
import yaml

from tests.databases import SqliteDatabases
from tests.durability.checker import check, complaints
from tests.durability.evidence import JOURNALS, Evidence, read_journal, read_tables
from tests.durability.simulation.schedule import programme_text
from tests.durability.sweep.outside import append
from tests.durability.sweep.points import (
    HARMLESS,
    ROOT,
    SIDE_EFFECTS,
    all_points,
    public_names,
    side_effects,
    ways_past_the_clients,
)
from tests.durability.sweep.story import STORY, Life, calm, instant

POINTS = all_points()

# Where a change may break off, in the words of an operator; `complete_all` notes the runs that Prefect has scheduled.
KINDS = {
    "intake": "receive_lead",
    "claim": "claim",
    "SMTP's DATA": "mail",
    "delivery": "complete",
    "Prefect's call": "runs",
    "scheduling": "complete_all",
    "contact": "log_contact",
    "verdict": "judge_checkpoints",
    "violation": "record_violation",
    "fallback": "fall_back_all",
    "hand-over": "_hand_over_next",
    "ingest": "ingest_register",
    "ranking": "rank",
    "publication": "publish",
    "activation": "activate",
}


def live(url: str, folder: Path, step: int, point: str | None) -> None:
    """A process: does one step of the story; at its first pass of `point` it is gone."""

    def pass_point(name: str) -> None:
        if name == point:
            os.kill(os.getpid(), signal.SIGKILL)

    life = Life(url, folder, instant(step), pass_point)
    STORY[step][1](life)
    life.close()


def recover(url: str, folder: Path, step: int) -> None:
    """The next process: the step is asked for again, then the loops run for 90 seconds."""
    live(url, folder, step, None)
    life = Life(url, folder, instant(step))
    calm(life)
    life.close()


@dataclass
class Chapter:
    """How things stood before a step of the story: the database and what is outside."""

    folder: Path
    step: int


@dataclass
class Told:
    """The story told once without a fault: a copy before each step, and at which step each point is first passed."""

    chapters: list[Chapter]
    passed: dict[str, int]


@pytest.fixture(scope="module")
def context() -> ForkServerContext:
    """New processes quickly: forked from one that has everything imported."""
    server = multiprocessing.get_context("forkserver")
    server.set_forkserver_preload(["tests.durability.sweep.story"])
    return server


@pytest.fixture(scope="module")
def told(tmp_path_factory: pytest.TempPathFactory) -> Told:
    folder = tmp_path_factory.mktemp("story")
    database = SqliteDatabases(folder)
    now = folder / "now"
    now.mkdir()
    shutil.copyfile(database.template, now / "rasti.sqlite3")
    result = Told([], {})
    for step in range(len(STORY)):
        copy = folder / f"before-{step}"
        shutil.copytree(now, copy)
        result.chapters.append(Chapter(copy, step))
        points: list[str] = []
        life = Life(f"sqlite:///{now}/rasti.sqlite3", now, instant(step), points.append)
        STORY[step][1](life)
        life.close()
        for point in points:
            result.passed.setdefault(point, step)
    return result


def judge(url: str, folder: Path, now: datetime) -> list[str]:
    tables, _machine_time = read_tables(url)
    journals = {name: read_journal(folder / f"{name}.jsonl") for name in JOURNALS}
    return complaints(check(Evidence(tables, yaml.safe_load(programme_text()), now, **journals)))


def kill_and_recover(context: ForkServerContext, url: str, folder: Path, step: int, point: str) -> None:
    victim = context.Process(target=live, args=(url, folder, step, point))
    victim.start()
    victim.join()
    assert victim.exitcode == -signal.SIGKILL, f"{point} was not passed again: exit status {victim.exitcode}"
    append(folder / "faults.jsonl", {"at": time.time(), "component": "steward", "what": f"killed at {point}"})
    heir = context.Process(target=recover, args=(url, folder, step))
    heir.start()
    heir.join()
    assert heir.exitcode == 0, f"after {point} the step could not be done: exit status {heir.exitcode}"
    assert judge(url, folder, instant(step) + timedelta(seconds=91)) == []


def test_every_point_is_on_the_way_of_the_story(told: Told) -> None:
    assert [point for point in POINTS if point not in told.passed] == []


def test_the_page_about_durability_says_how_many_points_there_are() -> None:
    assert f"({len(POINTS)} at present)" in (ROOT / "docs" / "durability.md").read_text("utf-8")


@pytest.mark.parametrize("step", KINDS.values(), ids=KINDS)
def test_every_kind_of_step_has_a_point_before_and_after(step: str) -> None:
    places = {point.split(".")[1].split("_")[0] for point in POINTS if point.startswith(f"{step}.")}
    assert places == {"before", "after"}


def test_whatever_leaves_the_process_has_a_point_before_and_after() -> None:
    effects = side_effects()
    assert {call for _place, call, _before, _after in effects} == set(SIDE_EFFECTS)
    for place, call, before, after in effects:
        kind = SIDE_EFFECTS[call]
        assert before.startswith(f"{kind}.before_"), f"{call} in {place} has no point right before it"
        assert after == before.replace("before", "after"), f"{call} in {place} has no point right after it"


def test_whatever_the_clients_offer_is_known_to_leave_the_process_or_not() -> None:
    assert public_names() == SIDE_EFFECTS.keys() | HARMLESS.keys()


def test_nothing_leaves_the_process_past_the_clients_or_commits_past_the_book() -> None:
    assert ways_past_the_clients() == []


@pytest.mark.parametrize("point", POINTS)
def test_a_process_killed_at_any_point_loses_nothing(
    point: str, told: Told, context: ForkServerContext, tmp_path: Path
) -> None:
    step = told.passed[point]
    folder = tmp_path / "life"
    shutil.copytree(told.chapters[step].folder, folder)
    kill_and_recover(context, f"sqlite:///{folder}/rasti.sqlite3", folder, step, point)

"""The demo's story in a clock of its own: how it comes out, and that the check sees when it does not."""

import shutil
from collections.abc import Iterator
from copy import copy
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from uuid import UUID, uuid4

import httpx
import pytest
from sqlalchemy import update

from models import Checkpoint, Violation
from models.engine import open_engine
from models.upgrade import upgrade_database
from rasti.cli.demo.check import check_story
from rasti.cli.demo.data import make_home, slow_down
from rasti.cli.demo.play import Play
from rasti.cli.demo.tell import Teller
from rasti.clients.mailbox import read_mailbox
from rasti.clients.prefect import PrefectApi
from rasti.clients.programme_file import load_programme
from rasti.errors import Refused
from rasti.ledger.book import Book
from rasti.ledger.fallback import fall_back
from rasti.ledger.handover import hand_over_waiting
from rasti.ledger.ingest import ingest_register
from rasti.ledger.partners import import_partners
from rasti.ledger.rankings import publish
from rasti.ledger.tenures import activate
from rasti.ledger.verdicts import due_checkpoints, judge_checkpoint
from rasti.rules.kinds import CheckpointKind
from rasti.settings import Settings
from rasti.steward.relay import deliver
from tests.clock import MovableClock, moscow

NOW = "2026-11-10 12:00"


class Story:
    """A demo that has been played to its end."""

    def __init__(self, folder: Path) -> None:
        self.clock = MovableClock(NOW)
        home = make_home(folder, self.clock.now)
        self.settings = Settings(home=home.path, programme=home.programme, language="en")
        engine = open_engine(self.settings.database)
        upgrade_database(engine)
        self.book = Book(engine, load_programme(home.programme), clock=self.clock, actor="demo")
        self.runs: set[UUID] = set()
        self.lines: list[str] = []
        import_partners(self.book, home.partners)
        for register in sorted((home.path / "inbox").iterdir()):
            ingest_register(self.book, register)
        publish(self.book, home.month)
        activate(self.book, home.month)
        self._play()

    def _play(self) -> None:
        play, teller = Play(self.book), Teller(self.book)
        for _step in range(1000):
            going_on = play.step()
            deliver(self.book, self.settings)
            self._run_what_is_due()
            self.lines += teller.news()
            if not going_on:
                return
            self.clock.advance(seconds=0.5)
        raise AssertionError("the story has no end")

    def _run_what_is_due(self) -> None:
        """What Prefect's runs do."""
        for checkpoint in due_checkpoints(self.book, grace=timedelta(0)):
            run = self._run()
            judgement = judge_checkpoint(run, checkpoint)
            if judgement.violation_id is not None:
                fall_back(run, judgement.violation_id)
                hand_over_waiting(run)

    def _run(self) -> Book:
        run_id = uuid4()
        self.runs.add(run_id)
        return replace(self.book, actor=f"flow-run:{run_id}", written=[])

    def wrong(self) -> list[str]:
        """What the check says, with a Prefect that knows the runs."""

        def answer(request: httpx.Request) -> httpx.Response:
            asked = request.read().decode()
            found = [{"id": str(run), "state_type": "COMPLETED"} for run in self.runs if str(run) in asked]
            return httpx.Response(200, json=found)

        prefect = PrefectApi("http://prefect.example/api", transport=httpx.MockTransport(answer))
        return check_story(self.book, self.settings.mailbox, prefect)


@pytest.fixture(scope="module")
def played(tmp_path_factory: pytest.TempPathFactory) -> Story:
    with pytest.MonkeyPatch.context() as environment:
        environment.setenv("RASTI_LANGUAGE", "en")
        story = Story(tmp_path_factory.mktemp("played") / "demo")
    story.book.engine.dispose()
    return story


@pytest.fixture
def story(played: Story, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Story]:
    """A copy of the played story, that a test may spoil."""
    monkeypatch.setenv("RASTI_LANGUAGE", "en")
    shutil.copytree(played.settings.home, tmp_path / "demo")
    spoilt = copy(played)
    spoilt.settings = Settings(home=tmp_path / "demo", language="en")
    spoilt.runs = set(played.runs)
    engine = open_engine(spoilt.settings.database)
    spoilt.book = replace(played.book, engine=engine)
    yield spoilt
    engine.dispose()


def test_the_story_comes_out_as_it_must(story: Story) -> None:
    assert story.wrong() == []
    told = "\n".join(story.lines)
    assert "D022 (place 3) holds the leads of 2026-11 now. Passed: D007 has not accepted the regulation." in told
    assert "VIOLATED by D016 (judged by a Prefect run)" in told


def test_a_mail_that_never_reached_the_next_partner_is_missed(story: Story) -> None:
    for letter in read_mailbox(story.settings.mailbox):
        if letter.recipient == "D022" and letter.kind == "lead":
            letter.path.unlink()
    wrong = story.wrong()
    assert len(wrong) == 3
    assert all("0 mails “lead” to D022" in line for line in wrong)


def test_a_verdict_that_the_guard_gave_is_noticed(story: Story) -> None:
    with story.book.write() as tx:
        tx.session.execute(update(Checkpoint).values(judged_by="guard"))
        tx.session.execute(update(Violation).values(acted_by="guard"))
    wrong = story.wrong()
    assert any("judged by guard, not by a Prefect run" in line for line in wrong)
    assert any("acted on by guard" in line for line in wrong)


def test_a_run_that_prefect_does_not_know_is_noticed(story: Story) -> None:
    gone = story.runs.pop()
    assert [line for line in story.wrong() if str(gone) in line]


def test_a_lead_that_never_came_is_noticed(tmp_path: Path, story: Story) -> None:
    engine = open_engine(f"sqlite:///{tmp_path / 'empty.sqlite3'}")
    upgrade_database(engine)
    empty = replace(story.book, engine=engine)
    nothing = PrefectApi("http://prefect.example/api", transport=httpx.MockTransport(lambda _r: httpx.Response(500)))
    wrong = check_story(empty, story.settings.mailbox, nothing)
    assert len(wrong) == 1
    assert "handled as it should be" in wrong[0]
    engine.dispose()


def test_the_last_example_month_becomes_the_last_ended_one(tmp_path: Path) -> None:
    home = make_home(tmp_path / "demo", moscow("2027-03-01 00:00"))
    assert str(home.month) == "2027-02"
    register = (home.path / "inbox" / "dealers-2027-02.csv").read_text()
    dates = sorted(line.split(";")[2] for line in register.splitlines()[1:])
    assert (dates[0][:7], dates[-1][:7]) == ("2026-08", "2027-02")
    assert load_programme(home.programme).last_month is None


def test_a_folder_that_is_not_a_demos_is_left_alone(tmp_path: Path) -> None:
    keep = tmp_path / "precious.txt"
    keep.write_text("mine")
    with pytest.raises(Refused, match="not a demo's home"):
        make_home(tmp_path, moscow(NOW))
    assert keep.read_text() == "mine"


def test_after_the_story_the_hour_lasts_long_enough_for_a_person(tmp_path: Path) -> None:
    home = make_home(tmp_path / "demo", moscow(NOW))
    story = load_programme(home.programme).rules[0]
    slow_down(home)
    person = load_programme(home.programme).rules[0]
    first = [rules.regulation[CheckpointKind.FIRST_HOUR][1] for rules in (story, person)]
    assert first == [timedelta(seconds=20), timedelta(minutes=3)]
    assert person.completion < first[1]

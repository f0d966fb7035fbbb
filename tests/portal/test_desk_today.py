"""Today's desk: every number is that of the list behind it."""

import re
from collections.abc import Callable

import pytest

from rasti.ledger.book import Book
from rasti.ledger.heartbeats import beat
from rasti.ledger.restored import note_restored
from rasti.portal.app import create_app
from rasti.portal.prefect import Prefect
from rasti.settings import Settings
from tests.builders import SECOND, WINNER, arrive, log, neglect_first, receive, won_month
from tests.clock import MovableClock, moscow
from tests.fake_prefect import FakePrefect
from tests.portal.visitors import Browser


def figure(page: str, address: str) -> int:
    """The number on the card that links to a list; 0: there is no such card."""
    found = re.search(rf'<a href="{re.escape(address)}"><span class="figure">(\d+)<', page)
    return int(found[1]) if found else 0


def shown(operator: Browser, address: str) -> int:
    """How many rows the list behind a number has."""
    return operator.get(address).text.count('<th scope="row">')


def test_an_empty_desk_says_that_nobody_holds_the_leads_and_nothing_waits(operator: Browser) -> None:
    page = operator.get("/desk").text
    assert "Сейчас лиды не получает никто" in page
    assert "Ничего не ждёт решения" in page


def test_the_holder_stands_with_the_version_and_the_place_that_earned_the_leads(book: Book, operator: Browser) -> None:
    won_month(book)
    page = operator.get("/desk").text
    assert f'href="/desk/partners/{WINNER}"' in page
    assert 'href="/desk/months/2019-08?version=1"' in page
    assert "место 1" in page


def test_a_restore_is_told_at_the_top_and_leads_to_its_event(book: Book, request: pytest.FixtureRequest) -> None:
    note_restored(book, moscow("2019-09-02 09:00"))
    operator: Browser = request.getfixturevalue("operator")  # signs in after the restore
    page = operator.get("/desk").text
    assert "из резервной копии от 2 сентября 2019 г., 09:00" in page or "09:00" in page
    address = "/desk/audit?event=database.restored"
    assert f'href="{address}"' in page
    assert "Восстановлена резервная копия" in operator.get(address).text


def test_every_number_is_that_of_the_list_behind_it(book: Book, operator: Browser, clock: MovableClock) -> None:
    won_month(book)
    neglected = arrive(book)
    receive(book, neglected)
    clock.advance(minutes=30)
    operator.get("/desk")
    clock.advance(minutes=-30)
    neglect_first(book, clock)
    receive(book, neglected)  # in the hands of the second: due within the hour
    paused = arrive(book, 2)
    receive(book, paused)
    log(book, paused, outcome="wrong_contact", checklist=[])
    arrive(book, 3, client={"phone": "+7 495 000-00-01"})
    page = operator.get("/desk").text
    numbers = {
        "/desk/leads?due=soon": 1,
        "/desk/leads?due=overdue": 0,
        "/desk/leads?state=in_work": 1,
        "/desk/leads?pause=wrong_contact": 1,
        "/desk/leads?undecided=yes": 1,
    }
    for address, number in numbers.items():
        assert (figure(page, address), shown(operator, address)) == (number, number), address
    assert figure(page, "/desk/violations?which=recent") == 1
    clock.advance(minutes=59)
    operator.get("/desk")
    clock.advance(minutes=2)
    assert figure(operator.get("/desk").text, "/desk/leads?due=overdue") == 1
    assert shown(operator, "/desk/leads?due=overdue") == 1


def test_the_last_month_says_what_it_waits_for(book: Book, operator: Browser) -> None:
    page = operator.get("/desk").text
    for word in ("Август 2019", "ни одного учитываемого счёта", "не рассчитан", "не опубликован", "лиды не переданы"):
        assert word in page
    won_month(book)
    page = operator.get("/desk").text
    assert "лиды переданы" in page
    assert "не опубликован" not in page


def test_a_loop_that_was_not_seen_lately_does_not_keep_up(book: Book, operator: Browser, clock: MovableClock) -> None:
    assert operator.get("/desk").text.count("не запускалась") == 2
    beat(book, "relay")
    beat(book, "guard")
    assert operator.get("/desk").text.count(">работает<") == 2
    clock.advance(minutes=2)
    assert operator.get("/desk").text.count("не справляется") == 2


@pytest.mark.parametrize(("down", "says"), [(False, ">доступен<"), (True, ">недоступен<")])
@pytest.mark.parametrize("backend", ["sqlite"], indirect=True)
def test_prefect_is_reachable_or_not(book: Book, settings: Settings, operator: Browser, down: bool, says: str) -> None:
    fake = FakePrefect(down=down)
    operator.client.app.state.site = create_app(  # type: ignore[attr-defined]
        book, settings, Prefect("http://prefect.example/api", fake.opened, fake.opened)
    ).state.site
    assert says in operator.get("/desk").text


@pytest.mark.parametrize("backend", ["sqlite"], indirect=True)
def test_without_a_prefect_the_desk_says_so(operator: Browser) -> None:
    assert ">не настроен<" in operator.get("/desk").text


@pytest.mark.parametrize("backend", ["sqlite"], indirect=True)
def test_the_desk_is_for_operators(book: Book, guest: Browser, partner: Callable[[str], Browser]) -> None:
    won_month(book)
    assert guest.get("/desk").headers["location"] == "/desk/sign-in?next=/desk"
    assert partner(SECOND).get("/desk").status_code == 403

"""A partner in a real browser: signs in by the mailed link, handles a lead, watches another one leave, declines."""

from collections.abc import Callable

import pytest
from playwright.sync_api import Page, expect

from tests.browser.axe import faults
from tests.browser.conftest import Portal
from tests.builders import MONTH, SECOND, WINNER, arrive, neglect_first, receive, won_month

Visit = Callable[..., Page]


def sign_in(portal: Portal, page: Page, partner: str) -> None:
    """Ask for the link and follow it, as the partner does."""
    page.goto(f"{portal.url}/sign-in")
    page.get_by_label("Почта").fill(f"{partner}@partner.example")
    page.get_by_role("button", name="Прислать ссылку").click()
    page.get_by_role("status").wait_for()
    page.goto(portal.sign_in_link())
    page.get_by_role("button", name="Войти").click()
    page.wait_for_url(f"{portal.url}/leads")


@pytest.fixture
def winner(portal: Portal, visit: Visit) -> Page:
    """The winner is signed in and has a lead."""
    won_month(portal.book)
    arrive(portal.book)
    page = visit()
    sign_in(portal, page, WINNER)
    return page


def tick_everything(page: Page) -> None:
    for box in page.get_by_role("checkbox").all():
        box.check()


def test_a_call_is_logged_and_the_countdown_turns_to_the_next_contact(portal: Portal, winner: Page) -> None:
    countdown = winner.locator("#live .clock [data-countdown]")
    winner.get_by_role("link", name="Лид 1").click()
    winner.wait_for_url(f"{portal.url}/leads/1")
    expect(winner.get_by_role("link", name="+7 495 000-00-01")).to_have_attribute("href", "tel:+74950000001")
    expect(winner.locator("#live .notice")).to_contain_text("11:00")
    first = countdown.get_attribute("data-countdown")
    winner.get_by_role("button", name="Звоню сейчас").click()
    expect(winner.get_by_role("status")).to_contain_text("10:15")
    portal.clock.advance(minutes=5)
    tick_everything(winner)
    winner.get_by_role("button", name="С клиентом поговорили").click()
    expect(winner.get_by_role("status")).to_contain_text("засчитан")
    second = countdown.get_attribute("data-countdown")
    assert first is not None
    assert second is not None
    assert second > first
    expect(winner.locator("#live .notice")).to_contain_text("03.09.2019 10:00")


def test_the_countdown_runs_by_the_servers_clock(portal: Portal, winner: Page) -> None:
    """The test's server lives in 2019; the browser's own clock, years later, would say that the time is over."""
    winner.goto(f"{portal.url}/leads/1")
    left = winner.locator("#live .clock [data-countdown]")
    expect(left).to_contain_text("00:59:")


def test_without_scripts_a_lead_is_handled_all_the_same(portal: Portal, visit: Visit) -> None:
    won_month(portal.book)
    arrive(portal.book)
    page = visit(scripts=False)
    sign_in(portal, page, WINNER)
    page.get_by_role("link", name="Лид 1").click()
    tick_everything(page)
    page.get_by_role("button", name="С клиентом поговорили").click()
    expect(page.get_by_role("status")).to_contain_text("засчитан")


def test_a_neglected_lead_leaves_and_its_client_is_no_longer_shown(portal: Portal, winner: Page, visit: Visit) -> None:
    winner.goto(f"{portal.url}/leads/1")
    expect(winner.locator("body")).to_contain_text("Иван Петров 1")
    neglect_first(portal.book, portal.clock)
    winner.reload()
    expect(winner.locator("body")).not_to_contain_text("Иван Петров 1")
    expect(winner.locator("#live .notice")).to_contain_text("Первый звонок не сделан вовремя")
    successor = visit(phone=True)
    sign_in(portal, successor, SECOND)
    successor.get_by_role("link", name="Лид 1").click()
    expect(successor.locator("body")).to_contain_text("Иван Петров 1")


def test_declining_moves_the_leads_on(portal: Portal, winner: Page) -> None:
    winner.get_by_role("link", name="Отказаться").first.click()
    winner.get_by_label("Почему вы отказываетесь?").fill("отпуск")
    winner.get_by_role("checkbox").check()
    winner.get_by_role("button", name="Отказаться").click()
    winner.wait_for_url(f"{portal.url}/leads?said=declined")
    winner.goto(portal.url)
    expect(winner.locator(".holder")).to_contain_text("ООО «second»")


PAGES = [
    "/leads",
    "/leads/1",
    "/leads/2",
    f"/leads/decline/{MONTH}",
    "/standing",
    "/profile",
    "/profile/regulation",
    f"/standing/{MONTH}",
]


@pytest.mark.parametrize("phone", [False, True], ids=["desktop", "phone"])
def test_the_partners_pages_are_accessible_and_fit_their_screen(
    portal: Portal, visit: Visit, picture: Callable[[Page, str], None], phone: bool
) -> None:
    won_month(portal.book)
    receive(portal.book, arrive(portal.book, 1))
    neglect_first(portal.book, portal.clock)
    receive(portal.book, arrive(portal.book, 2))
    page = visit(phone=phone)
    sign_in(portal, page, SECOND)
    wrong = {}
    for path in PAGES:
        page.goto(portal.url + path)
        picture(page, f"partner{path.replace('/', '-')}-{'phone' if phone else 'desktop'}")
        assert page.locator("h1").count() == 1, path
        wrong[path] = faults(page)
        assert page.evaluate("document.documentElement.scrollWidth <= window.innerWidth"), path
    assert {path: found for path, found in wrong.items() if found} == {}


def test_an_open_list_says_by_itself_that_the_leads_went_on(portal: Portal, winner: Page) -> None:
    """Nobody reloads: the list and who holds the leads are both brought up to date."""
    expect(winner.locator("#holding")).to_contain_text("получаете вы")
    neglect_first(portal.book, portal.clock)
    expect(winner.locator("#list")).not_to_contain_text("Лид 1", timeout=25_000)  # it asks every 15 seconds
    expect(winner.locator("#holding")).not_to_contain_text("получаете вы")

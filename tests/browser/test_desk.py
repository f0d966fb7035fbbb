"""An operator at the desk in a real browser."""

from collections.abc import Callable
from pathlib import Path

import pytest
from playwright.sync_api import Page, expect
from sqlmodel import select

from models import Ranking
from rasti.ledger.bounces import BounceEffect, record_bounce
from rasti.ledger.ingest import ingest_register
from rasti.ledger.rankings import publish, rank
from rasti.ledger.tenures import activate
from tests.browser.axe import faults
from tests.browser.conftest import PHONE, Portal
from tests.builders import MONTH, SECOND, WINNER, add_cast, arrive, growing_register, neglect_first, receive

PAGES = [
    "/desk",
    "/desk/months",
    f"/desk/months/{MONTH}",
    f"/desk/months/{MONTH}/publish",
    "/desk/leads",
    "/desk/leads/1",
    "/desk/leads/1/assign",
    "/desk/leads/1/contacts",
    "/desk/violations",
    "/desk/violations/1/reverse",
    "/desk/partners",
    f"/desk/partners/{WINNER}",
    f"/desk/partners/{WINNER}/suspend",
    "/desk/imports",
    "/desk/audit",
    "/desk/messages",
    "/desk/messages?which=bounced",
]


@pytest.fixture
def month(portal: Portal, tmp_path: Path) -> Portal:
    """A month from real invoices: the winner holds the leads; one lead was neglected, one is in work."""
    book = portal.book
    add_cast(book)
    register = tmp_path / "register.csv"
    register.write_text(growing_register(), encoding="utf-8")
    ingest_register(book, register)
    rank(book, MONTH)
    publish(book, MONTH)
    activate(book, MONTH)
    receive(book, arrive(book, 1))
    neglect_first(book, portal.clock)
    receive(book, arrive(book, 2))
    portal.post()
    return portal


def welcome_comes_back(month: Portal) -> None:
    """The welcome of lead 2 is returned by a server on its way."""
    letter = next(letter for letter in month.post() if (letter.kind, letter.lead_id) == ("welcome", 2))
    assert record_bounce(month.book, letter.message_id, "5.1.1") is BounceEffect.MARKED


@pytest.mark.parametrize("phone", [False, True], ids=["desktop", "phone"])
def test_the_desks_pages_are_accessible_and_fit_their_screen(
    month: Portal, operator_page: Page, picture: Callable[[Page, str], None], phone: bool
) -> None:
    page = operator_page
    if phone:
        page.set_viewport_size(PHONE)  # type: ignore[arg-type]
    wrong: dict[str, object] = {}
    welcome_comes_back(month)
    for path in PAGES:
        answer = page.goto(month.url + path)
        picture(page, f"{path.strip('/').replace('/', '-')}-{'phone' if phone else 'desktop'}")
        assert answer is not None
        assert answer.status == 200, path
        assert page.locator("h1").count() == 1, path
        if found := faults(page):
            wrong[path] = found
        if not page.evaluate("document.documentElement.scrollWidth <= window.innerWidth"):
            wrong[f"{path} is too wide"] = True
    assert wrong == {}


def test_a_month_that_is_ranked_anew_shows_the_difference_and_leaves_the_holder(
    month: Portal, operator_page: Page, tmp_path: Path
) -> None:
    """An invoice of the second is corrected: the operator computes the month anew and sees who moved, and why."""
    page = operator_page
    page.goto(f"{month.url}/desk/imports")
    corrected = tmp_path / "corrected.csv"
    corrected.write_text(growing_register(growth={WINNER: "100", SECOND: "120"}), encoding="utf-8")
    page.locator('input[type="file"]').first.set_input_files(corrected)
    page.locator('input[type="file"]').first.locator("xpath=ancestor::form").get_by_role("button").last.click()
    expect(page.locator("main")).to_contain_text("2019")
    with month.book.read() as tx:
        assert len(tx.all(select(Ranking))) == 1  # a preview writes nothing
    page.locator('form[action^="/desk/imports/"]:not([action$="/cancel"]) button').click()
    page.goto(f"{month.url}/desk/months/{MONTH}")
    page.locator('form[action$="/rank"] button').click()
    page.wait_for_url("**said=ranked**")
    difference = page.locator("details[open]").first
    expect(difference).to_contain_text(SECOND)
    expect(difference).to_contain_text("19000.00")
    expect(difference).to_contain_text("22000.00")
    page.goto(month.url)
    expect(page.locator(".holder")).to_contain_text(f"ООО «{SECOND}»")
    expect(page.locator(".podium li").first).to_contain_text(f"ООО «{WINNER}»")


def test_why_the_leads_went_on_is_found_from_the_desk(month: Portal, operator_page: Page) -> None:
    page = operator_page
    page.goto(f"{month.url}/desk")
    page.locator("main a[href^='/desk/violations']").first.click()
    page.locator("main a[href='/desk/leads/1']").first.click()
    expect(page.locator("main")).to_contain_text(WINNER)
    expect(page.locator("main .badge.bad").first).to_be_visible()


def test_a_mail_that_came_back_is_found_from_the_desk_and_sent_again(month: Portal, operator_page: Page) -> None:
    page = operator_page
    welcome_comes_back(month)
    page.goto(f"{month.url}/desk")
    page.locator("main a[href='/desk/messages?which=bounced']").click()
    expect(page.locator("main tbody")).to_contain_text("5.1.1")
    page.locator("main a[href='/desk/leads/2']").click()
    expect(page.locator("main .notice.bad")).to_contain_text("5.1.1")
    page.locator("main .notice.bad a").click()
    page.locator("form[action$='/revive'] button").click()
    page.wait_for_url("**/desk/messages?which=bounced&said=revived")
    month.post()
    page.goto(f"{month.url}/desk/leads/2")
    expect(page.locator("main .notice.bad")).to_have_count(0)
    page.goto(f"{month.url}/desk")
    expect(page.locator("main a[href='/desk/messages?which=bounced']")).to_have_count(0)

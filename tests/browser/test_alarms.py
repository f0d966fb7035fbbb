"""Everything that alarms an operator stands on the desk, in a real browser, at desktop and phone width."""

from collections.abc import Callable
from pathlib import Path

import pytest
from playwright.sync_api import Page, expect

from rasti.clients.mailbox import KIND_HEADER
from rasti.clients.smtp import Rejected
from rasti.errors import Unavailable
from rasti.ledger.ingest import ingest_register
from rasti.ledger.rankings import publish
from rasti.steward.relay import deliver
from tests.browser.axe import faults
from tests.browser.conftest import DESKTOP, PHONE, Portal
from tests.builders import MONTH, add_cast, arrive, growing_register, invoice_row, register, won_month
from tests.post_office import FakePostman

Picture = Callable[[Page, str], None]
SCREENS = pytest.mark.parametrize("phone", [False, True], ids=["desktop", "phone"])
DOWN = Unavailable("{why}", why="connection refused")
NOBODY = Rejected("{answer}", answer="550 5.1.1 at RCPT TO")


def fits(page: Page) -> bool:
    return bool(page.evaluate("document.documentElement.scrollWidth <= document.documentElement.clientWidth"))


def show(page: Page, phone: bool) -> str:
    page.set_viewport_size(PHONE if phone else DESKTOP)  # type: ignore[arg-type]
    return "phone" if phone else "desktop"


@SCREENS
def test_a_mail_server_that_is_down(portal: Portal, operator_page: Page, picture: Picture, phone: bool) -> None:
    name = show(operator_page, phone)
    won_month(portal.book)
    lead = arrive(portal.book)
    deliver(portal.book, portal.settings, postman=FakePostman(lambda _mail: DOWN))
    portal.clock.advance(minutes=11)
    deliver(portal.book, portal.settings, postman=FakePostman(lambda _mail: DOWN))
    page = operator_page
    page.goto(f"{portal.url}/desk")
    expect(page.get_by_role("alert")).to_contain_text("connection refused")
    expect(page.locator("main")).to_contain_text("Оповещения, которые не удалось доставить почтой")
    for place, path in (("desk", "/desk"), ("messages", "/desk/messages?which=late"), ("lead", f"/desk/leads/{lead}")):
        page.goto(f"{portal.url}{path}")
        expect(page.locator("main")).to_contain_text("connection refused")
        picture(page, f"down-{place}-{name}")
        assert faults(page) == []
        assert fits(page)


@SCREENS
def test_a_lead_that_reaches_nobody_goes_on(portal: Portal, operator_page: Page, picture: Picture, phone: bool) -> None:
    name = show(operator_page, phone)
    won_month(portal.book)
    lead = arrive(portal.book)
    deliver(
        portal.book,
        portal.settings,
        postman=FakePostman(lambda mail: NOBODY if mail[KIND_HEADER] in ("lead", "tenure_started") else None),
    )
    page = operator_page
    page.goto(f"{portal.url}/desk/leads/{lead}")
    expect(page.locator("main .notice.bad").first).to_contain_text("550 5.1.1")
    picture(page, f"dead-lead-{name}")
    assert faults(page) == []
    assert fits(page)
    page.locator(f"a[href='/desk/leads/{lead}/assign']", has_text="следующему").click()
    page.get_by_label("Причина").fill("почта партнёра не принимает письма")
    picture(page, f"dead-lead-assign-{name}")
    page.locator("main form button").last.click()
    page.wait_for_url(f"**/desk/leads/{lead}?said=assigned")
    portal.post()
    page.goto(f"{portal.url}/desk/leads/{lead}")
    expect(page.locator("main .notice.bad")).to_have_count(0)


@SCREENS
def test_what_only_an_operator_can_say_of_invoices(
    portal: Portal, operator_page: Page, picture: Picture, phone: bool, tmp_path: Path
) -> None:
    name = show(operator_page, phone)
    add_cast(portal.book)
    path = tmp_path / "register.csv"

    def read(text: str) -> None:
        path.write_text(text, encoding="utf-8")
        ingest_register(portal.book, path)

    read(growing_register())
    publish(portal.book, MONTH)
    read(register(invoice_row(number="007"), invoice_row(number="7")))
    page = operator_page
    page.goto(f"{portal.url}/desk")
    expect(page.locator("a[href='/desk/imports#doubles']")).to_be_visible()
    expect(page.locator(f"a[href='/desk/months/{MONTH}#state']")).to_be_visible()
    for place, where in (("desk", "/desk"), ("month", f"/desk/months/{MONTH}"), ("imports", "/desk/imports")):
        page.goto(f"{portal.url}{where}")
        picture(page, f"invoices-{place}-{name}")
        assert faults(page) == []
        assert fits(page)

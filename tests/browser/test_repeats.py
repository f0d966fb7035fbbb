"""A client asks again: the partner sees the new contacts; one click says that it is another client."""

from collections.abc import Callable

import pytest
from playwright.sync_api import Page, expect

from rasti.ledger.book import Book
from tests.browser.axe import faults
from tests.browser.conftest import DESKTOP, PHONE, Portal
from tests.browser.test_partner import sign_in
from tests.builders import WINNER, arrive, lead_data, receive, won_month

Visit = Callable[..., Page]
Picture = Callable[[Page, str], None]

IVAN = lead_data(1)["client"] | {"name": "Иван Петров", "company": "ООО «Ромашка»", "city": "Тверь"}
NEW_PHONE = "+7 916 000-00-02"
OTHER = {"name": "Константин Константинопольский", "email": "konstantin@another-department.example"}
SCREENS = pytest.mark.parametrize("phone", [False, True], ids=["desktop", "phone"])


def tell(book: Book) -> None:
    """A lead of the winner; its client asks again by another phone, and somebody else by the first one."""
    won_month(book)
    receive(book, arrive(book, 1, client=IVAN))
    arrive(book, 2, client=IVAN | {"phone": NEW_PHONE}, workplaces=20, comment="Лучше на мобильный")
    arrive(book, 3, client=IVAN | OTHER | {"company": None}, comment="Это для филиала")


def fits(page: Page) -> bool:
    return bool(page.evaluate("document.documentElement.scrollWidth <= document.documentElement.clientWidth"))


@SCREENS
def test_the_partner_sees_whom_else_to_call(portal: Portal, visit: Visit, picture: Picture, phone: bool) -> None:
    tell(portal.book)
    page = visit(phone=phone)
    sign_in(portal, page, WINNER)
    page.goto(f"{portal.url}/leads/1")
    expect(page.get_by_role("link", name=NEW_PHONE)).to_have_attribute("href", "tel:+79160000002")
    expect(page.locator("#client")).to_contain_text(OTHER["name"])
    picture(page, f"repeat-partner-{'phone' if phone else 'desktop'}")
    assert faults(page) == []
    assert fits(page)


@SCREENS
def test_the_operator_decides_with_one_click(
    portal: Portal, operator_page: Page, picture: Picture, phone: bool
) -> None:
    tell(portal.book)
    page, name = operator_page, "phone" if phone else "desktop"
    page.set_viewport_size(PHONE if phone else DESKTOP)  # type: ignore[arg-type]
    for place, path in (("desk", "/desk"), ("lead", "/desk/leads/1"), ("request", "/desk/leads/3")):
        page.goto(f"{portal.url}{path}")
        expect(page.get_by_text(OTHER["name"]).first).to_be_visible()
        picture(page, f"repeat-{place}-{name}")
        assert faults(page) == []
        assert fits(page)
    page.goto(f"{portal.url}/desk")
    page.get_by_role("button", name="Другой клиент: отдельный лид").click()
    page.wait_for_url(f"{portal.url}/desk/leads/3?said=detached")
    expect(page.get_by_role("status")).to_contain_text("отдельный лид")
    page.goto(f"{portal.url}/desk")
    expect(page.get_by_text("Ничего не ждёт решения")).to_be_visible()
    mail = [letter for letter in portal.post() if letter.kind == "lead_detached"]
    assert len(mail) == 1


def test_the_same_client_is_one_click_too(portal: Portal, operator_page: Page) -> None:
    tell(portal.book)
    operator_page.goto(f"{portal.url}/desk")
    operator_page.get_by_role("button", name="Тот же клиент").click()
    operator_page.wait_for_url(f"{portal.url}/desk/leads/3?said=kept")
    operator_page.goto(f"{portal.url}/desk")
    expect(operator_page.get_by_text("Ничего не ждёт решения")).to_be_visible()

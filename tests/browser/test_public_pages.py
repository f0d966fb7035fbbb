"""The public pages and signing in, in a real browser."""

from collections.abc import Callable

import pytest
from playwright.sync_api import Page

from tests.browser.axe import faults
from tests.browser.conftest import Portal
from tests.builders import won_month

PAGES = ["/", "/months/2019-08", "/sign-in", "/desk/sign-in", "/mailbox", "/nowhere"]


@pytest.mark.parametrize("phone", [False, True], ids=["desktop", "phone"])
@pytest.mark.parametrize("path", PAGES)
def test_a_page_is_accessible_and_fits_its_screen(
    portal: Portal, visit: Callable[..., Page], picture: Callable[[Page, str], None], path: str, phone: bool
) -> None:
    won_month(portal.book)
    portal.post()
    page = visit(phone=phone)
    page.goto(portal.url + path)
    picture(page, f"public{path.replace('/', '-')}-{'phone' if phone else 'desktop'}")
    assert faults(page) == []
    assert page.evaluate("document.documentElement.scrollWidth <= window.innerWidth")


def test_a_partner_signs_in_by_the_mailed_link_also_without_scripts(portal: Portal, visit: Callable[..., Page]) -> None:
    won_month(portal.book)
    page = visit(scripts=False)
    page.goto(f"{portal.url}/sign-in")
    page.get_by_label("Почта").fill("winner@partner.example")
    page.get_by_role("button", name="Прислать ссылку").click()
    page.get_by_text("ссылка уже в пути").wait_for()
    page.goto(portal.sign_in_link())
    page.get_by_role("button", name="Войти").click()
    page.wait_for_url(f"{portal.url}/leads")
    page.get_by_role("banner").get_by_text("winner").wait_for()


def test_a_mail_is_shown_in_the_local_mailbox(portal: Portal, visit: Callable[..., Page]) -> None:
    won_month(portal.book)
    portal.post()
    page = visit()
    page.goto(f"{portal.url}/mailbox")
    page.get_by_role("link", name="Лиды").first.click()
    assert "ООО «winner»" in page.frame_locator("iframe").locator("body").inner_text()

"""An operator at the desk in a real browser."""

from collections.abc import Callable
from pathlib import Path

import pytest
from playwright.sync_api import Page

from rasti.ledger.ingest import ingest_register
from rasti.ledger.rankings import publish, rank
from rasti.ledger.tenures import activate
from tests.browser.axe import faults
from tests.browser.conftest import PHONE, Portal
from tests.builders import MONTH, WINNER, add_cast, arrive, growing_register, neglect_first, receive

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


@pytest.mark.parametrize("phone", [False, True], ids=["desktop", "phone"])
def test_the_desks_pages_are_accessible_and_fit_their_screen(
    month: Portal, operator_page: Page, picture: Callable[[Page, str], None], phone: bool
) -> None:
    page = operator_page
    if phone:
        page.set_viewport_size(PHONE)  # type: ignore[arg-type]
    wrong: dict[str, object] = {}
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

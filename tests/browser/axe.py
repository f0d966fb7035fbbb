"""What axe-core finds wrong with a page for people who cannot see, point or tell colours apart."""

from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Page

_SERIOUS = {"serious", "critical"}


def faults(page: Page) -> list[str]:
    """Serious and critical faults, with the places they are at."""
    found = Axe().run(page).response["violations"]
    return [
        f"{fault['id']}: {[node['target'] for node in fault['nodes']]}"
        for fault in found
        if fault["impact"] in _SERIOUS
    ]

"""What holds for every request: where a change comes from, and the headers of answers."""

from collections.abc import Callable, Iterator

import pytest
from fastapi import FastAPI
from starlette.responses import StreamingResponse
from starlette.testclient import TestClient

from rasti.ledger.book import Book
from tests.builders import WINNER, add_cast
from tests.portal.visitors import Browser

HEADERS = {
    "strict-transport-security": "max-age=31536000; includeSubDomains",
    "x-content-type-options": "nosniff",
    "referrer-policy": "same-origin",
    "x-frame-options": "DENY",
}


@pytest.mark.parametrize("path", ["/", "/sign-in", "/nowhere", "/leads", "/static/portal.css", "/feed.atom"])
def test_every_answer_has_the_headers(guest: Browser, path: str) -> None:
    headers = guest.get(path).headers
    assert {name: headers[name] for name in HEADERS} == HEADERS
    policy = headers["content-security-policy"]
    assert "unsafe" not in policy
    assert "frame-ancestors 'none'" in policy


def test_pages_need_no_inline_script_or_style(book: Book, guest: Browser) -> None:
    add_cast(book)
    for path in ("/", "/sign-in", "/desk/sign-in", "/sign-in/x"):
        page = guest.get(path).text
        assert " style=" not in page
        assert "<style" not in page
        assert " onclick" not in page
        assert page.count("<script") == page.count("<script src=")


def test_personal_pages_are_not_kept(partner: Callable[[str], Browser], book: Book) -> None:
    add_cast(book)
    assert partner(WINNER).get("/sign-in").headers["cache-control"] == "no-store"


def test_files_of_ours_are_kept_for_ever(guest: Browser) -> None:
    assert "immutable" in guest.get("/static/portal.css").headers["cache-control"]


@pytest.mark.parametrize(
    "headers",
    [
        {},
        {"sec-fetch-site": "cross-site"},
        {"sec-fetch-site": "same-site"},
        {"origin": "https://evil.example"},
        {"origin": "null"},
    ],
)
def test_a_form_of_another_site_is_refused(guest: Browser, headers: dict[str, str]) -> None:
    answer = guest.client.post("/sign-in", data={"email": "x@y.example"}, headers=headers)
    assert answer.status_code == 403
    assert "не с нашей страницы" in answer.text


@pytest.mark.parametrize("headers", [{"sec-fetch-site": "same-origin"}, {"origin": "https://portal.example"}])
def test_a_form_of_ours_is_taken(guest: Browser, headers: dict[str, str]) -> None:
    assert guest.client.post("/sign-in", data={"email": "x@y.example"}, headers=headers).status_code == 200


def test_a_form_without_its_sessions_token_is_refused(partner: Callable[[str], Browser], book: Book) -> None:
    add_cast(book)
    browser = partner(WINNER)
    for token in ("", "x", partner("second").csrf()):
        assert browser.post("/sign-out", {"csrf": token}).status_code == 403
    assert WINNER in browser.get("/").text


def test_too_much_is_refused_before_it_is_read(guest: Browser) -> None:
    answer = guest.client.post(
        "/sign-in", data={"email": "x"}, headers=guest.headers | {"content-length": str(26 * 1024 * 1024)}
    )
    assert answer.status_code == 413


def test_a_fault_of_ours_is_a_page_without_a_trace(app: FastAPI, guest: Browser) -> None:
    @app.get("/broken")
    def broken() -> None:
        raise RuntimeError("secret detail")

    page = guest.get("/broken")
    assert page.status_code == 500
    assert "secret detail" not in page.text
    assert "Traceback" not in page.text
    assert {name: page.headers[name] for name in HEADERS} == HEADERS


def test_an_answer_that_breaks_off_is_not_followed_by_another(app: FastAPI) -> None:
    def pieces() -> Iterator[bytes]:
        yield b"the first"
        raise RuntimeError("broke off")

    app.add_api_route("/broken", lambda: StreamingResponse(pieces()))
    with pytest.raises(RuntimeError, match="broke off"):  # the server closes the connection
        TestClient(app).get("/broken")

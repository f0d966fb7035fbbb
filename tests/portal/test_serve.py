"""How the portal listens."""

import asyncio
import http.client
import socket
import threading
from collections.abc import Iterator

import pytest
import uvicorn
from fastapi import FastAPI

from rasti.portal.serve import _listen
from tests.waiting import eventually


async def _no_delay() -> int:
    """TCP_NODELAY of a connection, as asyncio sets it for a server that listens as the portal does."""
    found: asyncio.Future[int] = asyncio.get_running_loop().create_future()

    async def accept(_reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        found.set_result(writer.get_extra_info("socket").getsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY))
        writer.close()

    server = await asyncio.start_server(accept, sock=_listen("127.0.0.1", 0))
    async with server:
        _reader, writer = await asyncio.open_connection(*server.sockets[0].getsockname())
        async with asyncio.timeout(10):
            answer = await found
        writer.close()
        return answer


def test_an_answer_does_not_wait_for_the_acknowledgement_of_its_beginning() -> None:
    assert asyncio.run(_no_delay())


@pytest.fixture
def port(app: FastAPI) -> Iterator[int]:
    """The portal behind its real server."""
    listening = _listen("127.0.0.1", 0)
    server = uvicorn.Server(uvicorn.Config(app, log_level="warning"))
    thread = threading.Thread(target=server.run, kwargs={"sockets": [listening]})
    thread.start()
    eventually(lambda: server.started)
    yield listening.getsockname()[1]
    server.should_exit = True
    thread.join()


@pytest.mark.parametrize("backend", ["sqlite"], indirect=True)
@pytest.mark.parametrize("path", ["/healthz", "/sign-in", "/static/portal.css", "/nowhere"])
def test_on_the_wire_a_head_has_the_length_of_the_page_and_no_body(port: int, path: str) -> None:
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=10)
    lengths = []
    for method in ("HEAD", "GET"):  # on one connection: a body after HEAD would be taken for the next answer
        connection.request(method, path)
        answer = connection.getresponse()
        lengths.append((answer.status, answer.getheader("content-length"), len(answer.read())))
    connection.close()
    (status, said, body), get = lengths
    assert (status, said, body) == (get[0], str(get[2]), 0)
    assert get[1] == said

"""How the portal listens."""

import asyncio
import http.client
import os
import signal
import socket
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest
import uvicorn
from fastapi import FastAPI

from models.engine import open_engine
from models.upgrade import upgrade_database
from rasti.portal.serve import _listen
from tests.conftest import ROOT
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


def test_the_log_tells_when_the_portal_listens_and_what_it_refused_and_a_hang_up_ends_nothing(tmp_path: Path) -> None:
    engine = open_engine(f"sqlite:///{tmp_path / 'rasti.sqlite3'}")
    upgrade_database(engine)
    engine.dispose()
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    process = subprocess.Popen(
        [sys.executable, "-m", "rasti", "portal", "--port", str(port)],
        cwd=ROOT,
        env=os.environ | {"RASTI_HOME": str(tmp_path)},
        stderr=subprocess.PIPE,
        text=True,
    )
    assert process.stderr is not None
    watchdog = threading.Timer(60, process.kill)
    watchdog.start()
    told = process.stderr.readline()
    assert f"portal.listening host=127.0.0.1 port={port}" in told
    process.send_signal(signal.SIGHUP)
    url = f"http://127.0.0.1:{port}/api/v1/leads/7?who=ann@client.example"
    assert httpx.get(url, headers={"Authorization": "Bearer a-token-of-somebody"}).status_code == 401
    told = process.stderr.readline()
    assert told.endswith("portal.refused status=401 method=GET path=/api/v1/leads/{lead_id}\n")
    process.terminate()
    assert process.wait() == -signal.SIGTERM
    process.stderr.close()
    watchdog.cancel()


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

"""How the portal listens."""

import asyncio
import socket

from rasti.portal.serve import _listen


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

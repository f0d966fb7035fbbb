"""Runs the portal until it is stopped."""

import ipaddress
import socket

import uvicorn

from rasti.errors import Refused, Unavailable
from rasti.ledger.book import Book
from rasti.logs import log
from rasti.portal.app import create_app
from rasti.settings import load_settings


def serve(book: Book, host: str, port: int) -> None:
    """Listen and answer. Raises Unavailable: the port is taken; Refused: everybody's mail would be shown to others."""
    settings = load_settings()
    if settings.show_mailbox and not _is_loopback(host):
        raise Refused(
            "RASTI_SHOW_MAILBOX shows everybody's mail: only on a loopback address, not on {host}.", host=host
        )
    config = uvicorn.Config(
        create_app(book, settings),
        host=host,
        port=port,
        # A request's path may hold a token.
        access_log=False,
        log_level="warning",
        server_header=False,
        timeout_graceful_shutdown=5,
    )
    listening = _listen(host, port)
    log("portal.listening", host=host, port=port)
    uvicorn.Server(config).run(sockets=[listening])


def _listen(host: str, port: int) -> socket.socket:
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    # With its protocol named: only then asyncio sends an answer's last packet at once. Else it waits for the reader's
    # acknowledgement of the one before, which comes 40 ms later (Nagle's algorithm meets delayed acknowledgements).
    listening = socket.socket(family, socket.SOCK_STREAM, socket.IPPROTO_TCP)
    listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        listening.bind((host, port))
    except OSError as error:
        listening.close()
        raise Unavailable(
            "The portal cannot listen on {host}:{port}: {why}. Stop what listens there, or choose another port: "
            "--port {other}",
            host=host,
            port=port,
            why=error.strerror or error,
            other=port + 1,
        ) from error
    listening.set_inheritable(True)
    return listening


def _is_loopback(host: str) -> bool:
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"

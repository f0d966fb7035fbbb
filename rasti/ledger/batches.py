"""Many items in a few transactions; if one of them fails it is tried alone, logged, and the rest go on."""

import logging
from collections.abc import Callable, Iterator, Sequence
from typing import TypeVar

from rasti.errors import DatabaseUnavailable, NotUpgraded
from rasti.ledger.book import Book
from rasti.logs import log

FOUND = 200  # items a look
BATCH = 25  # items a transaction: its locks are held for some tens of milliseconds

Result = TypeVar("Result")


def batched(items: Sequence[int]) -> Iterator[list[int]]:
    """Items in batches of one transaction each."""
    for start in range(0, len(items), BATCH):
        yield list(items[start : start + BATCH])


def each(
    event: str, function: Callable[[Book, list[int]], list[Result]], book: Book, items: list[int], *, kind: str
) -> list[Result | None]:
    """What became of each item, in one transaction; if that fails, in one for each. None: it failed, and was logged,
    and nothing waits for it any more (`Book.tried`, under its `kind`).

    Raises Unavailable: the database, nothing else would succeed.
    """
    try:
        return [*function(book, items)]
    except (DatabaseUnavailable, NotUpgraded):
        raise
    except Exception as error:  # noqa: BLE001 - one poison item must not keep the rest from being done
        if len(items) == 1:
            log(event, level=logging.ERROR, error=error, item=items[0])
            book.tried.add((kind, items[0]))
            return [None]
        return [done for item in items for done in each(event, function, book, [item], kind=kind)]

"""The open ledger: what it says when the database cannot be used."""

import pytest
from sqlalchemy.exc import TimeoutError as PoolTimeout

from rasti.errors import Unavailable
from rasti.ledger.book import usable_database


def test_too_many_requests_at_once_are_told_to_come_again() -> None:
    with pytest.raises(Unavailable, match="try again"), usable_database():
        raise PoolTimeout("QueuePool limit of size 10 overflow 20 reached")

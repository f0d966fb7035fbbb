"""Probable doubles under random registers and decisions: the ledger agrees with a model that compares all pairs anew.

The model knows no groups, keys or revisions: what files said last of each invoice, and what operators said.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from itertools import combinations
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import event
from sqlmodel import col, select

from models import Invoice, InvoiceLine, InvoiceRevision
from models.engine import open_engine
from rasti.ledger.book import Book
from rasti.ledger.doubles import list_doubles, resolve_double
from rasti.ledger.ingest import ingest_register
from rasti.ledger.kept_digests import wrong_digests
from rasti.rules.kinds import Keep
from rasti.rules.programme import Programme
from tests.builders import HEADER, invoice_row, register
from tests.clock import MovableClock
from tests.databases import PostgresDatabases, SqliteDatabases

Identity = tuple[str, str, int]

# Few of each, so that most files meet what is there; spellings of one number, numbers that differ by zeros.
row = st.fixed_dictionaries(
    {
        "issuer": st.sampled_from(["vendor", "vendor", "Vendor ", "other"]),
        "number": st.sampled_from(["7", "07", "007", "B7", "b7", "0b7", "\u200b7"]),
        "issued_on": st.sampled_from(["2019-08-15", "2019-08-15", "2018-08-15", "2020-08-15"]),
        "partner_code": st.sampled_from(["p1", "p1", "p2"]),
        "amount": st.sampled_from(["1.00", "1.00", "2.00"]),
        "status": st.sampled_from(["posted", "posted", "posted", "cancelled"]),
    }
)
steps = st.one_of(
    st.lists(row, min_size=1, max_size=4),
    st.lists(row, min_size=1, max_size=4),
    st.tuples(st.integers(0, 99), st.sampled_from(list(Keep))),
)


class Model:
    """What was read, in the order in which invoices came, and what was decided."""

    def __init__(self) -> None:
        self.read: dict[Identity, tuple[str, tuple[str, ...], bool]] = {}
        self.decided: dict[tuple[Identity, Identity], Keep] = {}
        self.open_again: set[tuple[Identity, Identity]] = set()

    def ingest(self, rows: list[dict[str, str]]) -> None:
        """The rows of one invoice agree on everything but the amount."""
        invoices: dict[Identity, list[dict[str, str]]] = {}
        for one in rows:
            invoices.setdefault(identity(one), []).append(one)
        changed = set()
        for key, lines in invoices.items():
            amounts = tuple(sorted(line["amount"] for line in lines))
            said = lines[0]["partner_code"], amounts, lines[0]["status"] == "posted"
            if self.read.get(key, said) != said:
                changed.add(key)
            self.read[key] = said
        # What is left out was corrected, or what counts and is of another year: the word was about something else.
        for pair, word in list(self.decided.items()):
            double = self._double(pair, word)
            asked = {double} if pair[0][2] == pair[1][2] else set(pair)
            if double is not None and asked & changed and self.read[pair[0]] != self.read[pair[1]]:
                self._ask_again(pair)

    def decide(self, pair: tuple[Identity, Identity], keep: Keep) -> None:
        """What counts now is nobody's double any more."""
        if keep is not Keep.BOTH:
            kept = pair[0] if keep is Keep.FIRST else pair[1]
            for old, word in list(self.decided.items()):
                if self._double(old, word) == kept:
                    self._ask_again(old)
        self.decided[pair] = keep
        self.open_again.discard(pair)

    def _ask_again(self, pair: tuple[Identity, Identity]) -> None:
        del self.decided[pair]
        self.open_again.add(pair)

    @staticmethod
    def _double(pair: tuple[Identity, Identity], keep: Keep) -> Identity | None:
        return {Keep.FIRST: pair[1], Keep.SECOND: pair[0], Keep.BOTH: None}[keep]

    def _alike(self) -> set[tuple[Identity, Identity]]:
        return {
            (one, other)
            for one, other in combinations(self.read, 2)
            if one[0] == other[0]
            and one[1].lstrip("0") == other[1].lstrip("0")
            and self.read[one][0] == self.read[other][0]
            and (one[2] == other[2] or self.read[one][1] == self.read[other][1])
        }

    def _posted(self) -> set[Identity]:
        return {key for key, it in self.read.items() if it[2]}

    def left_out(self) -> set[Identity]:
        return self._posted() & {self._double(pair, word) for pair, word in self.decided.items()}

    def doubts(self) -> set[tuple[Identity, Identity]]:
        waiting = (self._alike() | self.open_again) - self.decided.keys()
        return {pair for pair in waiting if self._posted() & set(pair) and self.left_out().isdisjoint(pair)}

    def counting(self) -> dict[Identity, tuple[str, tuple[str, ...]]]:
        return {key: self.read[key][:2] for key in self._posted() - self.left_out()}


def identity(one: dict[str, str]) -> Identity:
    """Said otherwise than by `spelling_key`."""
    number = one["number"].replace("\u200b", "").lower()
    return one["issuer"].strip().lower(), number, int(one["issued_on"][:4])


def _agreeing(rows: list[dict[str, str]]) -> list[dict[str, str]]:
    """Rows of one invoice with one date, partner and status; others would be in quarantine."""
    first: dict[Identity, dict[str, str]] = {}
    for one in rows:
        first.setdefault(identity(one), one)
    return [one | {name: first[identity(one)][name] for name in ("partner_code", "status")} for one in rows]


def _text(rows: list[dict[str, str]]) -> str:
    return register(*(invoice_row(**one) for one in rows), header=f"{HEADER};status")


class Ledger:
    """The same, read from the database."""

    def __init__(self, book: Book, folder: Path) -> None:
        self.book, self.path = book, folder / "register.csv"

    def ingest(self, rows: list[dict[str, str]], *, again: bool = True) -> Any:
        self.path.write_text(_text(rows), encoding="utf-8")
        return ingest_register(self.book, self.path, again=again)

    def identities(self) -> dict[int, Identity]:
        with self.book.read() as tx:
            return {
                it.id: identity({"issuer": it.issuer, "number": it.number, "issued_on": str(it.year)})
                for it in tx.all(select(Invoice))
            }

    def counting(self) -> dict[Identity, tuple[str, tuple[str, ...]]]:
        names = self.identities()
        found: dict[Identity, tuple[str, tuple[str, ...]]] = {}
        with self.book.read() as tx:
            for revision in tx.all(
                select(InvoiceRevision).where(col(InvoiceRevision.is_current), col(InvoiceRevision.status) == "posted")
            ):
                lines = tx.all(select(InvoiceLine).where(col(InvoiceLine.revision_id) == revision.id))
                amounts = tuple(sorted(f"{line.amount:f}" for line in lines))
                found[names[revision.invoice_id]] = revision.partner_code, amounts
        return found

    def doubts(self) -> dict[tuple[Identity, Identity], int]:
        found = {}
        for double in list_doubles(self.book):
            one, other = (
                identity({"issuer": it.issuer, "number": it.number, "issued_on": it.issued_on.isoformat()})
                for it in (double.first, double.second)
            )
            found[one, other] = double.id
        return found


@contextmanager
def _ledger(databases: SqliteDatabases | PostgresDatabases, programme: Programme, folder: Path) -> Iterator[Ledger]:
    with databases.new() as url:
        engine = open_engine(url)
        if engine.dialect.name == "sqlite":
            event.listen(engine, "connect", lambda connection, _record: connection.execute("PRAGMA synchronous=OFF"))
        try:
            yield Ledger(Book(engine, programme, clock=MovableClock()), folder)
        finally:
            engine.dispose()


def _play(ledger: Ledger, story: list[Any]) -> None:
    model = Model()
    for step in story:
        if isinstance(step, list):
            rows = _agreeing(step)
            model.ingest(rows)
            assert ledger.ingest(rows).quarantined == []
            again = ledger.ingest(rows)
            assert (again.accepted, again.revised, again.doubles) == (0, 0, 0)
        elif doubts := ledger.doubts():
            pair = sorted(doubts)[step[0] % len(doubts)]
            resolve_double(ledger.book, doubts[pair], keep=step[1], reason="test")
            model.decide(pair, step[1])
        assert set(ledger.doubts()) == model.doubts()
        assert ledger.counting() == model.counting()
    assert wrong_digests(ledger.book) == []


STORY = st.lists(steps, min_size=1, max_size=8)
SLOW = {"deadline": None, "suppress_health_check": list(HealthCheck)}


@settings(max_examples=120, **SLOW)
@given(story=STORY)
def test_doubts_and_what_counts_are_those_of_the_model_D6(
    story: list[Any], sqlite_databases: SqliteDatabases, programme: Programme, tmp_path: Path
) -> None:
    with _ledger(sqlite_databases, programme, tmp_path) as ledger:
        _play(ledger, story)


@pytest.mark.postgres
@settings(max_examples=15, **SLOW)
@given(story=STORY)
def test_they_are_on_postgres_too_D6(
    story: list[Any], postgres_databases: PostgresDatabases, programme: Programme, tmp_path: Path
) -> None:
    with _ledger(postgres_databases, programme, tmp_path) as ledger:
        _play(ledger, story)


def test_the_order_of_files_makes_no_difference_D6(
    sqlite_databases: SqliteDatabases, programme: Programme, tmp_path: Path
) -> None:
    one, other = ({"number": number, "status": "posted"} for number in ("007", "7"))
    found = []
    for files in ([[one], [other]], [[other], [one]], [[one, other]], [[other, one]]):
        with _ledger(sqlite_databases, programme, tmp_path) as ledger:
            for rows in files:
                ledger.path.write_text(_text(rows), encoding="utf-8")
                ingest_register(ledger.book, ledger.path)
            (double,) = list_doubles(ledger.book)
            found.append({double.first.number, double.second.number})
    assert found == [{"007", "7"}] * 4

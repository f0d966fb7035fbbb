"""Probable doubles: invoices alike but for leading zeros of the number, or the year (D6).

Found and unmade by what every reading of a register changes; an operator says which of two counts. What is left out by
that word is cancelled for everybody who counts. A word is never undone in silence: where a file contradicts it, the
pair is asked about again.
"""

from collections import Counter, defaultdict
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, replace
from datetime import date
from decimal import Decimal
from itertools import chain, combinations
from typing import Any

from sqlalchemy import ColumnElement, delete, func, insert, or_, select
from sqlalchemy.orm import aliased
from sqlmodel import col

from models import IngestBatch, Invoice, InvoiceLine, InvoiceRevision, ProbableDouble
from models.bulk import among
from rasti.clients.register import ReadInvoice
from rasti.errors import NotFound, Refused
from rasti.ledger.book import Book, Lock, Tx
from rasti.ledger.invoices import News, Revised, Stored, add_lines, batches, current_invoices, revise
from rasti.ledger.kept_digests import Changes, keep_changes
from rasti.rules.kinds import Event, InvoiceStatus, Keep
from rasti.rules.month import Month
from rasti.rules.spelling import APART, bare_number

Group = tuple[str, str]  # issuer as compared, number without its leading zeros
Pair = tuple[int, int]  # ids of invoices, the older one first
Member = tuple[ReadInvoice, Stored]  # of a group, as it stands

_NUMBERS = 20_000  # asked for at once
_BY_FILE = ""  # the reason where no operator was asked: the file that replaced a month had one of the two


@dataclass(frozen=True)
class Side:
    """One of two invoices that are probably one, as it stands; the amount in roubles."""

    issuer: str
    number: str
    issued_on: date
    month: Month
    amount: Decimal
    file_name: str  # the one that said so
    status: InvoiceStatus

    def as_json(self) -> dict[str, Any]:
        return {
            "issuer": self.issuer,
            "number": self.number,
            "issued_on": self.issued_on.isoformat(),
            "month": str(self.month),
            "amount": f"{self.amount:f}",
            "file": self.file_name,
        }


@dataclass(frozen=True)
class Double:
    """A doubt that waits for an operator."""

    id: int
    partner: str
    first: Side
    second: Side

    @property
    def months(self) -> list[Month]:
        """Those that it keeps incomplete."""
        return sorted({self.first.month, self.second.month})

    def as_json(self) -> dict[str, Any]:
        return {
            "id": self.id,
            "partner": self.partner,
            "months": [str(month) for month in self.months],
            "first": self.first.as_json(),
            "second": self.second.as_json(),
        }


def near_numbers(tx: Tx, news: News) -> set[Group]:
    """Where what is about to be stored meets an invoice of nearly the same number and the same partner.

    Asked before it is stored: most invoices meet nothing then, and nothing is fetched.
    """
    found: set[Group] = set()
    seen: set[tuple[str, str, str]] = set()
    for invoice in chain(news.new, (it.invoice for it in news.changed)):
        issuer, number, _year = invoice.key
        named = issuer, bare_number(number), invoice.partner_code
        if named in seen:
            found.add(named[:2])
        seen.add(named)
    changed = {it.invoice.key for it in news.changed}
    numbers: dict[str, set[str]] = defaultdict(set)
    for issuer, bare, _partner in seen:
        numbers[issuer].add(bare)
    for issuer, bares in numbers.items():
        for some in batches(bares, _NUMBERS):
            for where in _of_numbers(tx, issuer, some):
                rows = tx.session.execute(
                    select(
                        col(Invoice.number_key),
                        col(Invoice.bare_number),
                        col(Invoice.year),
                        col(InvoiceRevision.partner_code),
                    )
                    .join(InvoiceRevision, col(InvoiceRevision.invoice_id) == col(Invoice.id))
                    .where(col(InvoiceRevision.is_current), *where)
                )
                for number, bare, year, partner in rows:
                    group = issuer, number if bare is None else bare
                    if APART in number or ((*group, partner) in seen and (issuer, number, year) not in changed):
                        found.add(group)
    return found


def groups_in_doubt(tx: Tx, invoice_ids: Iterable[int]) -> set[Group]:
    """Where one of these invoices was found alike to another before."""
    found: set[Group] = set()
    for ids in batches(invoice_ids):
        for column in (col(ProbableDouble.first_id), col(ProbableDouble.second_id)):
            paired = select(Invoice).where(col(Invoice.id).in_(select(column).where(column.in_(ids))))
            found |= {_group(invoice) for invoice in tx.all(paired)}
    return found


def groups_of(tx: Tx, invoice_ids: Iterable[int]) -> set[Group]:
    """Where these invoices belong."""
    found: set[Group] = set()
    for ids in batches(invoice_ids):
        found |= {_group(invoice) for invoice in tx.all(select(Invoice).where(col(Invoice.id).in_(ids)))}
    return found


def months_near(tx: Tx, news: News) -> set[Month]:
    """The months that a file may change by what is alike, was alike before, or will be."""
    first, second = _sides()
    found: set[Month] = set()
    pairs = _of_pairs(first, second, first.month, second.month)
    for row in tx.session.execute(pairs):
        found |= set(row)
    return found | {stored.month for _invoice, stored in _members(tx, near_numbers(tx, news))}


def settle_doubles(
    tx: Tx,
    batch_id: int,
    groups: Iterable[Group],
    changes: Changes,
    *,
    changed: Collection[int] = (),
    missing: Collection[int] = (),
) -> int:
    """Note who is alike now, forget doubts that are none any more, do what operators said; how many doubts are new.

    `changed`: the invoices of which a file said something new; `missing`: those that it cancelled by leaving them out.
    """
    members = _members(tx, groups)
    if not members:
        return 0
    known = _known(tx, [stored.invoice_id for _invoice, stored in members])
    by_group: dict[Group, list[tuple[ReadInvoice, Stored]]] = defaultdict(list)
    for member in members:
        issuer, number, _year = member[0].key
        by_group[issuer, bare_number(number)].append(member)
    alike: set[Pair] = set()
    open_again: set[Pair] = set()
    for group in by_group.values():
        for one, other in combinations(sorted(group, key=lambda it: it[1].invoice_id), 2):
            pair = one[1].invoice_id, other[1].invoice_id
            if _are_alike(one, other):
                alike.add(pair)
            if pair in known and _is_contradicted(known[pair], one, other, changed, missing):
                open_again.add(pair)
    _ask_again(tx, [known[pair] for pair in open_again])
    by_file = _settled_by_a_file(alike - open_again, known, missing)
    for pair in by_file.keys() & known.keys():
        double = known[pair]
        double.keep, double.reason, double.resolved_at = by_file[pair], _BY_FILE, tx.now
        tx.session.add(double)
    tx.session.flush()
    new = sorted(alike - known.keys())
    posted = {stored.invoice_id for _invoice, stored in members if _is_posted(stored)}
    left_out = posted & {
        pair[1] if double.keep is Keep.FIRST else pair[0]
        for pair, double in known.items()
        if double.keep in (Keep.FIRST, Keep.SECOND) and pair not in open_again
    }
    if new:
        rows = [
            {
                "first_id": pair[0],
                "second_id": pair[1],
                "found_at": tx.now,
                "keep": by_file.get(pair),
                "reason": _BY_FILE if pair in by_file else None,
                "resolved_at": tx.now if pair in by_file else None,
            }
            for pair in new
        ]
        tx.session.execute(insert(ProbableDouble), rows)
    gone = [
        double.id
        for pair, double in known.items()
        if double.keep is None and double.reason is None and pair not in alike and pair not in open_again
    ]
    for ids in batches(gone):
        tx.session.execute(delete(ProbableDouble).where(col(ProbableDouble.id).in_(ids)))
    _leave_out(tx, batch_id, members, left_out, changes)
    asked = {*new, *open_again} - by_file.keys()
    return sum(left_out.isdisjoint(pair) and not posted.isdisjoint(pair) for pair in asked)


def list_doubles(book: Book, *, limit: int | None = None) -> list[Double]:
    """Every doubt, the oldest first."""
    with book.read() as tx:
        return doubles_within(tx, limit=limit)


def find_double(book: Book, double_id: int) -> Double | None:
    """A doubt that waits for a decision; None: there is none of this id."""
    with book.read() as tx:
        return next(iter(doubles_within(tx, double_id=double_id)), None)


def doubles_within(
    tx: Tx, *, double_id: int | None = None, months: Iterable[Month] | None = None, limit: int | None = None
) -> list[Double]:
    """The same inside an open transaction; `months`: those that keep one of them incomplete."""
    first, second = _sides()
    found = _in_doubt(first, second, col(ProbableDouble.id), first.id, second.id).order_by(col(ProbableDouble.id))
    if double_id is not None:
        found = found.where(col(ProbableDouble.id) == double_id)
    if months is not None:
        found = found.where(or_(*(side.month.in_(list(months)) for side in (first, second))))
    if limit is not None:
        found = found.limit(limit)
    pairs = [tuple(row) for row in tx.session.execute(found)]
    sides = _shown(tx, {revision for pair in pairs for revision in pair[1:]})
    return [Double(double, sides[one][0], sides[one][1], sides[other][1]) for double, one, other in pairs]


def doubts_of(tx: Tx, months: Iterable[Month]) -> dict[Month, int]:
    """How many doubts keep each of these months incomplete."""
    first, second = _sides()
    wanted = set(months)
    columns = first.month, second.month
    found = _in_doubt(first, second, *columns).where(or_(*(column.in_(wanted) for column in columns)))
    counts: Counter[Month] = Counter()
    for row in tx.session.execute(found):
        counts.update(set(row) & wanted)
    return dict(counts)


def count_doubles(tx: Tx) -> int:
    """How many doubts wait for an operator."""
    first, second = _sides()
    return int(tx.session.execute(_in_doubt(first, second, func.count())).scalar_one())


def resolve_double(book: Book, double_id: int, *, keep: Keep, reason: str) -> Double:
    """An operator says that both invoices are right, or which of them counts; the other one is left out from now on.

    It holds when the same is read again, and when the one that counts is corrected.
    Raises NotFound: no such doubt; Refused: it is none any more, or the reason is blank.
    """
    if not reason.strip():
        raise Refused("A reason is needed.")
    with book.write() as tx:
        tx.lock(Lock.BILLING)
        pair = tx.session.get(ProbableDouble, double_id, populate_existing=True)
        if pair is None:
            raise NotFound("There is no probable double {id}: see `rasti doubles list`.", id=double_id)
        found = doubles_within(tx, double_id=double_id)
        if not found:
            raise Refused("Double {id} is decided already, or no longer in doubt.", id=double_id)
        pair.keep, pair.reason, pair.resolved_at = keep, reason.strip(), tx.now
        tx.session.add(pair)
        tx.session.flush()
        if keep is not Keep.BOTH:
            kept, other = (pair.first_id, pair.second_id)[:: 1 if keep is Keep.FIRST else -1]
            _forget_that_it_is_a_double(tx, kept)
            changes = Changes()
            batch = select(col(InvoiceRevision.batch_id)).where(
                col(InvoiceRevision.invoice_id) == other, col(InvoiceRevision.is_current)
            )
            batch_id = tx.session.execute(batch).scalar_one()
            settle_doubles(tx, batch_id, groups_of(tx, [kept]), changes)
            keep_changes(tx, changes)
        tx.audit(
            Event.DOUBLE_RESOLVED,
            double=double_id,
            issuer=found[0].first.issuer,
            first=found[0].first.number,
            second=found[0].second.number,
            keep=keep,
            reason=reason.strip(),
        )
        return found[0]


def _forget_that_it_is_a_double(tx: Tx, invoice_id: int) -> None:
    """Said of it when it was alike to another; it counts now. So no ring of invoices leaves all of itself out."""
    said = select(ProbableDouble).where(
        or_(
            (col(ProbableDouble.first_id) == invoice_id) & (col(ProbableDouble.keep) == Keep.SECOND),
            (col(ProbableDouble.second_id) == invoice_id) & (col(ProbableDouble.keep) == Keep.FIRST),
        )
    )
    _ask_again(tx, tx.all(said.execution_options(populate_existing=True)))


def _ask_again(tx: Tx, doubles: Iterable[ProbableDouble]) -> None:
    """Open pairs again. The former reason stays: by it they are known, and are asked about until there is an answer."""
    for double in doubles:
        double.keep, double.reason, double.resolved_at = None, double.reason or None, None
        tx.session.add(double)
    tx.session.flush()


def _group(invoice: Invoice) -> Group:
    return invoice.issuer_key or "", bare_number(invoice.number_key or "")


def _of_numbers(tx: Tx, issuer: str, bares: Iterable[str]) -> list[tuple[ColumnElement[bool], ...]]:
    """Conditions that find an issuer's invoices by bare numbers: those bare themselves, those with zeros before."""
    of_issuer, numbers = col(Invoice.issuer_key) == issuer, list(bares)
    return [
        (of_issuer, among(tx.session, col(Invoice.number_key), numbers), col(Invoice.bare_number).is_(None)),
        (of_issuer, among(tx.session, col(Invoice.bare_number), numbers), col(Invoice.bare_number).is_not(None)),
    ]


def _members(tx: Tx, groups: Iterable[Group]) -> list[tuple[ReadInvoice, Stored]]:
    """All invoices of some groups, with their lines."""
    numbers: dict[str, list[str]] = defaultdict(list)
    for issuer, bare in sorted(groups):
        numbers[issuer].append(bare)
    members = [
        member
        for issuer, bares in numbers.items()
        for some in batches(bares, _NUMBERS)
        for where in _of_numbers(tx, issuer, some)
        for member in current_invoices(tx, *where)
    ]
    add_lines(tx, members)
    return members


def _known(tx: Tx, invoice_ids: Iterable[int]) -> dict[Pair, ProbableDouble]:
    known = {}
    for ids in batches(invoice_ids):
        found = select(ProbableDouble).where(col(ProbableDouble.first_id).in_(ids))
        for double in tx.all(found.execution_options(populate_existing=True)):
            known[double.first_id, double.second_id] = double
    return known


def _is_posted(stored: Stored) -> bool:
    """By its file, whatever an operator said."""
    return stored.status is InvoiceStatus.POSTED or stored.left_out


def _are_alike(one: Member, other: Member) -> bool:
    """The same but for zeros, whatever their lines and status; or of other years with the same lines; or one twice.

    Where neither is posted there is nothing to decide.
    """
    if not _is_posted(one[1]) and not _is_posted(other[1]):
        return False
    (_issuer, number, year), (_same, other_number, other_year) = one[0].key, other[0].key
    if year == other_year:
        same_identity = number.partition(APART)[0] == other_number.partition(APART)[0]
        return same_identity or one[0].partner_code == other[0].partner_code
    return _content(one[0]) == _content(other[0])


def _settled_by_a_file(
    alike: Iterable[Pair], known: Mapping[Pair, ProbableDouble], missing: Collection[int]
) -> dict[Pair, Keep]:
    """Of open pairs, the one that counts where a file is the whole of a month and has not the other."""
    found = {}
    for first, second in alike:
        is_open = (first, second) not in known or known[first, second].keep is None
        if is_open and (first in missing) != (second in missing):
            found[first, second] = Keep.SECOND if first in missing else Keep.FIRST
    return found


def _is_contradicted(
    double: ProbableDouble, one: Member, other: Member, changed: Collection[int], missing: Collection[int]
) -> bool:
    """Whether a file says something of a pair that the operator who left one of them out did not know.

    A correction of the one that counts is none, as long as the two are one but for zeros.
    """
    if double.keep not in (Keep.FIRST, Keep.SECOND):
        return False
    kept, left_out = (one, other) if double.keep is Keep.FIRST else (other, one)
    kept_id = kept[1].invoice_id
    if (
        left_out[1].invoice_id in changed
        or kept_id in missing
        or (kept_id in changed and one[0].key[2] != other[0].key[2])
    ):
        return double.reason == _BY_FILE or (_content(one[0]), _is_posted(one[1])) != (
            _content(other[0]),
            _is_posted(other[1]),
        )
    return False


def _content(invoice: ReadInvoice) -> tuple[str, list[tuple[str, int, int]]]:
    return invoice.partner_code, sorted((line.product_code, line.quantity, line.kopecks) for line in invoice.lines)


def _leave_out(
    tx: Tx, batch_id: int, members: Iterable[tuple[ReadInvoice, Stored]], left_out: set[int], changes: Changes
) -> None:
    """A revision for everyone who is to be left out from now on, or is to count again."""
    revised = []
    for invoice, stored in members:
        if (stored.invoice_id in left_out) != stored.left_out:
            status = InvoiceStatus.POSTED if stored.left_out else InvoiceStatus.CANCELLED
            revised.append(Revised(replace(invoice, status=status), stored, left_out=not stored.left_out))
    if revised:
        revise(tx, batch_id, revised, changes)


def _sides() -> tuple[Any, Any]:
    """The current revisions of a pair, for `_in_doubt`."""
    return aliased(InvoiceRevision), aliased(InvoiceRevision)


def _of_pairs(first: Any, second: Any, *columns: Any) -> Any:
    """Pairs, decided or not, with their current revisions."""
    return (
        select(*columns)
        .select_from(ProbableDouble)
        .join(first, first.invoice_id == col(ProbableDouble.first_id))
        .join(second, second.invoice_id == col(ProbableDouble.second_id))
        .where(first.is_current, second.is_current)
    )


def _in_doubt(first: Any, second: Any, *columns: Any) -> Any:
    """Pairs that nobody decided, one of which counts at least, and none of which is left out as another's double."""
    return _of_pairs(first, second, *columns).where(
        col(ProbableDouble.keep).is_(None),
        ~first.left_out,
        ~second.left_out,
        or_(first.status == InvoiceStatus.POSTED, second.status == InvoiceStatus.POSTED),
    )


def _shown(tx: Tx, revision_ids: Iterable[int]) -> dict[int, tuple[str, Side]]:
    """The partner and the side of each revision."""
    shown = {}
    for ids in batches(sorted(revision_ids)):
        rows = tx.session.execute(
            select(
                col(InvoiceRevision.id),
                col(InvoiceRevision.partner_code),
                col(Invoice.issuer),
                col(Invoice.number),
                col(InvoiceRevision.issued_on),
                col(InvoiceRevision.month),
                func.sum(col(InvoiceLine.amount)),
                col(IngestBatch.file_name),
                col(InvoiceRevision.status),
            )
            .join(Invoice, col(Invoice.id) == col(InvoiceRevision.invoice_id))
            .join(IngestBatch, col(IngestBatch.id) == col(InvoiceRevision.batch_id))
            .join(InvoiceLine, col(InvoiceLine.revision_id) == col(InvoiceRevision.id))
            .where(col(InvoiceRevision.id).in_(ids))
            .group_by(col(InvoiceRevision.id), col(Invoice.id), col(IngestBatch.id))
        )
        for revision, partner, *side in rows:
            shown[revision] = partner, Side(*side)
    return shown

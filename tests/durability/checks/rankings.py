"""I7: the same invoices give the same ranking, and an incomplete month is never announced by itself."""

import csv
import io
from collections import Counter, defaultdict
from decimal import ROUND_HALF_UP, Decimal, localcontext
from itertools import combinations
from typing import Any

from tests.durability.checks import Finding
from tests.durability.evidence import Evidence, Row, grouped

Key = tuple[str, str, int]


def check_rankings(evidence: Evidence) -> Finding:
    """I7: same invoices, same ranking; an incomplete ingest never publishes; acknowledged registers are stored."""
    rankings = evidence.rows("ranking")
    finding = Finding(f"{len(rankings)} versions, {len(evidence.rows('publication'))} publications")
    for (month, digest), count in Counter((row["month"], row["digest"]) for row in rankings).items():
        finding.expect(count == 1, f"{month} has {count} versions of the same facts ({digest[:8]})")
    by_id = {row["id"]: row for row in rankings}
    for publication in evidence.rows("publication"):
        ranking = by_id[publication["ranking_id"]]
        whole = ranking["complete"] or publication["reason"]
        finding.expect(bool(whole), f"{ranking['month']} v{ranking['version']} was published and is incomplete")
    currents = Counter(row["invoice_id"] for row in evidence.rows("invoice_revision") if row["is_current"])
    for invoice, count in currents.items():
        finding.expect(count == 1, f"invoice {invoice} has {count} revisions that count")
    _check_registers(evidence, finding)
    for line in evidence.acks("ranked"):
        versions = [r for r in rankings if (r["month"], r["version"]) == (line["month"], line["version"])]
        finding.expect(len(versions) == 1, f"{line['month']} has {len(versions)} versions {line['version']}")
        if line["last"] and versions:
            _check_places(evidence, versions[0], finding)
    return finding


def _check_registers(evidence: Evidence, finding: Finding) -> None:
    """The invoices that count now are those of the acknowledged registers, the last revision of each.

    Of two registers that were on their way at the same time either may have been read last.
    """
    acknowledged: dict[Key, list[tuple[Row, Row]]] = defaultdict(list)
    for line in evidence.acks("register"):
        rows = csv.DictReader(io.StringIO(line["text"]), delimiter=";")
        for key, lines in grouped(({**row, "key": _key(row)} for row in rows), "key").items():
            total = sum((Decimal(row["amount"]) for row in lines), Decimal(0))
            acknowledged[key].append((line, {"partner": lines[0]["partner_code"], "total": total}))
    if not acknowledged:
        return
    stored = _stored_invoices(evidence)
    for key, told in acknowledged.items():
        last_asked = max(float(line.get("asked", line["at"])) for line, _invoice in told)
        last = [invoice for line, invoice in told if float(line["at"]) >= last_asked]
        finding.expect(stored.get(key) in last, f"invoice {key} was acknowledged as {last}: {stored.get(key)}")
    for key in set(stored) - set(acknowledged):
        finding.breaches.append(f"invoice {key} is in no register that was acknowledged")


def _key(row: dict[str, str]) -> Key:
    return row["issuer"], row["number"], int(row["issued_on"][:4])


def _stored_invoices(evidence: Evidence) -> dict[Key, dict[str, Any]]:
    lines = grouped(evidence.rows("invoice_line"), "revision_id")
    current = {row["invoice_id"]: row for row in evidence.rows("invoice_revision") if row["is_current"]}
    return {
        (row["issuer"], row["number"], row["year"]): {
            "partner": current[row["id"]]["partner_code"],
            "total": Decimal(sum(line["amount"] for line in lines[current[row["id"]]["id"]])) / 100,
        }
        for row in evidence.rows("invoice")
        if row["id"] in current
    }


def _check_places(evidence: Evidence, ranking: Row, finding: Finding) -> None:
    """A version that was ranked after the last register, place by place, reckoned anew (R1-R5, D2, D3)."""
    month = ranking["month"]
    expected = _places(evidence, month)
    stored = {
        entry["partner_code"]: (entry["place"], entry["growth_percent"])
        for entry in evidence.rows("ranking_entry")
        if entry["ranking_id"] == ranking["id"]
    }
    placed = {partner: entry for partner, entry in stored.items() if entry[0] is not None}
    finding.expect(placed == expected, f"{month} v{ranking['version']} has {placed}, by the invoices {expected}")
    quarantined = any(
        {month, _previous(month)} & set(row["months"])
        for row in evidence.rows("quarantined_row")
        if row["resolved_at"] is None
    )
    closed = {_spelled(row["issuer"]) for row in evidence.rows("month_close") if row["month"] == month}
    issuers = {_spelled(issuer) for issuer in evidence.programme.get("issuers") or []}
    doubts = _doubles(evidence, month) or _strangers(evidence, month, issuers)
    whole = not quarantined and not doubts and bool(stored) and issuers <= closed
    finding.expect(not ranking["complete"] or whole, f"{month} v{ranking['version']} is complete, it should not be")


def _doubles(evidence: Evidence, month: str) -> bool:
    """Whether two invoices of the month or the one before may be one, and nobody has said what counts (D6).

    The same issuer, partner and lines, the same number but for zeros before it: in any year.
    """
    lines = grouped(evidence.rows("invoice_line"), "revision_id")
    revisions = _billed(evidence)
    decided = {(row["first_id"], row["second_id"]) for row in evidence.rows("probable_double") if row["keep"]}
    alike: dict[Any, list[int]] = defaultdict(list)
    for invoice in evidence.rows("invoice"):
        revision = revisions.get(invoice["id"])
        if revision is not None:
            of_it = sorted((row["product_code"], row["quantity"], row["amount"]) for row in lines[revision["id"]])
            number = _spelled(invoice["number"]).lstrip("0")
            alike[_spelled(invoice["issuer"]), number, revision["partner_code"], str(of_it)].append(invoice["id"])
    pairs = (pair for ids in alike.values() for pair in combinations(sorted(ids), 2))
    return any(
        pair not in decided and {month, _previous(month)} & {revisions[invoice]["month"] for invoice in pair}
        for pair in pairs
    )


def _strangers(evidence: Evidence, month: str, issuers: set[str]) -> bool:
    """Whether an issuer whom the programme does not name has invoices there, and nobody has accepted them (D6)."""
    accepted = {(_spelled(row["issuer"]), row["month"]) for row in evidence.rows("accepted_issuer")}
    revisions = _billed(evidence)
    billed = {
        (_spelled(invoice["issuer"]), revisions[invoice["id"]]["month"])
        for invoice in evidence.rows("invoice")
        if invoice["id"] in revisions
    }
    return bool(issuers) and any(
        issuer not in issuers and of_month in (month, _previous(month)) and (issuer, of_month) not in accepted
        for issuer, of_month in billed
    )


def _billed(evidence: Evidence) -> dict[int, Row]:
    """The revisions that count, by invoice."""
    current = (row for row in evidence.rows("invoice_revision") if row["is_current"] and row["status"] == "posted")
    return {row["invoice_id"]: row for row in current}


def _spelled(text: str) -> str:
    """As names and numbers are compared (D1): these registers hold none of what has no width."""
    return " ".join(text.casefold().split())


def _places(evidence: Evidence, month: str) -> dict[str, tuple[int, str]]:
    rules = evidence.rules(month)
    lines = grouped(evidence.rows("invoice_line"), "revision_id")
    billed: dict[str, dict[str, Any]] = defaultdict(lambda: {"A": Decimal(0), "B": Decimal(0), "kits": 0})
    for revision in evidence.rows("invoice_revision"):
        if revision["is_current"] and revision["status"] == "posted" and revision["month"] in (month, _previous(month)):
            sums = billed[revision["partner_code"]]
            for line in lines[revision["id"]]:
                sums["B" if revision["month"] == month else "A"] += Decimal(line["amount"]) / 100
                if line["product_code"] == rules.get("support_kit", "support-kit") and revision["month"] == month:
                    sums["kits"] += line["quantity"]
    barred = _barred(evidence, month)
    standings = []
    for partner, sums in billed.items():
        if partner in barred or sums["A"] <= 0 or sums["B"] <= sums["A"]:
            continue
        with localcontext(prec=60):
            growth = ((sums["B"] - sums["A"]) * 100 / sums["A"]).quantize(Decimal("0.01"), ROUND_HALF_UP)
        standings.append((-growth, -sums["kits"], sums["A"] - sums["B"], partner))
    return {partner: (place, f"{-growth:f}") for place, (growth, _k, _d, partner) in enumerate(sorted(standings), 1)}


def _barred(evidence: Evidence, month: str) -> set[str]:
    """Who has no place whatever they billed: unknown, suspended, or handed leads of this month (D3, R5)."""
    known = {partner["code"]: partner for partner in evidence.rows("partner")}
    everybody = {row["partner_code"] for row in evidence.rows("invoice_revision")}
    holders = {
        attempt["partner_code"]
        for attempt in evidence.rows("attempt")
        if attempt["tenure_id"] is not None
        and evidence.tenures[attempt["tenure_id"]]["lead_month"] == month
        and attempt["started_at"].astimezone(evidence.zone).strftime("%Y-%m") == month
    }
    suspended = {code for code, partner in known.items() if partner["suspended_at"] is not None}
    return (everybody - set(known)) | suspended | holders


def _previous(month: str) -> str:
    year, number = map(int, month.split("-"))
    return f"{year - (number == 1)}-{(number - 2) % 12 + 1:02d}"

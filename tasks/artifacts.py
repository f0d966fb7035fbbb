"""What a run shows in the Prefect UI: ids, codes and numbers; nothing about a client."""

from collections import Counter
from datetime import datetime
from typing import Any, cast

from prefect.artifacts import create_markdown_artifact, create_table_artifact

from rasti.ledger.fallback import FallBack
from rasti.ledger.rankings import RankingView
from rasti.ledger.tenures import Activation
from rasti.ledger.views import lead_view
from rasti.ledger.violation_view import violation_view
from rasti.rules.fallback import Skip
from rasti.rules.kinds import CheckpointKind, NotRanked, Skipped, ViolationSource
from rasti.steward.run_names import KIND_WORDS
from tasks.opening import open_book

MOST_ROWS = 300  # the UI draws all rows of a table at once

_NOT_RANKED = {
    NotRanked.NO_CABINET_ACCESS: "not in the partner list",
    NotRanked.SUSPENDED: "suspended",
    NotRanked.HOLDS_THE_LEADS: "held the leads of this month",
    NotRanked.NO_PREVIOUS_BILL: "nothing billed the month before",
    NotRanked.NO_GROWTH: "did not grow",
    NotRanked.BELOW_MINIMUM_BASE: "too little billed the month before",
}
_MISSING = {
    "not_closed": "{issuer} has not closed {month}",
    "unknown_issuer": "{issuer} has invoices in {month} and is none of the programme's issuers",
    "quarantine": "{rows} rows of {month} are in quarantine",
    "doubles": "{pairs} invoices of {month} are probably there twice",
    "no_invoices": "{month} has no counted invoice",
}
_SKIPPED = {
    Skipped.DECLINED: "declined",
    Skipped.NOT_READY: "has not accepted the regulation",
    Skipped.SUSPENDED: "is suspended",
    Skipped.VIOLATED: "violated the regulation",
}

_FOUND = {
    ViolationSource.CHECKPOINT: "the due time passed without a contact that counts",
    ViolationSource.SPOT_CHECK: "found by a spot check",
    ViolationSource.OPERATOR: "recorded by an operator; the reason is in the audit trail",
}


def show_ranking(ranking: RankingView) -> None:
    """The version as a table: place, numbers, or the reason why there is no place."""
    entries: list[dict[str, Any]] = ranking.as_json()["entries"]
    rows = [
        {
            "place": entry["place"] or "–",
            "partner": entry["partner"],
            "growth, %": entry["growth_percent"] or "–",
            f"billed {ranking.month.previous}": entry["previous_billed"],
            f"billed {ranking.month}": entry["billed"],
            "kits sold": entry["kits_sold"],
            "not ranked because": _NOT_RANKED[NotRanked(entry["reason"])] if entry["reason"] else "",
        }
        for entry in entries[:MOST_ROWS]
    ]
    ranked = sum(1 for entry in entries if entry["place"])
    counts = Counter(_NOT_RANKED[NotRanked(entry["reason"])] for entry in entries if entry["reason"])
    others = ", ".join(f"{count} ({reason})" for reason, count in counts.most_common())
    complete = "complete" if ranking.complete else f"**incomplete**: {missing_text(ranking)}"
    more = f" The first {MOST_ROWS} of {len(entries)} are shown." if len(entries) > MOST_ROWS else ""
    create_table_artifact(
        key=f"ranking-{ranking.month}",
        table=rows,
        description=f"**Ranking {ranking.month}, version {ranking.version}** ({complete}). {ranked} ranked"
        f"{f'; not ranked: {others}' if others else ''}.{more} {_at_the_desk(f'months/{ranking.month}')}",
    )


def missing_text(ranking: RankingView) -> str:
    """What keeps the month incomplete (D6), in one line."""
    return "; ".join(_MISSING[item["what"]].format(**item) for item in ranking.missing)


def show_activation(activation: Activation) -> None:
    """Who got the leads, and who was passed."""
    holder = f"**{activation.holder}**" if activation.holder else "**nobody**: the leads wait for an operator"
    create_markdown_artifact(
        key=f"leads-{activation.lead_month}",
        markdown=f"## Leads of {activation.lead_month} go to {holder}\n\n"
        f"By the ranking of {activation.month}.\n\n{_skips(activation.skipped)}\n\n"
        f"{_at_the_desk(f'months/{activation.month}')}",
        description=f"Leads of {activation.lead_month}: {activation.holder or 'nobody'}",
    )


def show_lead(lead_id: int) -> None:
    """Where a lead stands: its attempts and their checkpoints."""
    book, _settings = open_book()
    view = cast(dict[str, Any], lead_view(book, lead_id))
    rows = []
    for attempt in view["attempts"]:
        for checkpoint in attempt["checkpoints"] or [{}]:
            kind = checkpoint.get("kind")
            rows.append(
                f"| {attempt['number']} | {attempt['partner']} | {_when(attempt['received_at'])} "
                f"| {KIND_WORDS[CheckpointKind(kind)] if kind else '–'} | {_when(checkpoint.get('due_at'))} "
                f"| {checkpoint.get('verdict') or '–'} | {attempt['end_reason'] or 'open'} |"
            )
    table = (
        "| attempt | partner | received | checkpoint | due | verdict | attempt is |\n|---|---|---|---|---|---|---|\n"
        + "\n".join(rows)
        if rows
        else "Not handed over yet."
    )
    create_markdown_artifact(
        key=f"lead-{lead_id}",
        markdown=f"## Lead {lead_id}: {view['state']}\n\n{table}\n\nTimes are UTC. {_at_the_desk(f'leads/{lead_id}')}",
        description=f"Lead {lead_id}: {view['state']}",
    )


def show_fallback(done: FallBack, handed_over: list[int]) -> None:
    """From whom to whom the leads went, and why."""
    view = violation_view(open_book()[0], done.violation_id)
    why = f"**{view.partner}** violated the {KIND_WORDS[view.kind]} checkpoint of lead {done.lead_id}"
    holder = f"**{done.holder}**" if done.holder else "**nobody**: they wait for an operator"
    if done.switched:
        what = f"The leads go from **{view.partner}** to {holder}.\n\n{_skips(view.passed)}"
    else:
        what = f"The leads stay with {holder}: this attempt is of no open tenure, the switch was made before."
    leads = ", ".join(map(str, handed_over)) or "none"
    create_markdown_artifact(
        key=f"violation-{done.violation_id}",
        markdown=f"## Violation {done.violation_id}\n\n{why} ({_FOUND[view.source]}).\n\n{what}\n\n"
        f"- Lead {done.lead_id} is {done.lead_state}.\n- Waiting leads handed over now: {leads}.\n\n"
        f"{_at_the_desk(f'leads/{done.lead_id}')}",
        description=f"Lead {done.lead_id}: {view.partner} → {done.holder or 'nobody'}"
        if done.switched
        else f"Lead {done.lead_id}: no switch",
    )


def show_sweep(done: str, mail: str) -> None:
    """What a sweep did that the normal path had left undone, and what is wrong with the mail."""
    parts = [f"## Done by the sweep\n\n{done}"] if done else []
    if mail:
        parts.append(f"## Mail is not delivered\n\n{mail} {_at_the_desk('messages')}")
    create_markdown_artifact(key="sweep", markdown="\n\n".join(parts), description=done or mail)


def _skips(skips: tuple[Skip, ...]) -> str:
    if not skips:
        return "Nobody was passed."
    return "Passed:\n\n" + "\n".join(f"- {skip.partner} {_SKIPPED[skip.reason]}" for skip in skips)


def _when(instant: str | None) -> str:
    return f"{datetime.fromisoformat(instant):%Y-%m-%d %H:%M:%S}" if instant else "–"


def _at_the_desk(page: str) -> str:
    _book, settings = open_book()
    return f"[At the operators' desk]({settings.portal_url.rstrip('/')}/desk/{page})"

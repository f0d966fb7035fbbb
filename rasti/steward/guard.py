"""The guard: does what is due and still not done, without Prefect, through the same functions (D12, D13, D16).

Items are done in small batches; if one fails it is tried alone, logged and reported, and the rest go on.
"""

import logging
from collections.abc import Callable, Iterator
from dataclasses import asdict, astuple, dataclass, replace
from datetime import timedelta
from functools import partial
from typing import TypeVar

from rasti.errors import DatabaseUnavailable, NotUpgraded, RastiError
from rasti.ledger.batches import FOUND, batched, each
from rasti.ledger.book import Book
from rasti.ledger.fallback import fall_back_all, violations_to_act_on
from rasti.ledger.handover import hand_over_waiting
from rasti.ledger.tenures import end_programme
from rasti.ledger.unreceived import alert_again
from rasti.ledger.verdicts import Judgement, due_checkpoints, judge_checkpoints
from rasti.logs import log
from rasti.rules.kinds import Verdict
from rasti.settings import Settings
from rasti.steward.bounces import read_bounces_once
from rasti.steward.relay import Postman, deliver

Result = TypeVar("Result")


@dataclass(frozen=True)
class SweepReport:
    """What one round did; `failed`: items that could not be done and were left for the next round."""

    delivered: int = 0
    judged: int = 0
    violations: int = 0
    switches: int = 0
    handed_over: int = 0
    failed: int = 0

    def __add__(self, other: "SweepReport") -> "SweepReport":
        return SweepReport(*(ours + theirs for ours, theirs in zip(astuple(self), astuple(other), strict=True)))

    def as_json(self) -> dict[str, int]:
        return {name: count for name, count in asdict(self).items() if name != "failed"}


def sweep(book: Book, settings: Settings, *, grace: timedelta, postman: Postman | None = None) -> SweepReport:
    """One round of the relay, then of the guard, then of the relay for what that caused. Raises Unavailable."""
    before = deliver(book, settings, postman=postman)
    guarded = guard_round(book, grace=grace)
    _keep_runs(book, settings)
    _tried("guard.read_bounces_failed", lambda own: read_bounces_once(own, settings), book)
    after = deliver(book, settings, postman=postman)
    return guarded + SweepReport(delivered=before + after)


def guard_round(book: Book, *, grace: timedelta) -> SweepReport:
    """Judge what is overdue, act on violations, hand over what waits: in this order, for each step feeds the next.

    At last operators hear again of leads that have not reached their partner.

    `grace`: how long everything is left to whoever does it normally. Raises Unavailable: the database.
    """
    guard = replace(book, actor="guard", written=[], tried=set())
    report = SweepReport(failed=_tried("guard.end_programme_failed", end_programme, guard) is None)
    recorded: list[int] = []
    for judgement in _judgements(guard, grace):
        if judgement is None:
            report += SweepReport(failed=1)
            continue
        violation = judgement.violation_id if judgement.verdict is Verdict.VIOLATED else None
        report += SweepReport(judged=1, violations=violation is not None)
        if violation is not None:
            recorded.append(violation)
    for batch in _due(partial(violations_to_act_on, recorded_now=recorded), guard, grace):
        for done in each("guard.fall_back_failed", fall_back_all, guard, batch, kind="violation"):
            report += SweepReport(failed=1) if done is None else SweepReport(switches=done.acted_now and done.switched)
    handed_over = _tried("guard.hand_over_failed", hand_over_waiting, guard)
    report += SweepReport(failed=1) if handed_over is None else SweepReport(handed_over=len(handed_over))
    _tried("guard.alert_again_failed", alert_again, guard)
    if report != SweepReport():
        log(
            "guard.round",
            judged=report.judged,
            violations=report.violations,
            switches=report.switches,
            handed_over=report.handed_over,
            failed=report.failed,
        )
    return report


def _judgements(guard: Book, grace: timedelta) -> Iterator[Judgement | None]:
    """The verdicts that the guard gives now; None: a checkpoint that could not be judged."""
    ours: set[int] = set()  # leads of which we judged what was overdue: all of it, in one transaction
    for batch in _due(due_checkpoints, guard, grace):
        guard.tried.update(("checkpoint", checkpoint) for checkpoint in batch)
        judgements = each("guard.judge_failed", judge_checkpoints, guard, batch, kind="checkpoint")
        ours.update(judgement.lead_id for judgement in judgements if judgement is not None and judgement.judged_now)
        for judgement in judgements:
            if judgement is None:
                yield None
            elif judgement.verdict not in (None, Verdict.VOID) and judgement.lead_id in ours:
                yield judgement


def _due(find: Callable[..., list[int]], guard: Book, grace: timedelta) -> Iterator[list[int]]:
    """What is due, batch after batch, until nothing new turns up; what failed is found again, and left alone."""
    seen: set[int] = set()
    while new := [item for item in find(guard, grace=grace, limit=FOUND + len(seen)) if item not in seen]:
        seen.update(new)
        yield from batched(new)


def _tried(event: str, function: Callable[[Book], Result], guard: Book) -> Result | None:
    """The function's result, or None if it failed."""
    try:
        return function(guard)
    except (DatabaseUnavailable, NotUpgraded):
        raise
    except Exception as error:  # noqa: BLE001 - as above
        log(event, level=logging.ERROR, error=error)
        return None


def _keep_runs(book: Book, settings: Settings) -> None:
    """What the ledger wants of Prefect, once; without Prefect nothing waits and nothing fails."""
    if settings.prefect_api_url is None:
        return
    from rasti.clients.prefect import prefect_api
    from rasti.steward.runs import crash_dead_runs, create_runs, delete_decided_runs, recreate_missing_runs

    try:
        with prefect_api(settings.prefect_api_url) as prefect:
            prefect.check()
            recreate_missing_runs(book, prefect)
            create_runs(book, prefect)
            delete_decided_runs(book, prefect)
            crash_dead_runs(book, prefect)
    except RastiError as error:
        log("prefect.unavailable", level=logging.WARNING, why=error)

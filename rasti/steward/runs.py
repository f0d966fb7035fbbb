"""Keeps Prefect's scheduled runs in step with the ledger. Without Prefect nothing waits and nothing fails."""

import logging
import threading
import time
import uuid
from collections import defaultdict
from dataclasses import dataclass, field
from datetime import timedelta

from rasti.clients.prefect import NewRun, PrefectApi, prefect_api
from rasti.errors import RastiError, Unavailable
from rasti.ledger import messages, runs
from rasti.ledger.book import Book
from rasti.ledger.messages import Fault
from rasti.ledger.runs import CreatedRun, WantedRun
from rasti.logs import log
from rasti.rules.kinds import Channel, MessageKind
from rasti.settings import Settings
from rasti.steward.run_limits import TIMEOUTS
from rasti.steward.run_names import checkpoint_name, fallback_name, lead_name, lead_tag

_DEPLOYMENTS = {
    MessageKind.RUN_LEAD: "lead",
    MessageKind.RUN_CHECKPOINT: "checkpoint",
    MessageKind.RUN_FALLBACK: "fallback",
}

_DEAD = "Its worker has not been heard of for longer than the run may take."

# Half of what Prefect takes in a call: on a busy machine a hundred last longer than our client waits for an answer.
MOST_CREATED = 50
POLL = 0.5  # seconds between two looks at the outbox
CHECK_EVERY = 15.0  # seconds between two comparisons with what Prefect has
LONGEST_PAUSE = 15.0  # seconds between two tries while Prefect cannot be reached
COMPARED = 1000  # runs a comparison
BURIED_EVERY = 60.0  # seconds between two looks for runs whose worker is dead
MARGIN = timedelta(minutes=5)  # beyond a flow's timeout, for one that is slow to end


@dataclass
class Cursor:
    """How far the comparison with Prefect has come; it goes round."""

    after: CreatedRun | None = None


@dataclass
class Pace:
    """At most so many runs a minute, in bursts of a few seconds."""

    per_minute: int
    _allowed: float = 0.0
    _since: float = field(default_factory=time.monotonic)

    def allowed(self) -> int:
        """How many runs may be created now."""
        now = time.monotonic()
        rate = self.per_minute / 60
        self._allowed = min(self._allowed + (now - self._since) * rate, max(1.0, rate * 5))
        self._since = now
        return int(self._allowed)

    def used(self, count: int) -> None:
        self._allowed -= count


def keep_runs(book: Book, settings: Settings, stop: threading.Event) -> None:
    """The steward's loop for Prefect; returns when `stop` is set, or at once if no Prefect is configured."""
    if settings.prefect_api_url is None:
        return
    pace, cursor, pause = Pace(settings.prefect_runs_per_minute), Cursor(), POLL
    next_check = next_burial = 0.0
    with prefect_api(settings.prefect_api_url) as prefect:
        while not stop.wait(pause):
            try:
                pace.used(create_runs(book, prefect, limit=pace.allowed()))
                if time.monotonic() >= next_check:
                    delete_decided_runs(book, prefect)
                    recreate_missing_runs(book, prefect, cursor)
                    next_check = time.monotonic() + CHECK_EVERY
                if time.monotonic() >= next_burial:
                    crash_dead_runs(book, prefect)
                    next_burial = time.monotonic() + BURIED_EVERY
                pause = POLL
            except RastiError as error:
                pause = min(max(pause * 2, 1.0), LONGEST_PAUSE)
                log("prefect.unavailable", level=logging.WARNING, retry_in=f"{pause:.0f}s", why=error)


def create_runs(book: Book, prefect: PrefectApi, *, limit: int = MOST_CREATED) -> int:
    """Create the runs that messages ask for, at most `limit` (and 50) of them; how many.

    A run that would come after its work is done is not created. Raises Unavailable; then nothing is lost.
    """
    limit = min(limit, MOST_CREATED)
    if limit < 1 or not messages.anything_due(book, Channel.RUN):
        return 0
    prefect.check()  # before anything is claimed: without Prefect the outbox is left alone
    claims = messages.claim(book, f"runs-{uuid.uuid4()}", channel=Channel.RUN, limit=limit)
    wanted = runs.wanted_runs(book, claims)
    for claim in wanted.needless:
        messages.void(book, claim)
    for claim in wanted.not_yet:
        messages.fail(book, claim, Fault.NOBODYS, error="left to the run that recorded the violation")
    for claim in wanted.senseless:
        messages.fail(book, claim, Fault.MAIL, error="asks for a run that cannot be understood")
    by_deployment: dict[str, list[WantedRun]] = defaultdict(list)
    for run in wanted.create:
        by_deployment[_DEPLOYMENTS[run.claim.kind]].append(run)
    created, trouble = 0, None
    for deployment, batch in by_deployment.items():
        try:
            book.reach("runs.before_create")
            ids = prefect.create_runs(deployment, [_new_run(run) for run in batch])
            book.reach("runs.after_create")
        except Unavailable as error:
            # The same key gives the run that was created after all.
            messages.release(book, [run.claim for run in batch])
            trouble = error
            continue
        created += messages.complete_all(book, {run.claim: str(run_id) for run, run_id in zip(batch, ids, strict=True)})
    if trouble is not None:
        raise trouble
    return created


def recreate_missing_runs(
    book: Book, prefect: PrefectApi, cursor: Cursor | None = None, *, limit: int = COMPARED
) -> int:
    """Compare the next open checkpoints with Prefect; a run that is gone is asked for again. How many were gone."""
    cursor = cursor or Cursor()
    known = runs.runs_of_open_checkpoints(book, after=cursor.after, limit=limit)
    cursor.after = known[-1] if len(known) == limit else None
    if not known:
        return 0
    there = prefect.existing({run.run_id for run in known})
    gone = [run for run in known if run.run_id not in there]
    if not gone:
        return 0
    log("prefect.runs_missing", level=logging.WARNING, count=len(gone), of=len(known))
    return runs.ask_again(book, gone)


def delete_decided_runs(book: Book, prefect: PrefectApi) -> int:
    """Delete scheduled runs whose checkpoint has its verdict; how many were deleted."""
    decided = runs.runs_of_decided_checkpoints(book, limit=COMPARED)
    if not decided:
        return 0
    book.reach("runs.before_delete")
    deleted = prefect.delete_scheduled({run.run_id for run in decided})
    book.reach("runs.after_delete")
    runs.forget(book, decided)
    return deleted


def crash_dead_runs(book: Book, prefect: PrefectApi, *, margin: timedelta = MARGIN) -> int:
    """Tell Prefect which runs have died with their worker: taken, and long beyond their timeout; how many.

    Nobody else does. Their work is the guard's already, but Prefect would show them as running for ever and, when it
    was started anew since then, keep their place in a deployment's limit: no month would be ranked any more.
    """
    dead = 0
    for timeout in sorted(set(TIMEOUTS.values())):
        flows = [flow for flow, its in TIMEOUTS.items() if its == timeout]
        for run in prefect.unfinished(flows):
            if run.lasts <= timedelta(seconds=timeout) + margin:
                continue
            book.reach("runs.before_crash")
            crashed = prefect.crash(run, why=_DEAD)
            book.reach("runs.after_crash")
            if crashed:
                log("prefect.run_dead", level=logging.WARNING, run=run.id, name=run.name)
                dead += 1
    return dead


def _new_run(run: WantedRun) -> NewRun:
    lead_id = run.claim.lead_id
    tag = lead_tag(lead_id)
    if run.kind is not None:
        name = checkpoint_name(lead_id, run.kind)
        return NewRun({"checkpoint_id": run.subject}, name, (tag, run.kind.value), run.key, run.due)
    if run.claim.kind is MessageKind.RUN_FALLBACK:
        name = fallback_name(lead_id, run.subject)
        return NewRun({"violation_id": run.subject}, name, (tag,), run.key, run.due)
    return NewRun({"lead_id": run.subject}, lead_name(lead_id), (tag,), run.key, run.due)

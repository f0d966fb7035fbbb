"""The flow runs that Prefect should have: which are still worth creating, which are gone, which are no longer needed.

The ledger does not need them: a verdict that no run gives is given by the guard.
"""

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from uuid import UUID

from sqlalchemy import ColumnElement, Select, and_, literal, select, tuple_, update
from sqlalchemy.exc import NoResultFound
from sqlmodel import col

from models import Checkpoint, Message, Violation
from models.types import UtcDateTime
from rasti.ledger.book import Book, Tx
from rasti.ledger.messages import Claim
from rasti.rules.kinds import CheckpointKind, MessageKind, MessageState

# A run that records a violation acts on it itself; another run for it is created only if that did not happen.
OWN_FALLBACK = timedelta(seconds=5)

# Runs of verdicts given before that are left to a worker, which finds nothing to do: they are in Prefect only if it was
# away for longer.
RECENT = timedelta(days=7)

_TRY = "try"  # in a message's data: how often its run was found missing


@dataclass(frozen=True)
class WantedRun:
    """A claimed message and the run it asks for; `key` is new for every try."""

    claim: Claim
    subject: int  # id of the lead, checkpoint or violation
    kind: CheckpointKind | None
    due: datetime
    key: str


@dataclass(frozen=True)
class Wanted:
    """What to do with claimed messages."""

    create: list[WantedRun]
    needless: list[Claim]  # the run would come after its work is done
    not_yet: list[Claim]
    senseless: list[Claim]  # cannot be understood: an error of ours


@dataclass(frozen=True, order=True)
class CreatedRun:
    """A run that was created for a checkpoint, in order of the due times."""

    due_at: datetime
    message_id: int
    run_id: UUID


def wanted_runs(book: Book, claims: Sequence[Claim]) -> Wanted:
    """Which of the claimed messages still ask for a run."""
    result = Wanted([], [], [], [])
    with book.read() as tx:
        for claim in claims:
            try:
                _sort(tx, claim, result)
            except (KeyError, ValueError, NoResultFound):
                result.senseless.append(claim)  # one of these must not keep the others from their runs
    return result


def _sort(tx: Tx, claim: Claim, result: Wanted) -> None:
    message = tx.session.get_one(Message, claim.id)
    key = f"{message.dedupe_key}@{message.created_at.timestamp():.0f}#{claim.data.get(_TRY, 1)}"
    if claim.kind is MessageKind.RUN_CHECKPOINT:
        checkpoint = tx.session.get_one(Checkpoint, claim.data["checkpoint"])
        if checkpoint.verdict is not None:
            result.needless.append(claim)
        else:
            due = datetime.fromisoformat(claim.data["due"])
            result.create.append(WantedRun(claim, checkpoint.id, checkpoint.kind, due, key))
    elif claim.kind is MessageKind.RUN_FALLBACK:
        violation = tx.session.get_one(Violation, claim.data["violation"])
        if violation.acted_at is not None:
            result.needless.append(claim)
        elif violation.recorded_by.startswith("flow-run:") and tx.now < violation.recorded_at + OWN_FALLBACK:
            result.not_yet.append(claim)
        else:
            result.create.append(WantedRun(claim, violation.id, None, tx.now, key))
    elif claim.kind is MessageKind.RUN_LEAD and claim.lead_id is not None:
        result.create.append(WantedRun(claim, claim.lead_id, None, tx.now, key))
    else:
        result.senseless.append(claim)


def runs_of_open_checkpoints(book: Book, *, after: CreatedRun | None, limit: int) -> list[CreatedRun]:
    """Runs of checkpoints without a verdict whose due time is to come, in order, from behind `after` on."""
    with book.read() as tx:
        conditions = [col(Checkpoint.verdict).is_(None), col(Checkpoint.due_at) > tx.now]
        if after is not None:
            last = tuple_(literal(after.due_at, UtcDateTime()), literal(after.message_id))
            conditions.append(tuple_(col(Checkpoint.due_at), col(Message.id)) > last)
        rows = tx.session.execute(_created_runs().where(*conditions).limit(limit)).all()
        return [CreatedRun(due_at, message_id, UUID(run_id)) for due_at, message_id, run_id in rows]


def runs_of_decided_checkpoints(book: Book, *, limit: int) -> list[CreatedRun]:
    """Runs whose verdict another gave, of late: those still to come, and those that are late, have nothing to do."""
    with book.read() as tx:
        by_its_run = literal("flow-run:") + col(Message.external_id)
        decided = and_(
            col(Checkpoint.judged_at) > tx.now - RECENT, col(Checkpoint.judged_by).is_distinct_from(by_its_run)
        )
        rows = tx.session.execute(_created_runs().where(decided).limit(limit)).all()
        return [CreatedRun(due_at, message_id, UUID(run_id)) for due_at, message_id, run_id in rows]


def ask_again(book: Book, runs: Collection[CreatedRun]) -> int:
    """These runs are gone from Prefect: their messages ask for new ones. How many."""
    asked = 0
    with book.write() as tx:
        for run in sorted(runs, key=lambda run: run.message_id):
            message = tx.session.get_one(Message, run.message_id, with_for_update=True)
            if message.state is MessageState.SENT and message.external_id == str(run.run_id):
                message.state, message.sent_at, message.external_id, message.tries = MessageState.PENDING, None, None, 0
                message.not_before, message.claimed_by, message.claimed_until = tx.now, None, None
                message.data = message.data | {_TRY: message.data.get(_TRY, 1) + 1}
                asked += 1
    return asked


def forget(book: Book, runs: Collection[CreatedRun]) -> None:
    """These runs were deleted because nothing is left to do for them."""
    with book.write() as tx:
        tx.session.execute(
            update(Message)
            .where(col(Message.id).in_([run.message_id for run in runs]), col(Message.state) == MessageState.SENT)
            .values(state=MessageState.VOID, sent_at=None)
        )


def _created_runs() -> Select[tuple[datetime, int, str | None]]:
    return (
        select(col(Checkpoint.due_at), col(Message.id), col(Message.external_id))
        .join(Message, _belongs_to_checkpoint())
        .where(
            col(Message.kind) == MessageKind.RUN_CHECKPOINT,
            col(Message.state) == MessageState.SENT,
            col(Message.external_id).is_not(None),
        )
        .order_by(col(Checkpoint.due_at), col(Message.id))
    )


def _belongs_to_checkpoint() -> ColumnElement[bool]:
    # By the attempt first, which has an index; an attempt has three of them.
    return and_(
        col(Message.attempt_id) == col(Checkpoint.attempt_id),
        col(Message.data)["checkpoint"].as_integer() == col(Checkpoint.id),
    )

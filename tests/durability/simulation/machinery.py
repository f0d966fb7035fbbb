"""What runs by itself in a schedule: our loops, Prefect's runs and its faults, time."""

from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from sqlalchemy import select
from sqlmodel import col

from models import Checkpoint, Message
from rasti.clients.bounce_folder import Maildir
from rasti.ledger.fallback import fall_back
from rasti.ledger.handover import hand_over, hand_over_waiting
from rasti.ledger.verdicts import judge_checkpoint
from rasti.rules.kinds import MessageState, Verdict
from rasti.steward.bounces import read_bounces
from rasti.steward.guard import guard_round
from rasti.steward.relay import deliver
from rasti.steward.runs import create_runs, delete_decided_runs, recreate_missing_runs
from tests.durability.simulation.steps import ask_first, do
from tests.durability.simulation.world import World


def relay_delivers(world: World) -> None:
    process = world.free("steward") if world.has_free("steward") else None
    if process is not None:
        limit = world.random.choice([1, 3, 100])
        book = world.book_of(process)
        do(world, "relay", process, lambda: deliver(book, world.settings, postman=world.smtp, limit=limit))


def guard_looks(world: World) -> None:
    if world.has_free("steward"):
        process, grace = world.free("steward"), timedelta(seconds=world.random.choice([0, 0, 30]))
        do(world, "guard", process, lambda: guard_round(world.book_of(process), grace=grace))


def bounces_are_read(world: World) -> None:
    """The steward's loop that reads what came back, if anything did."""
    folder = Maildir(world.bounces)
    if world.has_free("steward") and any(folder.unseen()):
        process = world.free("steward")
        do(world, "bounces", process, lambda: read_bounces(world.book_of(process), folder))


def runs_are_kept(world: World) -> None:
    """The steward's loop for Prefect, in part or whole."""
    if not world.has_free("steward"):
        return
    process, api = world.free("steward"), world.prefect.api()
    loops = [create_runs, create_runs, delete_decided_runs, recreate_missing_runs]
    loop = world.random.choice(loops)
    try:
        do(world, loop.__name__, process, lambda: loop(world.book_of(process), api))  # type: ignore[operator]
    finally:
        api.close()


def run_executes(world: World) -> None:
    """Any run that Prefect has: in time, late, or a second time; as the flows do it."""
    if not world.prefect.runs or not world.has_free("worker"):
        return
    process = world.free("worker")
    due = [run for run in world.prefect.runs.values() if _due(run) <= world.clock.now] or [*world.prefect.runs.values()]
    run = world.random.choice(due)
    name, number = next(iter(run["parameters"].items()))

    def step() -> None:
        book = world.book_of(process, "flow-run:run")
        if name == "lead_id":
            hand_over(book, number)
        elif name == "violation_id":
            fall_back(book, number)
            hand_over_waiting(book)
        else:
            judgement = judge_checkpoint(book, number)
            if judgement.violation_id is not None and judgement.verdict is Verdict.VIOLATED:
                fall_back(book, judgement.violation_id)
                hand_over_waiting(book)
        if world.random.randrange(5):
            run["state_type"] = "COMPLETED"

    again = " again" if run["state_type"] == "COMPLETED" else ""
    world.counts[f"fault: run executes{again}"] += 1
    do(world, f"run {name} {number}{again}", process, step)


def prefect_suffers(world: World) -> None:
    """Prefect's server goes down or comes back, or its database is wiped."""
    if world.random.randrange(2) == 0:
        world.prefect.forget_everything()
        world.note_fault("Prefect wiped", "prefect")
        return
    world.prefect.down = not world.prefect.down
    if world.prefect.down:
        world.note_fault("Prefect down", "prefect")


def run_is_lost(world: World) -> None:
    """Somebody deletes a run, or a deployment with its scheduled runs."""
    if world.prefect.runs:
        gone: UUID = world.random.choice([*world.prefect.runs])
        del world.prefect.runs[gone]
        world.note_fault("run deleted", "prefect")


def _due(run: dict[str, Any]) -> datetime:
    return datetime.fromisoformat(run["state"]["state_details"]["scheduled_time"])


def time_passes(world: World) -> None:
    ways = ["seconds", "seconds", "minutes", "minutes", *["due"] * 3, "hours", "night", "days"]
    how = world.random.choice(ways[:-2] if world.unhurried else ways)
    now = world.clock.now
    to = now
    if how == "due":
        instants = ask_first(world, select(Checkpoint.due_at).where(col(Checkpoint.verdict).is_(None)))
        instants += ask_first(world, select(Message.not_before).where(col(Message.state) == MessageState.PENDING))
        later = sorted(instant for (instant,) in instants if instant > now)
        if later:
            to = later[0] + timedelta(seconds=world.random.choice([-60, 0, 1, 45]))
    elif how == "night":
        to = (now + timedelta(days=1)).replace(hour=world.random.choice([0, 6, 9]), minute=0)
    else:
        most = {"seconds": 50, "minutes": 70, "hours": 30, "days": 9}[how]
        to = now + timedelta(**{how: world.random.randrange(1, most)})
    if to != now:
        world.say(f"time passes: {to - now}")
        world.set_time(to)


def month_ends(world: World) -> None:
    if world.unhurried:
        return
    month = world.programme.month_at(world.clock.now)
    world.say(f"{month} ends")
    world.set_time(month.ends_at(world.programme.zone) + timedelta(minutes=world.random.choice([0, 10, 600])))


def clock_steps(world: World) -> None:
    """The database's clock is set: a little back, or hours on."""
    seconds = world.random.choice([-1, -20, -55, 90, 4000])
    world.pass_time(timedelta(seconds=seconds))
    world.note_fault("clock stepped back" if seconds < 0 else "clock stepped on", "machine")


def somebody_reads(world: World) -> None:
    world.say("somebody reads")
    world.look()

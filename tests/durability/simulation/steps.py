"""How a step of the simulation is taken: by a process of ours, for somebody who asks until told."""

from collections.abc import Callable
from typing import Any

from sqlalchemy import Select

from rasti.errors import RastiError, Unavailable
from tests.durability.simulation.faults import Killed
from tests.durability.simulation.world import Process, Request, World


def do(world: World, label: str, process: Process, step: Callable[[], Any]) -> bool:
    """One step of one process: done, refused by a rule, or broken off by a fault (False: nobody was told)."""
    world.say(f"{process.name}: {label}")
    world.busy.append(process.name)
    try:
        step()
    except Unavailable:
        return False
    except RastiError as error:
        world.say(f"refused: {error}")
        world.counts["refused by a rule"] += 1
    except Exception as error:  # noqa: BLE001 - nothing else may happen: it is told at the end, the schedule goes on
        world.errors.append(f"{process.name}: {label}: {type(error).__name__}: {error}".partition("\n")[0])
        process.restart()
    except Killed:
        process.restart()
        return False
    finally:
        world.busy.remove(process.name)
        world.note_end(process.name)
    return True


def request(world: World, asked: Request) -> None:
    """A client asks one of the processes; not told that it is done, it will ask again."""
    process = world.free(asked.role) if world.has_free(asked.role) else None
    if process is None or not do(world, asked.label, process, lambda: asked.ask(process)):
        world.counts["asked again"] += 1
        world.pending.append(asked)


def ask_again(world: World) -> None:
    if world.pending:
        request(world, world.pending.pop(world.random.randrange(len(world.pending))))


def ask_first(world: World, statement: Select[Any]) -> list[Any]:
    """What somebody outside reads before they decide."""
    with world.processes["intake-1"].book.read() as tx:
        return list(tx.session.execute(statement).all())

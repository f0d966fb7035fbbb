"""Kills, stops and starts the processes by a seeded plan."""

import heapq
import threading
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from random import Random

from tests.durability.chaos.processes import Component, Postgres
from tests.durability.evidence import Journal

# Seconds between two faults of a component, at least and at most.
EVERY = {
    "database": (5, 40),
    "smtp": (8, 30),
    # A start costs seconds of a processor, which is then missing elsewhere.
    "steward": (8, 30),
    "portal": (8, 30),
    "worker": (20, 80),
    "prefect": (30, 90),
}


@dataclass(order=True)
class Fault:
    """What happens to whom, when, and for how long it is away."""

    at: float
    component: str
    what: str  # killed or stopped
    away: float = field(compare=False)


def plan(seed: int, seconds: float, components: Sequence[Component]) -> list[Fault]:
    """The same seed and length give the same plan; everybody is killed at least once."""
    faults = []
    for component in components:
        random = Random(f"{seed} {component.name}")
        least, most = EVERY[component.kind]
        # A short run has to begin with what each of them must suffer once.
        at = min(random.uniform(0.1, 0.4) * seconds, random.uniform(least, most))
        first = True
        while at < seconds * 0.9:
            stopped = not first and random.randrange(3) == 0
            away = random.uniform(0.5, 4) if stopped else random.uniform(0.1, 2.5)
            faults.append(Fault(at, component.name, "stopped" if stopped else "killed", away))
            first = False
            at += away + random.uniform(least, most)
    return sorted(faults)


class Monkey(threading.Thread):
    """Carries the plan out, unless stopped before; at its end everything runs again."""

    def __init__(
        self, faults: list[Fault], components: Sequence[Component], journal: Journal, stopped: threading.Event
    ) -> None:
        super().__init__(name="monkey")
        self.faults, self.journal, self.stopped = faults, journal, stopped
        self.components = {component.name: component for component in components}

    def run(self) -> None:
        began = time.monotonic()
        agenda = [(fault.at, index, fault, "strike") for index, fault in enumerate(self.faults)]
        heapq.heapify(agenda)
        while agenda:
            at, index, fault, step = heapq.heappop(agenda)
            if self.stopped.wait(max(0.0, began + at - time.monotonic())):
                return
            component = self.components[fault.component]
            if step == "strike":
                self._strike(component, fault)
                heapq.heappush(agenda, (time.monotonic() - began + fault.away, index, fault, "mend"))
            else:
                self._mend(component, fault)

    def _strike(self, component: Component, fault: Fault) -> None:
        self.journal.write(at=time.time(), component=component.kind, name=component.name, what=fault.what)
        if fault.what == "stopped":
            component.stop()
        else:
            component.kill()

    def _mend(self, component: Component, fault: Fault) -> None:
        if fault.what == "stopped":
            component.go_on()
        elif isinstance(component, Postgres):
            component.come_up()
        else:
            component.start()
        self.journal.write(at=time.time(), component="nobody", name=component.name, what="back")


class Supervisor(threading.Thread):
    """What a service manager does: starts again whoever has ended by itself, for example for want of a database."""

    def __init__(self, components: Sequence[Component], stopped: threading.Event) -> None:
        super().__init__(name="supervisor")
        self.components, self.stopped = components, stopped

    def run(self) -> None:
        while not self.stopped.wait(1.0):
            for component in self.components:
                component.look_after()

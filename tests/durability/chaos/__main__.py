"""`make chaos SECONDS=60 SEED=1`: the real processes under a seeded plan of kills, then the checker.

    python -m tests.durability.chaos [--seconds N] [--seed N] [--rate N] [--least N] [--keep]

PostgreSQL, an SMTP server, two stewards, two portals, a Prefect server and two warm workers on loopback. Leads arrive
at a steady rate while every process is killed (-9), stopped and started again. Then faults stop, what is due is done
within 90 seconds, and the checker reads the witnesses. Exit status 1: an invariant is broken, fewer leads than --least,
or somebody was never killed.
"""

import argparse
import os
import shutil
import signal
import sys
import tempfile
import threading
import time
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from random import Random

import psycopg

from tests.durability.chaos.clients import Api, Caller, Partners, Reader, Sites, guarded
from tests.durability.chaos.monkey import Monkey, Supervisor, plan
from tests.durability.chaos.prefect import Prefect
from tests.durability.chaos.processes import Component, Postgres, free_port, python, wait_for
from tests.durability.chaos.report import Outcome, judge
from tests.durability.chaos.setting import furnish, write_programme
from tests.durability.evidence import Journal

CALM = 90.0  # seconds after the last fault in which everything that is due has to be done
SITES, CALLERS = 6, 6  # so many that a few who wait for an answer do not hold up the rest
GRACE = 3.0  # seconds that the guard leaves to Prefect's runs
RUNS_PER_MINUTE = 20  # by each steward; a run costs half a second of a processor: nothing depends on them

_WAITING = """
    SELECT (SELECT count(*) FROM message WHERE channel = 'mail' AND state = 'pending' AND not_before <= now())
         + (SELECT count(*) FROM checkpoint JOIN attempt ON attempt.id = checkpoint.attempt_id
            WHERE verdict IS NULL AND ended_at IS NULL AND due_at < now() - interval '8 seconds')
         + (SELECT count(*) FROM violation WHERE acted_at IS NULL)
"""


class Run:
    """One chaos run: its processes, its witnesses, its clients."""

    def __init__(self, folder: Path, *, seconds: float, seed: int, rate: float) -> None:
        self.folder, self.seconds, self.seed, self.rate = folder, seconds, seed, rate
        self.stopped = threading.Event()
        self.problems: list[str] = []
        write_programme(folder / "programme.yaml")
        self.postgres = Postgres(folder, free_port())
        self.smtp_port = free_port()
        ours = self._settings()
        self.prefect = Prefect(folder, free_port(), ours)
        self.components: list[Component] = [  # the database first: it outlives the others, for the checker
            *(self.postgres, self._sink(), self.prefect.server),
            *self._ours(ours | self.prefect.environment),
            *self.prefect.workers,
        ]

    def _sink(self) -> Component:
        mails = self.folder / "mails.jsonl"
        command = python("tests.durability.chaos.sink", self.smtp_port, mails, self.seed)
        return Component("smtp", "smtp", command, self.folder / "smtp.log", port=self.smtp_port)

    def _settings(self) -> dict[str, str]:
        return {
            "RASTI_HOME": str(self.folder / "home"),
            "RASTI_DATABASE_URL": self.postgres.url,
            "RASTI_PROGRAMME": str(self.folder / "programme.yaml"),
            "RASTI_SMTP_URL": f"smtp://127.0.0.1:{self.smtp_port}",
            "RASTI_GUARD_GRACE": f"{GRACE:g}",
            "RASTI_PREFECT_RUNS_PER_MINUTE": f"{RUNS_PER_MINUTE}",
            "RASTI_SECRET_KEY": "a secret of the chaos run, long enough for it",
        }

    def _ours(self, environment: dict[str, str]) -> Iterator[Component]:
        for number in (1, 2):
            name = f"steward-{number}"
            command = python("rasti.cli.main", "steward")
            yield Component(name, "steward", command, self.folder / f"{name}.log", environment)
        for number in (1, 2):
            name, port = f"portal-{number}", free_port()
            command = python("rasti.cli.main", "portal", "--port", port)
            yield Component(name, "portal", command, self.folder / f"{name}.log", environment, port)

    def play(self) -> None:
        """Everything: start, chaos, calm."""
        self.postgres.come_up()
        site, tokens = furnish(self.postgres.url, self.folder)
        self.prefect.come_up(self.postgres)
        for component in self.components:
            if not component.is_running:
                component.start()
        wait_for(self.components)
        acknowledged = Journal(self.folder / "acknowledged.jsonl")
        urls = [f"http://127.0.0.1:{component.port}" for component in self.components if component.kind == "portal"]
        apis = [Api(urls, Random(f"{self.seed} api {number}"), self.stopped) for number in range(SITES + CALLERS)]
        sites = [
            Sites(number, self.rate / SITES, self.seconds, apis[number], site, acknowledged) for number in range(SITES)
        ]
        partners = Partners(self.folder / "mails.jsonl", Random(f"{self.seed} partners"), self.stopped)
        callers = [Caller(partners, api, tokens, acknowledged) for api in apis[SITES:]]
        reader = Reader(self.postgres.url, Journal(self.folder / "readings.jsonl"), self.stopped)
        monkey = Monkey(
            plan(self.seed, self.seconds, self.components),
            self.components,
            Journal(self.folder / "faults.jsonl"),
            self.stopped,
        )
        supervisor = Supervisor(self.components, self.stopped)
        everybody: list[threading.Thread] = [*sites, partners, *callers, reader, monkey, supervisor]
        began = time.monotonic()
        try:
            guarded(everybody, self.problems.append)
            for thread in (monkey, *sites):
                thread.join()
            self.calm_from = time.monotonic()
            self._wait_until_done(partners)
        finally:
            self.stopped.set()
            for thread in everybody:
                thread.join()
        self.took = time.monotonic() - began
        # The witnesses are read one after the other: nobody may add to one of them meanwhile.
        self._end(self.components[1:])
        self.answers = sum((api.tries for api in apis), Counter[str]())

    def outcome(self) -> Outcome:
        return Outcome(self.components, self.answers, self.problems, self.calm, self.took)

    def _wait_until_done(self, partners: Partners) -> None:
        """Until nothing is due any more, at most as long as the checker allows."""
        with psycopg.connect(self.postgres.address, autocommit=True) as connection:
            while time.monotonic() - self.calm_from < CALM:
                row = connection.execute(_WAITING).fetchone()
                if row == (0,) and partners.due.empty():
                    break
                time.sleep(0.5)
        self.calm = time.monotonic() - self.calm_from

    def end(self) -> None:
        self._end(self.components)

    def _end(self, components: Sequence[Component]) -> None:
        for component in reversed(components):
            component.end()


@contextmanager
def _folder(keep: bool) -> Iterator[Path]:
    folder = Path(tempfile.mkdtemp(prefix="rasti-chaos-"))
    folder.chmod(0o755)  # PostgreSQL may run as somebody else
    try:
        yield folder
    finally:
        if keep:
            print(f"the evidence is in {folder}", file=sys.stderr)
        else:
            shutil.rmtree(folder, ignore_errors=True)


def main(arguments: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seconds", type=float, default=60)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--rate", type=float, default=9, help="leads a second")
    parser.add_argument("--least", type=int, help="leads that must go through; default: half of what the rate gives")
    parser.add_argument("--keep", action="store_true", help="keep the evidence")
    asked = parser.parse_args(arguments)
    for name in [name for name in os.environ if name.startswith(("RASTI_", "PREFECT_"))]:
        del os.environ[name]
    least = int(asked.seconds * asked.rate / 2) if asked.least is None else asked.least
    signal.signal(signal.SIGTERM, signal.default_int_handler)  # also then nothing is left running
    with _folder(asked.keep) as folder:
        run = Run(folder, seconds=asked.seconds, seed=asked.seed, rate=asked.rate)
        try:
            run.play()
            return 0 if judge(run.postgres.url, folder, run.outcome(), least) else 1
        finally:
            run.end()


if __name__ == "__main__":
    sys.exit(main())

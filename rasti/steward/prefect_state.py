"""Whether Prefect does its part: workers, late runs, who gives the verdicts. For status, monitoring and desk."""

from collections.abc import Callable
from contextlib import AbstractContextManager
from dataclasses import dataclass
from datetime import timedelta

from rasti.clients.prefect import PrefectApi, PrefectState
from rasti.errors import Reason, Unavailable
from rasti.ledger.book import Book
from rasti.ledger.verdict_shares import VerdictShares, verdict_shares
from rasti.steward.run_limits import TIMEOUTS

LATE_AFTER = timedelta(seconds=30)  # as long as the guard leaves to the normal path by default
MOST_BY_GUARD = 0.1  # of the verdicts of an hour; a run in a hundred may come late
ENOUGH = 3  # verdicts by the guard, before its share says anything


@dataclass(frozen=True)
class Trouble:
    """What is not well: a word that stays the same, for programs, and a sentence."""

    code: str
    said: Reason


@dataclass(frozen=True)
class PrefectHealth:
    """How Prefect does; `state` is None while it cannot be asked."""

    state: PrefectState | None
    verdicts: VerdictShares
    troubles: tuple[Trouble, ...]

    @property
    def codes(self) -> list[str]:
        """The words of what is not well, each once."""
        return list(dict.fromkeys(trouble.code for trouble in self.troubles))

    def as_json(self) -> dict[str, object]:
        """For `rasti status --json` and `/readyz`."""
        state = self.state
        return {
            "up": state is not None,
            "pools": [
                {"name": pool.name, "paused": pool.paused, "workers": pool.workers}
                for pool in (state.pools if state else ())
            ],
            "late_runs": state.late if state else None,
            "oldest_late_seconds": round(state.oldest_late, 1) if state else None,
            "missing_deployments": list(state.missing) if state else [],
            "paused_deployments": list(state.paused) if state else [],
            "verdicts_last_hour": {"guard": self.verdicts.guard, "flow_runs": self.verdicts.runs},
            "reasons": self.codes,
        }


def prefect_health(book: Book, opened: Callable[[], AbstractContextManager[PrefectApi]]) -> PrefectHealth:
    """Look now. Raises Unavailable: the database; a Prefect that cannot be asked is a trouble."""
    verdicts = verdict_shares(book)
    try:
        with opened() as api:
            state = api.state(tuple(TIMEOUTS), late_after=LATE_AFTER)
    except Unavailable as error:
        code = "prefect_refuses" if "status" in error.values else "prefect_down"
        return PrefectHealth(
            None, verdicts, (Trouble(code, Reason(error.template, **error.values)), *_guards(verdicts))
        )
    return PrefectHealth(state, verdicts, (*_of_state(state), *_guards(verdicts)))


def _of_state(state: PrefectState) -> list[Trouble]:
    found = []
    if state.missing:
        said = Reason("Prefect lacks deployments: {names}. Run `prefect deploy --all`.", names=", ".join(state.missing))
        found.append(Trouble("deployments_missing", said))
    for pool in state.pools:
        if not pool.workers:
            said = Reason("No worker is online on the work pool {pool}: runs wait, the guard judges.", pool=pool.name)
            found.append(Trouble("no_worker", said))
        if pool.paused:
            found.append(Trouble("pool_paused", Reason("The work pool {pool} is paused.", pool=pool.name)))
    if state.late:
        said = Reason(
            "Runs that are late: {count}, the oldest by {seconds} s.",
            count=state.late,
            seconds=round(state.oldest_late),
        )
        found.append(Trouble("runs_late", said))
    return found


def _guards(verdicts: VerdictShares) -> list[Trouble]:
    if verdicts.guard < ENOUGH or verdicts.by_guard <= MOST_BY_GUARD:
        return []
    said = Reason(
        "The guard gave {guard} of the {all} verdicts of the last hour; with Prefect at work it gives none.",
        guard=verdicts.guard,
        all=verdicts.guard + verdicts.runs,
    )
    return [Trouble("verdicts_by_guard", said)]

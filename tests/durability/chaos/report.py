"""What a chaos run is judged by, and the figures that it prints."""

import resource
import sys
from bisect import bisect_left
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from tests.durability.chaos.processes import Component
from tests.durability.checker import check, complaints, report
from tests.durability.evidence import Evidence, Row, read_evidence, read_journal

_NEAR = 1.0  # seconds from a switch


@dataclass(frozen=True)
class Outcome:
    """What a run leaves behind beside its journals and its database."""

    components: Sequence[Component]
    answers: Counter[str]  # of the portals to their clients
    problems: Sequence[str]  # errors of the run itself
    calm: float  # seconds from the last fault until nothing was due
    took: float  # seconds from the first lead until then


def judge(url: str, folder: Path, outcome: Outcome, least: int) -> bool:
    """Print what the checker finds and how much went on; whether all of it is as it has to be."""
    evidence = read_evidence(url, folder, with_prefect=True)
    findings = check(evidence)
    for name, figure in _figures(evidence, read_journal(folder / "refusals.jsonl"), outcome).items():
        print(f"{name:24}{figure}")
    print(report(findings))
    leads = len({line["source_id"] for line in evidence.acks("lead")})
    problems = [*outcome.problems, *complaints(findings), *shortcomings(leads, least, outcome.components)]
    for problem in problems:
        print(problem, file=sys.stderr)
    return not problems


def shortcomings(leads: int, least: int, components: Sequence[Component]) -> list[str]:
    """Why a run in which nothing broke proves too little."""
    few = [f"{leads} leads went through, {least} were to"] if leads < least else []
    return few + [f"{component.name} was never killed" for component in components if not component.kills]


def _figures(evidence: Evidence, refusals: list[Row], outcome: Outcome) -> dict[str, str]:
    components, mails = outcome.components, evidence.mails
    unheard = Counter(mail["why"] for mail in mails if not mail["answered"])
    violated = [tenure for tenure in evidence.rows("tenure") if tenure["end_reason"] == "violated"]
    ours = resource.getrusage(resource.RUSAGE_SELF)
    cpu = {component.name: round(component.cpu) for component in components}
    return {
        "leads acknowledged": str(len({line["source_id"] for line in evidence.acks("lead")})),
        "contacts acknowledged": str(len(evidence.acks("contact"))),
        "mails taken": f"{len(mails)}, of them copies {len(mails) - len({mail['number'] for mail in mails})}",
        "250 never heard": f"{sum(unheard.values())} ({counts(unheard)})",
        "mails refused": counts(Counter(refusal["code"] for refusal in refusals)),
        "answers to clients": counts(outcome.answers),
        "killed": counts({component.name: component.kills for component in components}),
        "stopped": counts({component.name: component.stops for component in components}),
        "ended by themselves": counts({component.name: component.ends for component in components if component.ends}),
        "seconds until calm": f"{outcome.calm:.0f}",
        "seconds of CPU": f"{counts(cpu)}, clients {ours.ru_utime + ours.ru_stime:.0f}; in {outcome.took:.0f} s",
        "runs asked of Prefect": counts(
            Counter(row["state"] for row in evidence.rows("message") if row["channel"] == "run")
        ),
        "verdicts given by": counts(_judges(evidence.rows("checkpoint"))),
        "leads now": counts(Counter(lead["state"] for lead in evidence.rows("lead"))),
        "switches": f"{len(violated)}, a reader looked {_looks_near(evidence, violated)} times within a second of one",
    }


def counts(numbers: Mapping[str, int]) -> str:
    """Names and numbers in a line."""
    return ", ".join(f"{name} {count}" for name, count in sorted(numbers.items())) or "none"


def _judges(checkpoints: list[Row]) -> Counter[str]:
    """Who gave the verdicts; voids are none."""
    given = (point["judged_by"] for point in checkpoints if point["verdict"] in ("met", "violated"))
    return Counter("flow runs" if judge.startswith("flow-run:") else judge.partition(":")[0] for judge in given)


def _looks_near(evidence: Evidence, tenures: list[Row]) -> int:
    """How often the reader looked within a second of the end of one of these tenures."""
    looks = sorted(float(line["at"]) for line in evidence.readings if line["kind"] == "holders")
    ends = (tenure["ended_at"].timestamp() for tenure in tenures)
    return sum(bisect_left(looks, at + _NEAR) - bisect_left(looks, at - _NEAR) for at in ends)

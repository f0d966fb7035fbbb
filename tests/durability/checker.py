"""The judge of every proof of durability: reads what outside witnesses left, and says of each invariant ok or broken.

    python -m tests.durability.checker DATABASE_URL FOLDER

FOLDER holds programme.yaml and the journals acknowledged, mails, faults and readings (.jsonl). One line an invariant,
`I1<TAB>ok|broken<TAB>figure`; what is wrong, on stderr; exit status 1 if anything is. It imports nothing of the
ledger: rows are read with the database's own driver, and verdicts and places are reckoned anew from the letter's rules.
"""

import sys
from collections.abc import Callable
from pathlib import Path

from tests.durability.checks import Finding
from tests.durability.checks.audit import check_audit
from tests.durability.checks.contacts import check_contacts
from tests.durability.checks.leads import check_no_lead_lost, check_one_holder
from tests.durability.checks.mail import check_one_mail
from tests.durability.checks.overdue import check_overdue
from tests.durability.checks.rankings import check_rankings
from tests.durability.checks.tenures import check_tenures
from tests.durability.checks.verdicts import check_one_violation, check_verdicts
from tests.durability.evidence import Evidence, read_evidence

INVARIANTS: dict[str, Callable[[Evidence], Finding]] = {
    "I1": check_no_lead_lost,
    "I2": check_one_holder,
    "I3": check_one_mail,
    "I4": check_one_violation,
    "I5": check_verdicts,
    "I6": check_tenures,
    "I7": check_rankings,
    "I8": check_contacts,
    "I9": check_audit,
    "I10": check_overdue,
}
_SHOWN = 5  # breaches of an invariant that are told


def check(evidence: Evidence) -> dict[str, Finding]:
    """What was found about every invariant."""
    return {name: invariant(evidence) for name, invariant in INVARIANTS.items()}


def report(findings: dict[str, Finding]) -> str:
    """One line an invariant."""
    return "\n".join(
        f"{name}\t{'broken' if finding.breaches else 'ok'}\t{finding.figure}" for name, finding in findings.items()
    )


def complaints(findings: dict[str, Finding]) -> list[str]:
    """The first breaches of each invariant, in words."""
    told = []
    for name, finding in findings.items():
        told += [f"{name}: {breach}" for breach in finding.breaches[:_SHOWN]]
        if len(finding.breaches) > _SHOWN:
            told.append(f"{name}: and {len(finding.breaches) - _SHOWN} more")
    return told


def main(url: str, folder: str) -> int:
    findings = check(read_evidence(url, Path(folder)))
    print(report(findings))
    for complaint in complaints(findings):
        print(complaint, file=sys.stderr)
    return int(any(finding.breaches for finding in findings.values()))


if __name__ == "__main__":
    if len(sys.argv) != 3:
        sys.exit(__doc__)
    sys.exit(main(*sys.argv[1:]))

"""Every transition and every fault that the schedules have to have met."""

from rasti.rules.kinds import Event
from tests.durability.simulation.faults import OUTAGES

# Who may enter, what is written on a partner's own page, how a schedule begins, and an older database in the place of
# the present one (test_backup.py) are not the way of a lead.
ELSEWHERE = {
    Event.PARTNERS_IMPORTED,
    Event.PROFILE_CHANGED,
    Event.SIGN_IN_REQUESTED,
    Event.SIGNED_IN,
    Event.SIGNED_OUT,
    Event.OPERATOR_ADDED,
    Event.OPERATOR_DISABLED,
    Event.TOKEN_ADDED,
    Event.TOKEN_REVOKED,
    Event.RUN_REQUESTED,
    Event.DATABASE_RESTORED,
}
EVENTS = [event.value for event in Event if event not in ELSEWHERE]

FAULTS = [
    "crash",
    "commit refused",
    "reply lost",
    "interleaved",
    "slow",
    "421",
    "451",
    "550",
    "hangs before DATA",
    "hangs after DATA",
    "drops after DATA",
    *(f"refuses everybody: {answer.reason}" for answer in OUTAGES),
    "5.1.1",
    "552",
    "bounces",
    "run executes",
    "run executes again",
    "run deleted",
    "Prefect down",
    "Prefect wiped",
    "clock stepped back",
    "clock stepped on",
]

"""A refused command writes nothing, not even a verdict that it found overdue (D12)."""

from typing import Any

import pytest

from .papers import contact_body, lead_body, partner_list
from .play import Play

# For each command of the ledger that can refuse: how it is refused while a checkpoint is overdue. `LEAD`: the lead
# whose hour is over, unjudged; `ATTACHED`: a repeated request of its client; `CLOSED`: a closed lead.
REFUSED: dict[str, list[Any]] = {
    "calling by somebody unknown": ["calling", "LEAD", "NOBODY"],
    "calling by one who never held it": ["calling", "LEAD", "GAMMA"],
    "calling by the one who loses it": ["calling", "LEAD", "ALFA"],
    "calling about a closed lead": ["calling", "CLOSED", "ALFA"],
    "contact of somebody unknown": ["contact", "LEAD", contact_body("NOBODY", "2019-09-03 11:20")],
    "contact of one who never held it": ["contact", "LEAD", contact_body("GAMMA", "2019-09-03 11:20")],
    "contact of a suspended one who loses it": ["contact", "LEAD", contact_body("ALFA", "2019-09-03 11:20")],
    "contact without reached": [
        *("contact", "LEAD"),
        contact_body("ALFA", "2019-09-03 11:20", outcome="refused", checklist=[]),
    ],
    "contact that is none": ["contact", "LEAD", {"partner": "ALFA"}],
    "assign to somebody unknown": ["lead", "assign", "LEAD", "NOBODY", "--reason", "why"],
    "assign to one not ready": ["lead", "assign", "LEAD", "LATER", "--reason", "why"],
    "assign what is attached": ["lead", "assign", "ATTACHED", "BETA", "--reason", "why"],
    "close what is attached": ["lead", "close", "ATTACHED", "--reason", "why"],
    "open by another": ["lead", "open", "LEAD", "GAMMA"],
    "open by somebody unknown": ["lead", "open", "LEAD", "NOBODY"],
    "add with another body": ["lead", "add", lead_body("2019-09-03 10:00", source_id="first", workplaces=99)],
    "record where nothing was received": ["violation", "record", "ATTACHED", "--checkpoint", "1h", "--reason", "why"],
    "record of no lead": ["violation", "record", "4711", "--checkpoint", "1h", "--reason", "why"],
    "reverse of no violation": ["violation", "reverse", "4711", "--reason", "why"],
    "decline of somebody unknown": ["decline", "2019-08", "NOBODY", "--reason", "why"],
    "decline of a past month": ["decline", "2019-07", "BETA", "--reason", "why"],
    "suspend somebody unknown": ["partners", "suspend", "NOBODY", "--reason", "why"],
    "resume somebody unknown": ["partners", "resume", "NOBODY", "--reason", "why"],
    "accept of somebody unknown": ["partners", "accept", "NOBODY"],
    "import of a bad list": ["partners", "import", "code;name;email;city;regulation_accepted_on\nBETA;;;;\n"],
    "switch to somebody unknown": ["tenure", "switch", "NOBODY", "--reason", "why"],
    "switch to one not ready": ["tenure", "switch", "LATER", "--reason", "why"],
    "activate what is not published": ["activate", "2019-09"],
    "activate a month to come": ["activate", "2019-10", "--switch", "--reason", "why"],
    "rank a month to come": ["rank", "2019-10"],
    "publish a month to come": ["publish", "2019-10"],
    "resolve nothing": ["quarantine", "resolve", "4711", "--reason", "why"],
}


@pytest.mark.parametrize("command", REFUSED.values(), ids=REFUSED.keys())
def test_a_refused_command_writes_nothing_though_a_checkpoint_is_overdue_D12(
    september: Play, command: list[Any], request: pytest.FixtureRequest
) -> None:
    september.do("partners", "import", september.paper(partner_list(not_ready=("LATER",))))
    first = lead_body("2019-09-03 10:00", source_id="first")
    leads = {"LEAD": september.at("2019-09-03 10:00").add(first)["lead"]}
    repeated = september.add(first | {"source_id": "again"})
    leads |= {"ATTACHED": repeated["lead"], "CLOSED": september.lead()}
    assert repeated["attached_to"] == leads["LEAD"]
    september.close_lead(leads["CLOSED"])
    if "suspended" in request.node.callspec.id:
        september.suspend("ALFA")
    september.at("2019-09-03 11:20")
    assert september.status()["overdue"] >= 1
    argv = []
    for word in command:
        if isinstance(word, dict):
            argv.append(september.body(word))
        else:
            argv.append(september.paper(word) if "\n" in word else str(leads.get(word, word)))

    with september.refusal(statuses=(1, 2)):
        september.do(*argv)

    assert september.status()["overdue"] >= 1

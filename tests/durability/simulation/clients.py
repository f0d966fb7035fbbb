"""What clients and partners may do in a schedule."""

from datetime import timedelta
from typing import Any

from sqlalchemy import select
from sqlmodel import col

from models import Attempt
from rasti.ledger.contacts import begin_contact, log_contact
from rasti.ledger.handover import open_lead
from rasti.ledger.leads import receive_lead
from rasti.rules.bodies import parse_contact, parse_lead
from tests.builders import FIRST_CALL, FOLLOW_UP, contact_data, lead_data
from tests.durability.simulation.billing import PARTNERS
from tests.durability.simulation.steps import ask_first, request
from tests.durability.simulation.world import Process, Request, World

_CONVERSATIONS = [
    *[("call", "reached", FIRST_CALL)] * 6,
    *[("call", "reached", FOLLOW_UP)] * 6,
    ("meeting", "reached", sorted({*FIRST_CALL, *FOLLOW_UP})),
    ("call", "reached", FIRST_CALL[:-1]),
    *[("call", "no_answer", [])] * 3,
    *[("message", "no_answer", [])] * 2,
    *[("call", "wrong_contact", [])] * 4,
    ("call", "refused", ["reached"]),
    ("call", "bought", ["reached"]),
    ("message", "do_not_call", ["reached"]),
]


def lead_comes(world: World) -> None:
    number = len(world.requests) + 1
    known = world.random.randrange(100) < 26 and world.requests
    client = {"phone": world.random.choice(world.requests)["client"]["phone"]} if known else {}  # in doubt
    world.requests.append(lead_data(number, client=client, requested_at=world.clock.now.isoformat()))
    request(world, _lead_request(world, world.requests[-1]))


def lead_comes_again(world: World) -> None:
    if world.requests:
        body = world.random.choice(world.requests)
        changed = world.random.randrange(4) == 0
        request(world, _lead_request(world, body | {"workplaces": 7} if changed else body))


def _lead_request(world: World, body: dict[str, Any]) -> Request:
    def ask(process: Process) -> None:
        arrival = receive_lead(world.book_of(process), parse_lead(body))
        world.acknowledge("lead", source=body["source"], source_id=body["source_id"], lead=arrival.lead_id)
        if arrival.lead_id not in world.leads:
            world.leads.append(arrival.lead_id)

    return Request(f"lead {body['source_id']}", ask, "intake")


def partner_opens(world: World) -> None:
    lead_id, partner = _somebodys_lead(world)
    if lead_id:

        def ask(process: Process) -> None:
            open_lead(world.book_of(process), lead_id, partner)

        request(world, Request(f"{partner} opens lead {lead_id}", ask, "intake"))


def partner_begins(world: World) -> None:
    lead_id, partner = _somebodys_lead(world)
    if lead_id:

        def ask(process: Process) -> None:
            begun = begin_contact(world.book_of(process), lead_id, partner)
            world.acknowledge("calling", lead=lead_id, began_at=begun.began_at)

        request(world, Request(f"{partner} calls about lead {lead_id}", ask, "intake"))


def partner_logs(world: World) -> None:
    lead_id, partner = _somebodys_lead(world)
    if not lead_id:
        return
    kind, outcome, items = world.random.choice(_CONVERSATIONS)
    # The partner's word decides nothing, also when their clock is hours ahead.
    happened = (world.clock.now + timedelta(hours=world.random.choice([0, 0, 0, 3]))).isoformat()
    body = contact_data(partner, kind=kind, outcome=outcome, checklist=items, happened_at=happened)

    def ask(process: Process) -> None:
        logged = log_contact(world.book_of(process), lead_id, parse_contact(body))
        about = {"partner": partner, "outcome": outcome, "checklist": sorted(items), "effect": logged.effect.value}
        world.acknowledge("contact", lead=lead_id, contact=logged.contact_id, **about)

    request(world, Request(f"{partner} logs {outcome} on lead {lead_id}", ask, "intake"))


def _somebodys_lead(world: World) -> tuple[int, str]:
    """A lead and who has it; now and then one who had it before, or never did."""
    wanted = select(Attempt.lead_id, Attempt.partner_code, Attempt.ended_at).order_by(col(Attempt.id))
    attempts = ask_first(world, wanted)
    if not attempts:
        return 0, ""
    if world.random.randrange(30) == 0:
        return world.random.choice(attempts)[0], world.random.choice(PARTNERS)
    still = [row for row in attempts if row[2] is None]
    lead_id, partner, _ended = world.random.choice(still if still and world.random.randrange(6) else attempts)
    return lead_id, partner

"""Who plays in the demo: five leads with their clients (invented), and what becomes of each."""

from datetime import datetime
from enum import StrEnum

from rasti.i18n import _
from rasti.rules.bodies import LeadBody, parse_lead

WINNER = "D016"
NOT_READY = "D007"
NEXT = "D022"
SOURCE = "demo"


class Role(StrEnum):
    """What a lead shows; its source_id too."""

    HANDLED = "handled"
    NEGLECTED = "neglected"
    LATE = "late"
    REFUSED = "refused"
    AFTER_SWITCH = "after_switch"


def describe(role: Role) -> str:
    """The role in the reader's language."""
    return {
        Role.HANDLED: _("handled as it should be"),
        Role.NEGLECTED: _("neglected"),
        Role.LATE: _("contacted too late"),
        Role.REFUSED: _("the client refuses"),
        Role.AFTER_SWITCH: _("arrives after the switch"),
    }[role]


_CLIENTS = {
    Role.HANDLED: ("Анна Соколова", "+7 495 000-01-01", "anna.sokolova@client.example", 5),
    Role.NEGLECTED: ("Борис Лебедев", "+7 495 000-01-02", "boris.lebedev@client.example", 12),
    Role.LATE: ("Вера Зимина", "+7 495 000-01-03", "vera.zimina@client.example", 3),
    Role.REFUSED: ("Глеб Орлов", "+7 495 000-01-04", "gleb.orlov@client.example", 1),
    Role.AFTER_SWITCH: ("Дарья Белова", "+7 495 000-01-05", "daria.belova@client.example", 20),
}


def lead_of(role: Role, now: datetime) -> LeadBody:
    """The request of this role's client, made now."""
    name, phone, email, workplaces = _CLIENTS[role]
    return parse_lead(
        {
            "source": SOURCE,
            "source_id": role.value,
            "requested_at": now.isoformat(),
            "client": {"name": name, "phone": phone, "email": email},
            "product": "1C:GRM",
            "configuration_url": f"https://grm.example/{role.value}",
            "workplaces": workplaces,
        }
    )


def address_of(role: Role) -> str:
    """Where the client of this role gets mail."""
    return _CLIENTS[role][2]

"""Bad files and bodies get a clear error that names them and change nothing; on one database: they do not reach it."""

import json
from typing import Any

import pytest
import yaml

from . import papers
from .papers import contact_body, lead_body, partner_list, register, row
from .play import Play
from .sandbox import ON_SQLITE

pytestmark = ON_SQLITE

REGISTER = register(row("7", "ALFA", "2019-08-01", "10.00") | {"partner": "Альфа"})
NOT_A_REGISTER = {
    "cp1251": REGISTER.encode("cp1251"),
    "utf-16": REGISTER.encode("utf-16"),
    "binary": bytes(range(256)) * 4,
    "empty": b"",
    "no header": REGISTER.split("\n", 1)[1].encode(),
    "prose": "Уважаемые партнёры!\nСчета будут позже.\n".encode(),
    "commas": REGISTER.replace(";", ",").encode(),
    "json": b'{"invoices": []}',
    "a column is missing": REGISTER.replace("amount;", "", 1).encode(),
}


@pytest.mark.parametrize("contents", NOT_A_REGISTER.values(), ids=NOT_A_REGISTER.keys())
def test_a_file_that_is_no_register_is_refused_by_name(august: Play, contents: bytes) -> None:
    path = august.paper(contents)

    with august.refusal(path):
        august.do("ingest", path)


@pytest.mark.parametrize("contents", NOT_A_REGISTER.values(), ids=NOT_A_REGISTER.keys())
def test_a_file_that_is_no_partner_list_is_refused_by_name(august: Play, contents: bytes) -> None:
    path = august.paper(contents)

    with august.refusal(path):
        august.do("partners", "import", path)


@pytest.mark.parametrize("command", [("ingest",), ("partners", "import"), ("lead", "add"), ("contact", "1")])
def test_a_missing_file_is_refused_by_name(august: Play, command: tuple[str, ...]) -> None:
    with august.refusal("nowhere.csv", statuses=(1, 2)):
        august.do(*command, "nowhere.csv")


def test_a_folder_is_no_file(august: Play) -> None:
    with august.refusal(str(august.sandbox.home), statuses=(1, 2)):
        august.do("ingest", str(august.sandbox.home))


@pytest.mark.parametrize(
    ("old", "new"),
    [("2019-07-15", "15.07.2019"), ("DELTA;", ";"), ("delta@partner.example", "no address")],
)
def test_a_bad_row_of_a_partner_list_is_refused_and_nothing_is_half_imported(august: Play, old: str, new: str) -> None:
    path = august.paper(partner_list("SIGMA", "DELTA").replace(old, new))

    with august.refusal():
        august.do("partners", "import", path)


BAD_LEADS: dict[str, dict[str, Any]] = {
    "source_id": {"source_id": None},
    "requested_at": {"requested_at": "2019-09-03T10:00:00"},  # whose clock?
    "workplaces": {"workplaces": -1},
    "client": {"client": {"name": "Client", "phone": "+74950000000"}},
    "email": {"client": {"name": "Client", "phone": "+74950000000", "email": "no address"}},
}


@pytest.mark.parametrize(("field", "change"), BAD_LEADS.items(), ids=BAD_LEADS.keys())
def test_a_bad_lead_is_refused_and_the_field_named(september: Play, field: str, change: dict[str, Any]) -> None:
    september.at("2019-09-03 10:00")

    with september.refusal(field):
        september.add(lead_body(september.now) | change)


@pytest.mark.parametrize("field", ["source", "source_id", "requested_at", "client", "product", "configuration_url"])
def test_a_lead_without_a_field_is_refused_and_the_field_named(september: Play, field: str) -> None:
    body = lead_body("2019-09-03 10:00")
    del body[field]

    with september.at("2019-09-03 10:00").refusal(field):
        september.add(body)


@pytest.mark.parametrize("text", ["", "{", "[]", "null", '"lead"', "{}"])
def test_what_is_no_lead_or_contact_is_refused(september: Play, text: str) -> None:
    lead = september.at("2019-09-03 10:00").lead()
    for command in (("lead", "add"), ("contact", str(lead))):
        with september.refusal():
            september.do(*command, september.paper(text, "json"))


BAD_CONTACTS: dict[str, dict[str, Any]] = {
    "kind": {"kind": "telepathy"},
    "outcome": {"outcome": "fine"},
    "checklist": {"checklist": ["reached", "sang_a_song"]},
    "happened_at": {"happened_at": "2019-09-03T10:00:00"},
    "partner": {"partner": None},
}


@pytest.mark.parametrize(("field", "change"), BAD_CONTACTS.items(), ids=BAD_CONTACTS.keys())
def test_a_bad_contact_is_refused_and_the_field_named(september: Play, field: str, change: dict[str, Any]) -> None:
    lead = september.at("2019-09-03 10:00").lead()
    body = contact_body("ALFA", september.now) | change

    with september.refusal(field):
        september.do("contact", str(lead), september.body(body))


def test_a_contact_that_says_it_is_in_the_future_is_kept_and_counts_and_the_answer_says_so_D12(september: Play) -> None:
    lead = september.at("2019-09-03 10:00").lead()

    answer = september.contact(lead, "ALFA", happened_at="2019-09-03 13:00")

    assert "happened_at" in answer.pop("notice")
    assert answer == {"lead": lead, "state": "in_work", "effect": "counted"}
    assert september.show(lead)["attempts"][0]["contacts"][0]["happened_at"] == "2019-09-03T10:00:00Z"
    assert september.at("2019-09-03 11:00:01").settle().verdicts(lead)["1h"] == "met"


@pytest.mark.parametrize("command", ["show", "calling", "contact", "assign", "close", "open", "record"])
def test_an_unknown_lead_is_refused_by_its_number(september: Play, command: str) -> None:
    with september.at("2019-09-03 10:00").refusal("4711"):
        match command:
            case "show":
                september.show(4711)
            case "calling":
                september.calling(4711, "ALFA")
            case "contact":
                september.contact(4711, "ALFA")
            case "assign":
                september.assign(4711, "ALFA")
            case "close":
                september.close_lead(4711)
            case "open":
                september.open(4711, "ALFA")
            case "record":
                september.record(4711, "1h")


def test_an_unknown_partner_is_refused_by_his_code(september: Play) -> None:
    lead = september.at("2019-09-03 10:00").lead()
    for argv in (
        ("decline", "2019-08", "NOBODY", "--reason", "x"),
        ("partners", "accept", "NOBODY"),
        ("partners", "suspend", "NOBODY", "--reason", "x"),
        ("partners", "resume", "NOBODY", "--reason", "x"),
        ("tenure", "switch", "NOBODY", "--reason", "x"),
        ("lead", "assign", str(lead), "NOBODY", "--reason", "x"),
        ("lead", "open", str(lead), "NOBODY"),
        ("calling", str(lead), "NOBODY"),
    ):
        with september.refusal("NOBODY"):
            september.do(*argv)


def test_an_unknown_violation_is_refused_by_its_number(september: Play) -> None:
    with september.refusal("4711"):
        september.reverse(4711)


BAD_PROGRAMMES: dict[str, tuple[str, dict[str, Any]]] = {
    "unknown key": ("colour", {"colour": "green"}),
    "unknown rule": ("regulatoin", {"rules": [{"from": "2019-08", "regulatoin": {}}]}),
    "bad month": ("first_month", {"first_month": "August"}),
    "overlapping windows": ("3d", {"rules": [{"from": "2019-08", "regulation": {"1h": [0, 30], "3d": [24, 72]}}]}),
    "a window backwards": ("1h", {"rules": [{"from": "2019-08", "regulation": {"1h": [1, 0]}}]}),
    "a negative window": ("1h", {"rules": [{"from": "2019-08", "regulation": {"1h": [-1, 1]}}]}),
    "no duration": ("completion", {"rules": [{"from": "2019-08", "completion": "soon"}]}),
    "no window": ("call_window", {"rules": [{"from": "2019-08", "call_window": "morning"}]}),
    "no such option": ("call_window_applies", {"rules": [{"from": "2019-08", "call_window_applies": "never"}]}),
    "no number": ("drain_per_hour", {"rules": [{"from": "2019-08", "drain_per_hour": "ten"}]}),
    "unknown zone": ("timezone", {"timezone": "Europe/Atlantis"}),
    "last before first": ("last_month", {"last_month": "2019-01"}),
}


@pytest.mark.parametrize(("field", "change"), BAD_PROGRAMMES.values(), ids=BAD_PROGRAMMES.keys())
def test_a_broken_programme_is_refused_and_the_field_named(august: Play, field: str, change: dict[str, Any]) -> None:
    august.programme(**change)

    with august.refusal(field):
        august.status()


@pytest.mark.parametrize("missing", ["timezone", "first_month", "rules"])
def test_a_programme_without_what_has_no_default_is_refused(august: Play, missing: str) -> None:
    contents = papers.programme()
    del contents[missing]
    (august.sandbox.folder / "programme.yaml").write_text(yaml.safe_dump(contents), encoding="utf-8")

    with august.refusal(missing):
        august.status()


@pytest.mark.parametrize("text", ["rules: [", "just a text", "", "\x00"])
def test_a_programme_that_is_no_yaml_is_refused_by_name(august: Play, text: str) -> None:
    (august.sandbox.folder / "programme.yaml").write_text(text, encoding="utf-8")

    with august.refusal("programme.yaml"):
        august.status()


def test_a_missing_programme_is_refused_by_name(august: Play) -> None:
    (august.sandbox.folder / "programme.yaml").unlink()

    with august.refusal("programme.yaml"):
        august.status()


@pytest.mark.parametrize(
    ("name", "value"), [("RASTI_GUARD_GRACE", "soon"), ("RASTI_COLOUR", "green"), ("RASTI_HOEM", "/nowhere")]
)
def test_an_unknown_or_invalid_setting_is_refused_by_name(august: Play, name: str, value: str) -> None:
    august.environment[name] = value

    answer = august.run("status", "--json", at=august.now)

    assert answer.status == 1
    assert name in answer.err.upper()
    assert "Traceback" not in answer.err


def test_a_lead_file_in_another_encoding_is_refused_by_name(september: Play) -> None:
    body = lead_body("2019-09-03 10:00")
    body["client"]["name"] = "Пётр Ильич"
    path = september.paper(json.dumps(body, ensure_ascii=False).encode("cp1251"), "json")

    with september.at("2019-09-03 10:00").refusal(path):
        september.do("lead", "add", path)

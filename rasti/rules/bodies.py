"""What comes in from outside: the body of a lead and of a contact, the same for command line and API."""

import hashlib
import json
import re
from datetime import UTC, datetime
from typing import Annotated, Any, TypeVar

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, StringConstraints, ValidationError

from rasti.errors import BadInput, Reason, marked
from rasti.rules.addresses import check_address
from rasti.rules.instants import Clock, Instant
from rasti.rules.kinds import ChecklistItem, ContactKind, Outcome
from rasti.rules.phones import check_free_phone, check_phone

_AS_IT_IS = "{why}"
_CONTROL = re.compile(r"[\x00-\x1f\x7f\u2028\u2029]")


def _one_line(text: str) -> str:
    # A line break in a name would end up in a mail header.
    if _CONTROL.search(text):
        raise ValueError(marked("must be one line without control characters"))
    return _whole(text)


def _whole(text: str) -> str:
    # JSON can hold half a character (a lone surrogate), which no database and no mail can.
    if any("\ud800" <= character <= "\udfff" for character in text):
        raise ValueError(marked("must not contain halves of characters"))
    return text


def _no_nul(text: str) -> str:
    if "\x00" in text:
        raise ValueError(marked("must not contain NUL characters"))
    return _whole(text)


def _web(text: str) -> str:
    if not re.match(r"https?://[^\s/]+", text) or " " in text:
        raise ValueError(marked("is not a web address: it begins with https:// or http://"))
    return text


def _web_or_nothing(text: str) -> str:
    return _web(text) if text else text


Line = Annotated[str, StringConstraints(strip_whitespace=True, min_length=1, max_length=300), AfterValidator(_one_line)]
Text = Annotated[str, StringConstraints(strip_whitespace=True, max_length=10_000), AfterValidator(_no_nul)]
ShortText = Annotated[str, StringConstraints(strip_whitespace=True, max_length=1_000), AfterValidator(_no_nul)]
LineOrNothing = Annotated[str, StringConstraints(strip_whitespace=True, max_length=300), AfterValidator(_one_line)]
WebOrNothing = Annotated[LineOrNothing, AfterValidator(_web_or_nothing)]
Email = Annotated[Line, AfterValidator(check_address)]
Phone = Annotated[Line, AfterValidator(check_phone)]
FreePhone = Annotated[LineOrNothing, AfterValidator(check_free_phone)]


Body = TypeVar("Body", bound=BaseModel)


class _Body(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class ClientBody(_Body):
    """The person who asked."""

    name: Line
    phone: Phone
    email: Email
    company: Line | None = None
    city: Line | None = None


class LeadBody(_Body):
    """A request for the product (R10)."""

    source: Line
    source_id: Line
    requested_at: Instant
    client: ClientBody
    product: Line
    configuration_url: Annotated[Line, AfterValidator(_web)]
    workplaces: int = Field(ge=1, le=1_000_000, strict=True)
    comment: Text | None = None

    def digest(self) -> str:
        """SHA-256 that tells one body from another, however it was spelt (D17)."""
        same_instant = self.model_copy(update={"requested_at": self.requested_at.astimezone(UTC)})
        return hashlib.sha256(same_instant.model_dump_json().encode()).hexdigest()


class ContactBody(_Body):
    """A contact with the client, in the partner's words; what they say about the time decides nothing (D12)."""

    partner: Line
    kind: ContactKind
    happened_at: Instant
    checklist: frozenset[ChecklistItem] = frozenset()
    outcome: Outcome
    note: Text | None = None

    def digest(self) -> str:
        """SHA-256 that tells one body from another, however it was spelt."""
        # A set has no order of its own.
        same = self.model_dump(mode="json") | {
            "checklist": sorted(self.checklist),
            "happened_at": utc(self.happened_at),
        }
        return hashlib.sha256(json.dumps(same, sort_keys=True).encode()).hexdigest()


class ContactsBody(_Body):
    """How a client can be reached, as an operator corrects it."""

    name: Line
    phone: Phone
    email: Email


def parse_contacts(data: object) -> ContactsBody:
    """Validate a client's corrected contacts. Raises BadInput that names the field."""
    return parse_body(ContactsBody, data)


class ProfileBody(_Body):
    """How a partner prepares for the first call (R15); an empty text is not filled in."""

    listed_url: WebOrNothing = ""
    tariffs_url: WebOrNothing = ""
    regions_answer: ShortText = ""
    free_phone: FreePhone = ""
    support_channels: ShortText = ""
    support_hours: LineOrNothing = ""
    duty_contact: ShortText = ""


def parse_profile(data: object) -> ProfileBody:
    """Validate a profile. Raises BadInput that names the field."""
    return parse_body(ProfileBody, data)


def parse_lead(data: object, *, clock: Clock | None = None) -> LeadBody:
    """Validate a lead. Raises BadInput that names the field."""
    return parse_body(LeadBody, data, clock=clock)


def parse_contact(data: object, *, clock: Clock | None = None) -> ContactBody:
    """Validate a contact. Raises BadInput that names the field."""
    return parse_body(ContactBody, data, clock=clock)


def parse_body(model: type[Body], data: object, *, clock: Clock | None = None) -> Body:
    """Validate a body. Raises BadInput that names the field.

    `clock`: asked where an instant is a number of seconds, which has to be near now; without it there are no such.
    """
    try:
        return model.model_validate(data, context={"clock": clock})
    except ValidationError as error:
        first: Any = error.errors()[0]
        place = ".".join(map(str, first["loc"])) or "body"
        raise BadInput(
            "Field {place} is wrong: {why}.",
            field=place,
            place=place,
            why=reason_of(first),
        ) from error


def reason_of(error: Any) -> Reason:
    """Why pydantic refused a value (an item of its `errors()`): a message that can be said in any language."""
    context = error.get("ctx", {})
    match error["type"]:
        case "missing":
            return Reason("Field required")
        case "string_too_short":
            return Reason("String should have at least {min_length} character", **context)
        case "string_too_long":
            return Reason("String should have at most {max_length} characters", **context)
        case "enum" | "literal_error":
            return Reason("Input should be {expected}", **context)
    message = str(error["msg"]).removeprefix("Value error, ")
    # A message with a brace in it may quote what was sent: it is no template.
    return Reason(message) if "{" not in message and "}" not in message else Reason(_AS_IT_IS, why=message)


def utc(instant: datetime) -> str:
    """ISO 8601 in UTC, as all output has it."""
    return instant.astimezone(UTC).isoformat().replace("+00:00", "Z")

"""Whether a repeated request comes from the same client, and what it tells of them that was not known (D17)."""

import re
import unicodedata
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Protocol

_NUMBER = 10  # the last digits of a phone number that are alike however its beginning is written


class Person(Protocol):
    """The client of a request; the keys are what requests are matched by."""

    name: str
    phone: str
    email: str
    company: str | None
    city: str | None
    comment: str | None
    phone_key: str
    email_key: str


@dataclass(frozen=True)
class News:
    """What a request says of its client that was not known; None: known already, or not said."""

    name: str | None = None
    phone: str | None = None
    email: str | None = None
    company: str | None = None
    city: str | None = None
    comment: str | None = None


def may_be_another(client: Person, known: Iterable[Person]) -> bool:
    """Whether name and one contact differ from everybody known: two people behind one switchboard, perhaps (D17)."""
    return not any(
        same_words(client.name, other.name) or (_same_phone(client, other) and client.email_key == other.email_key)
        for other in known
    )


class Known:
    """What was said so far; each request is folded once, however many there are."""

    def __init__(self, *people: Person) -> None:
        self._said: set[tuple[str, object]] = set()
        for person in people:
            self.tell(person)

    def tell(self, client: Person) -> News:
        """What `client` says that nobody said before; from now on it is known."""
        said = {
            "name": _words(client.name),
            "phone": _phone(client),
            "email": client.email_key,
            "company": _words(client.company or ""),
            "city": _words(client.city or ""),
            "comment": client.comment,
        }
        news = News(**{word: getattr(client, word) for word, value in said.items() if (word, value) not in self._said})
        self._said.update(said.items())
        return news


def same_words(one: str, other: str) -> bool:
    """Whether two texts differ in case, spaces, punctuation or the dots of ё alone."""
    return _words(one) == _words(other)


def _words(text: str) -> str:
    # Folding may take a composed letter apart.
    folded = unicodedata.normalize("NFC", unicodedata.normalize("NFC", text).casefold()).replace("ё", "е")
    # Letters with their marks, and numbers; everything else parts words.
    return " ".join("".join(sign if unicodedata.category(sign)[0] in "LMN" else " " for sign in folded).split())


def _same_phone(one: Person, other: Person) -> bool:
    """One number, and the same extension: it leads to the same person, not only to the same switchboard."""
    return _phone(one) == _phone(other)


def _phone(client: Person) -> tuple[str, str]:
    return client.phone_key, re.sub(r"\D", "", client.phone)[-_NUMBER:]

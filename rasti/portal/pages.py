"""Makes pages: a template, the visitor's language, and how numbers and times are written in it."""

import hashlib
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from functools import lru_cache
from pathlib import Path
from typing import Any
from urllib.parse import quote

from babel.dates import format_date, format_datetime, get_month_names
from babel.numbers import format_decimal
from fastapi import Request
from starlette.responses import HTMLResponse

from rasti.clients.smtp_answers import advice_on
from rasti.i18n import LANGUAGES, translator
from rasti.portal.language import language_of
from rasti.portal.site import site_of
from rasti.portal.visitor import csrf_of, visitor_of
from rasti.rules.kinds import CheckpointKind
from rasti.rules.month import Month
from rasti.rules.phones import dialled, formatted
from rasti.rules.programme import Programme
from rasti.templates import Templates

_FOLDER = Path(__file__).parent
_TO_THE_SECOND = timedelta(minutes=10)


@dataclass(frozen=True)
class Writing:
    """How numbers and times are written in a language; times in the programme's time zone."""

    language: str
    programme: Programme

    def number(self, value: Decimal | int) -> str:
        """A number with the language's separators and the decimals it has."""
        decimals = max(0, -int(value.as_tuple().exponent)) if isinstance(value, Decimal) else 0
        return format_decimal(value, format=f"#,##0.{'0' * decimals}" if decimals else "#,##0", locale=self.language)

    def percent(self, value: Decimal) -> str:
        """Growth in percent, as it was published."""
        return f"{self.number(value)}\N{NO-BREAK SPACE}%"

    def growth(self, text: str) -> str:
        """The same of a stored text."""
        return self.percent(Decimal(text))

    def money(self, value: Decimal) -> str:
        """An amount in the programme's currency."""
        sign = {"RUB": "₽"}.get(self.programme.currency, self.programme.currency)
        return f"{self.number(value)}\N{NO-BREAK SPACE}{sign}"

    def month(self, month: Month) -> str:
        """August 2019; in Russian as it stands inside a sentence, for a label capitalize it."""
        name = get_month_names("wide", context="stand-alone", locale=self.language)[month.number]
        return f"{name} {month.year}"

    def month_of(self, text: str) -> str:
        """The same of a month written YYYY-MM, as stored facts have it."""
        return self.month(Month.parse(text))

    def calendar_day(self, value: date) -> str:
        """2 September 2019, of a calendar day."""
        return format_date(value, format="long", locale=self.language)

    def day(self, value: datetime) -> str:
        """2 September 2019."""
        return format_date(value.astimezone(self.programme.zone), format="long", locale=self.language)

    def dates(self, days: Iterable[date]) -> str:
        """Calendar days, one after another."""
        return ", ".join(map(self.date, days))

    def date(self, value: date) -> str:
        """A calendar day: 02.09.2019."""
        return format_date(value, format="dd.MM.yyyy" if self.language == "ru" else "yyyy-MM-dd", locale=self.language)

    def when(self, value: datetime) -> str:
        """Day and time; to the second where the regulation counts seconds."""
        return self._at(value, "dd.MM.yyyy" if self.language == "ru" else "yyyy-MM-dd")

    def instant(self, text: str) -> str:
        """The same of an instant as stored facts have it (ISO 8601)."""
        return self.when(datetime.fromisoformat(text))

    def time(self, value: datetime) -> str:
        """The time of day."""
        return self._at(value, "").strip()

    def near(self, value: datetime, now: datetime) -> str:
        """An instant near now: the time alone today, with the day on other days."""
        zone = self.programme.zone
        same_day = value.astimezone(zone).date() == now.astimezone(zone).date()
        return self.time(value) if same_day else self.when(value)

    def span(self, length: timedelta) -> str:
        """A duration in its two largest units: 2 d 4 h, 14 min, 20 s."""
        translate = translator(self.language)
        seconds = max(0, int(length.total_seconds()))
        units = ((86400, "{number} d"), (3600, "{number} h"), (60, "{number} min"), (1, "{number} s"))
        words = []
        for size, template in units:
            if seconds >= size:
                words.append(translate(template).format(number=seconds // size))
                seconds %= size
        return " ".join(words[:2]) or translate("{number} s").format(number=0)

    def zone(self) -> str:
        """The time zone's name."""
        name = self.programme.timezone
        return translator(self.language)("Moscow time") if name == "Europe/Moscow" else name

    def _at(self, value: datetime, day: str) -> str:
        first = self.programme.rules[-1].regulation[CheckpointKind.FIRST_HOUR][1]
        clock = "HH:mm:ss" if first < _TO_THE_SECOND else "HH:mm"
        return format_datetime(value, format=f"{day} {clock}", tzinfo=self.programme.zone, locale=self.language)


def page(
    request: Request, template: str, *, status: int = 200, headers: dict[str, str] | None = None, **facts: Any
) -> HTMLResponse:
    """A page in the visitor's language."""
    site = site_of(request)
    language = language_of(request)
    known = {
        "language": language,
        "languages": LANGUAGES,
        "path": request.url.path,
        "here": request.url.path + (f"?{request.url.query}" if request.url.query else ""),
        "origin": site.settings.portal_url.rstrip("/"),
        "write": Writing(language, site.book.programme),
        "translate": translator(language),
        "advice_on": advice_on,
        "now": datetime.now(UTC) if status >= 500 else now_of(request),
        "demo_mailbox": site.settings.show_mailbox,
        # A page about a fault is shown also when the database cannot say who is asking.
        "visitor": None if status >= 500 else visitor_of(request),
        "csrf": "" if status >= 500 else csrf_of(request),
    }
    html = environment(language).get_template(template).render(known | facts)
    return HTMLResponse(html, status_code=status, headers=headers)


def now_of(request: Request) -> datetime:
    """The instant of this request by the ledger's clock, UTC; read once, for pages that count down."""
    if not hasattr(request.state, "now"):
        request.state.now = site_of(request).book.now()
    now: datetime = request.state.now
    return now


def text(request: Request) -> Callable[[str], str]:
    """A gettext function of the visitor's language."""
    return translator(language_of(request))


@lru_cache
def environment(language: str) -> Templates:
    """Templates in a language."""
    made = Templates(_FOLDER / "templates", language, autoescape=True)
    made.globals["asset"] = asset
    made.filters |= {"sentence": sentence, "dialled": dialled, "formatted": formatted, "mail_address": mail_address}
    made.globals["words"] = made.get_template("words.j2").module
    made.globals["terms"] = made.get_template("desk/terms.j2").module
    return made


def sentence(words: str) -> str:
    """With a capital letter at the beginning, and nothing else changed."""
    return words[:1].upper() + words[1:]


def mail_address(address: str) -> str:
    """A mail address as `mailto:` has it (RFC 6068): nothing in it adds a header."""
    return quote(address, safe="@")


@lru_cache
def asset(name: str) -> str:
    """The address of a file of ours; it changes with the file, so that browsers may keep it for ever."""
    content = (_FOLDER / "static" / name).read_bytes()
    return f"/static/{name}?{hashlib.sha256(content).hexdigest()[:12]}"

"""The steps of the flow `sweep`."""

from datetime import timedelta

from prefect.events import emit_event

from rasti.ledger.mail_trouble import MailTrouble, mail_trouble
from rasti.steward import guard
from rasti.steward.guard import SweepReport
from tasks.opening import open_book
from tasks.step import step

MAIL_EVENT = "rasti.mail.undeliverable"
MAIL_RESOURCE = "rasti.mail"


@step("sweep")
def sweep() -> SweepReport:
    """One round of relay and guard, which leaves the guard's grace to the normal path."""
    book, settings = open_book()
    return guard.sweep(book, settings, grace=timedelta(seconds=settings.guard_grace))


@step("look after the mail")
def mail_trouble_now() -> MailTrouble | None:
    """What is wrong with the delivery of mail; None: nothing."""
    return mail_trouble(open_book()[0])


def needs_somebody(trouble: MailTrouble) -> bool:
    """Whether somebody has to look now."""
    return trouble.needs_somebody(open_book()[0].now())


def tell_of_mail(trouble: MailTrouble) -> None:
    """An event for automations: counts and the server's answer, nobody's address."""
    emit_event(
        MAIL_EVENT,
        resource={"prefect.resource.id": MAIL_RESOURCE, "prefect.resource.name": "mail"},
        payload=trouble.facts(),
    )

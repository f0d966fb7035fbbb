"""One mail that tells nobody anything but that mail arrives."""

from datetime import datetime
from email.utils import make_msgid

from rasti.clients.smtp import try_out
from rasti.errors import BadInput, Reason, Refused
from rasti.i18n import translator
from rasti.rules.addresses import read_address, read_sender
from rasti.settings import Settings
from rasti.smtp_url import SmtpAddress
from rasti.steward.mails import addressed


def send_test(settings: Settings, address: str, now: datetime) -> str:
    """Send a test mail; which server took it.

    Raises BadInput: the address; Refused: there is no mail server; Unavailable, Delayed, Rejected.
    """
    if not settings.smtp_url:
        raise Refused("No mail server is set (RASTI_SMTP_URL): all mail is written into {path}.", path=settings.mailbox)
    try:
        to = read_address(address, dotless=True)
    except ValueError as error:
        raise BadInput("The address {why}.", field="address", why=Reason(str(error))) from error
    _ = translator(settings.language)
    sender = read_sender(settings.mail_from)
    mail = addressed(sender, to)
    mail["Subject"] = _("Test of the mail server")
    mail["Date"] = now
    mail["Message-ID"] = make_msgid(domain=sender.address.domain)
    mail.set_content(_("If you read this, mail of the programme arrives here.") + "\n")
    server = SmtpAddress.parse(settings.smtp_url)
    try_out(server, mail)
    return f"{server.host}:{server.port}"

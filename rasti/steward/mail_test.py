"""One mail that tells nobody anything but that mail arrives."""

from datetime import UTC, datetime
from email.message import EmailMessage
from email.utils import format_datetime, make_msgid, parseaddr

from rasti.clients.smtp import try_out
from rasti.errors import BadInput, Refused
from rasti.i18n import translator
from rasti.settings import Settings
from rasti.smtp_url import SmtpAddress


def send_test(settings: Settings, address: str) -> str:
    """Send a test mail; which server took it.

    Raises BadInput: the address; Refused: there is no mail server; Unavailable, Delayed, Rejected.
    """
    if not settings.smtp_url:
        raise Refused("No mail server is set (RASTI_SMTP_URL): all mail is written into {path}.", path=settings.mailbox)
    if parseaddr(address)[1] != address or address.count("@") != 1 or not address.isprintable():
        raise BadInput("{address!r} is not a mail address.", field="address", address=address)
    _ = translator(settings.language)
    mail = EmailMessage()
    mail["From"], mail["To"] = settings.mail_from, address
    mail["Subject"] = _("Test of the mail server")
    mail["Date"] = format_datetime(datetime.now(UTC))
    mail["Message-ID"] = make_msgid(domain=parseaddr(settings.mail_from)[1].rpartition("@")[2])
    mail.set_content(_("If you read this, mail of the programme arrives here.") + "\n")
    server = SmtpAddress.parse(settings.smtp_url)
    try_out(server, mail)
    return f"{server.host}:{server.port}"

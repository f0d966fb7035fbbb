"""The two mails of a lead, as the peers send them: the same headers for the sink, one connection a thread kept open."""

import smtplib
import threading
from email.message import EmailMessage

_own = threading.local()


def send(port: int, kind: str, lead: str, text: str) -> None:
    """Hand a mail over; returned: the server answered 250. Raises smtplib.SMTPException, OSError."""
    mail = EmailMessage()
    mail["From"], mail["To"] = "leads@vendor.example", f"{kind}@partner.example"
    mail["Subject"] = f"{kind} {lead}"
    mail["Message-ID"] = f"<{kind}.{lead}@vendor.example>"
    mail["X-Rasti-Kind"], mail["X-Rasti-Lead"] = kind, lead
    mail.set_content(text)
    mail.add_alternative(f"<p>{text}</p>", subtype="html")
    if getattr(_own, "connection", None) is None:
        _own.connection = smtplib.SMTP("127.0.0.1", port, local_hostname="localhost", timeout=20)
    try:
        _own.connection.send_message(mail)
    except (smtplib.SMTPException, OSError):
        _own.connection = None
        raise

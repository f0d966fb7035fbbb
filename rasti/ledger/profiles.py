"""How a partner prepares for the first call: written once, shown while calling, used in the welcome mail (R15)."""

from dataclasses import dataclass

from sqlalchemy import bindparam
from sqlmodel import col, select

from models import Attempt, Certificate, Partner, PartnerProfile
from rasti.errors import BadInput, TooLarge
from rasti.ledger.book import Book, Tx
from rasti.ledger.tenure_walk import get_partner
from rasti.rules.bodies import ProfileBody
from rasti.rules.kinds import Event

LARGEST_CERTIFICATE = 1024 * 1024  # bytes

_MAGIC = {
    b"%PDF-": ("application/pdf", "pdf"),
    b"\x89PNG\r\n\x1a\n": ("image/png", "png"),
    b"\xff\xd8\xff": ("image/jpeg", "jpg"),
}


@dataclass(frozen=True)
class CertificateFile:
    """A certificate as it is sent out; its name is ours, so that nothing of the uploader's stands in a header."""

    file_name: str
    content_type: str
    content: bytes


@dataclass(frozen=True)
class Profile:
    """What a partner filled in; `certificate`: the name of the file as it was uploaded."""

    answers: PartnerProfile
    certificate: str | None

    @property
    def filled(self) -> list[str]:
        """The fields that are filled, the certificate among them."""
        names = [name for name in ProfileBody.model_fields if getattr(self.answers, name)]
        return [*names, "certificate"] if self.certificate else names


@dataclass(frozen=True)
class Caller:
    """The partner who will call a client, with what they prepared for the first call."""

    partner: Partner
    answers: PartnerProfile
    certificate: CertificateFile | None


def profile_of(book: Book, partner: str) -> Profile:
    """A partner's profile; empty texts where nothing was filled in."""
    with book.read() as tx:
        return profile_within(tx, partner)


def profile_within(tx: Tx, partner: str) -> Profile:
    """A partner's profile, in an open transaction."""
    names = tx.all(select(col(Certificate.file_name)).where(col(Certificate.partner_code) == partner))
    answers = tx.session.get(PartnerProfile, partner) or _empty(tx, partner)
    return Profile(answers, names[0] if names else None)


_CALLER = (
    select(Partner, PartnerProfile, Certificate)
    .join(Attempt, col(Attempt.partner_code) == col(Partner.code))
    .outerjoin(PartnerProfile, col(PartnerProfile.partner_code) == col(Partner.code))
    .outerjoin(Certificate, col(Certificate.partner_code) == col(Partner.code))
    .where(col(Attempt.lead_id) == bindparam("lead_id"), col(Attempt.ended_at).is_(None))
)


def caller_within(tx: Tx, lead_id: int) -> Caller | None:
    """Who has a lead in hand, in one statement: every welcome mail asks. None: nobody has."""
    found = tx.session.execute(_CALLER, {"lead_id": lead_id}).one_or_none()
    if found is None:
        return None
    partner, answers, kept = found
    return Caller(partner, answers or _empty(tx, partner.code), _as_sent(kept))


def _empty(tx: Tx, partner: str) -> PartnerProfile:
    return PartnerProfile(partner_code=partner, updated_at=tx.now)


def change_profile(book: Book, partner: str, body: ProfileBody) -> list[str]:
    """Write a profile down; the fields that changed. Raises NotFound."""
    with book.write() as tx:
        get_partner(tx, partner)
        answers = tx.session.get(PartnerProfile, partner, with_for_update=True)
        if answers is None:
            answers = PartnerProfile(partner_code=partner, updated_at=tx.now)
        changed = [name for name, value in body if getattr(answers, name) != value]
        if changed:
            answers.sqlmodel_update(body.model_dump())
            answers.updated_at = tx.now
            tx.session.add(answers)
            tx.session.flush()
            tx.audit(Event.PROFILE_CHANGED, partner_code=partner, fields=changed)
        return changed


def store_certificate(book: Book, partner: str, file_name: str, content: bytes) -> None:
    """Keep a certificate in place of the former one. Raises NotFound, TooLarge, BadInput: no PDF, PNG or JPEG."""
    if len(content) > LARGEST_CERTIFICATE:
        raise TooLarge("The certificate is larger than 1 MiB: send a smaller file.")
    kind = _kind_of(content)
    if kind is None:
        raise BadInput("The certificate has to be a PDF, PNG or JPEG file.", field="certificate")
    with book.write() as tx:
        get_partner(tx, partner)
        known = tx.session.get(Certificate, partner, with_for_update=True)
        if known is not None and known.content == content:
            return
        kept = known or Certificate(
            partner_code=partner, file_name="", content_type="", content=b"", uploaded_at=tx.now
        )
        kept.file_name, kept.content_type, kept.content, kept.uploaded_at = _plain(file_name), kind[0], content, tx.now
        tx.session.add(kept)
        tx.session.flush()
        tx.audit(Event.PROFILE_CHANGED, partner_code=partner, fields=["certificate"])


def drop_certificate(book: Book, partner: str) -> bool:
    """Forget the certificate. False: there was none."""
    with book.write() as tx:
        known = tx.session.get(Certificate, partner, with_for_update=True)
        if known is None:
            return False
        tx.session.delete(known)
        tx.session.flush()
        tx.audit(Event.PROFILE_CHANGED, partner_code=partner, fields=["certificate"])
        return True


def certificate_of(book: Book, partner: str) -> CertificateFile | None:
    """A partner's certificate."""
    with book.read() as tx:
        return _as_sent(tx.session.get(Certificate, partner))


def _as_sent(kept: Certificate | None) -> CertificateFile | None:
    kind = None if kept is None else _kind_of(kept.content)
    if kept is None or kind is None:
        return None
    return CertificateFile(f"certificate.{kind[1]}", kind[0], kept.content)


def _kind_of(content: bytes) -> tuple[str, str] | None:
    """The media type and extension that the first bytes say, whatever the file calls itself."""
    return next((kind for magic, kind in _MAGIC.items() if content.startswith(magic)), None)


def _plain(file_name: str) -> str:
    name = file_name.replace("\\", "/").rpartition("/")[2]
    return "".join(sign for sign in name if sign.isprintable())[:100] or "certificate"

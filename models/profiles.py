"""How a partner prepares for the first call (R15): written once, shown while calling, used in the welcome mail."""

from datetime import datetime

from sqlalchemy import LargeBinary
from sqlmodel import Field, SQLModel

from models.types import UtcDateTime


class PartnerProfile(SQLModel, table=True):
    """A partner's answers to what clients ask first; an empty text was not filled in."""

    __tablename__ = "partner_profile"

    partner_code: str = Field(primary_key=True, foreign_key="partner.code")
    listed_url: str = ""  # the partner in the vendor's list: proof of partnership
    tariffs_url: str = ""
    regions_answer: str = ""
    free_phone: str = ""  # 8-800
    support_channels: str = ""
    support_hours: str = ""
    duty_contact: str = ""  # who answers for leads at the partner; not shown to clients
    updated_at: datetime = Field(sa_type=UtcDateTime)


class Certificate(SQLModel, table=True):
    """A partner's certificate as a file, apart from the profile so that a page does not load it."""

    partner_code: str = Field(primary_key=True, foreign_key="partner.code")
    file_name: str
    content_type: str
    content: bytes = Field(sa_type=LargeBinary)
    uploaded_at: datetime = Field(sa_type=UtcDateTime)

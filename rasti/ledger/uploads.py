"""Files that operators upload: kept between preview and import, dropped after it or after a day."""

from dataclasses import dataclass
from datetime import timedelta
from uuid import uuid4

from sqlalchemy import delete
from sqlmodel import col, select

from models import Upload
from rasti.errors import NotFound
from rasti.ledger.book import Book
from rasti.rules.kinds import UploadKind

KEPT = timedelta(days=1)


@dataclass(frozen=True)
class Uploaded:
    """A file that waits for its import."""

    id: str
    kind: UploadKind
    file_name: str
    content: bytes


def keep_upload(book: Book, kind: UploadKind, file_name: str, content: bytes) -> str:
    """Keep a file; its id. Those that nobody imported within a day are dropped."""
    with book.write() as tx:
        tx.session.execute(delete(Upload).where(col(Upload.uploaded_at) <= tx.now - KEPT))
        upload = Upload(
            id=uuid4().hex,
            kind=kind.value,
            file_name=file_name,
            content=content,
            uploaded_by=tx.book.actor,
            uploaded_at=tx.now,
        )
        tx.session.add(upload)
        return upload.id


def find_upload(book: Book, upload_id: str) -> Uploaded:
    """A file that was uploaded within a day. Raises NotFound."""
    with book.read() as tx:
        upload = tx.session.execute(
            select(Upload).where(col(Upload.id) == upload_id, col(Upload.uploaded_at) > tx.now - KEPT)
        ).scalar_one_or_none()
        if upload is None:
            raise NotFound("This file is no longer here: upload it again.")
        return Uploaded(upload.id, UploadKind(upload.kind), upload.file_name, upload.content)


def drop_upload(book: Book, upload_id: str) -> bool:
    """Forget a file. False: it was forgotten before."""
    with book.write() as tx:
        dropped = tx.session.execute(
            delete(Upload).where(col(Upload.id) == upload_id).returning(col(Upload.id))
        ).scalar_one_or_none()
        return dropped is not None

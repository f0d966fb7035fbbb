"""The step that reads new invoice registers."""

from dataclasses import dataclass
from pathlib import Path

from rasti.clients.inbox import DONE, REFUSED, Source, closes, load_sources, registers_in, settle
from rasti.errors import RastiError, Unavailable
from rasti.ledger.book import Book
from rasti.ledger.ingest import IngestReport, ingest_register
from tasks.opening import open_book
from tasks.step import step


@dataclass(frozen=True)
class Ingested:
    """One register: what reading it did, or why it was refused whole."""

    file: str
    report: IngestReport | None
    refused: str | None

    def as_json(self) -> dict[str, object]:
        """What stands in the report beside the file."""
        if self.report is None:
            return {"file": self.file, "refused": self.refused}
        return {"file": self.file, "skipped": self.report.skipped} | self.report.as_json()


@step("ingest new registers")
def ingest_new() -> list[Ingested]:
    """Read what is new in the sources, in the order of names; a file that is refused does not stop the others (D1)."""
    book, settings = open_book()
    return [
        ingested
        for source in load_sources(settings.sources, settings.home)
        for path in registers_in(source)
        if (ingested := ingest_file(book, source, path)) is not None
    ]


def ingest_file(book: Book, source: Source, path: Path) -> Ingested | None:
    """Read one file and move it out of its inbox. None: another run took it meanwhile. Raises Unavailable."""
    try:
        report = ingest_register(book, path, closes=closes(path), strict=source.strict)
    except Unavailable:
        raise  # not the file's fault: it stays where it is, the step tries again
    except RastiError as error:
        if not path.exists():
            return None
        ingested, outcome = Ingested(path.name, None, str(error)), REFUSED
    else:
        ingested, outcome = Ingested(path.name, report, None), DONE
    book.reach("register.before_move")
    settle(source, path, outcome, ingested.as_json())
    book.reach("register.after_move")
    return ingested

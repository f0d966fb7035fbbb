"""The verbs of the command line, run in-process at the instant of the story; JSON answers are held to their shapes."""

import contextlib
import email.policy
import io
import json
import os
from collections.abc import Iterator
from dataclasses import dataclass
from email.message import EmailMessage
from email.parser import BytesParser
from typing import Any, cast
from unittest import mock

import pytest
import yaml

from . import papers
from .papers import Bills, after, contact_body, lead_body, moscow, partner_list
from .sandbox import Sandbox
from .shapes import check


@dataclass(frozen=True)
class Answer:
    """What one command said."""

    status: int
    out: str
    err: str


class Refusal(Exception):
    """A command ended with a status other than 0."""

    def __init__(self, argv: tuple[str, ...], answer: Answer) -> None:
        super().__init__(f"rasti {' '.join(argv)} -> {answer.status}\n{answer.err or answer.out}")
        self.answer = answer


class Play:
    """One sandbox and the instant the story has come to; `play.at("2019-09-03 10:00").rank("2019-08")`."""

    def __init__(self, sandbox: Sandbox) -> None:
        self.sandbox = sandbox
        self.now = "2019-09-01 00:00"
        self.environment = dict(sandbox.environment)
        self._papers = 0

    # running

    def at(self, text: str) -> "Play":
        self.now = text
        return self

    def later(self, **delta: float) -> "Play":
        return self.at(after(self.now, **delta))

    def run(self, *argv: str, at: str | None = None) -> Answer:
        """Run one command as it is, at that instant if one is given, and return what it said."""
        from rasti.cli.main import run

        clock = ["--at", moscow(at).isoformat()] if at else []
        kept = {name: value for name, value in os.environ.items() if not name.startswith(("RASTI_", "PREFECT_"))}
        out, err = io.StringIO(), io.StringIO()
        with (
            mock.patch.dict(os.environ, kept | {"COLUMNS": "1000"} | self.environment, clear=True),
            contextlib.chdir(self.sandbox.folder),
            contextlib.redirect_stdout(out),
            contextlib.redirect_stderr(err),
        ):
            try:
                status = run([*clock, *argv])
            except SystemExit as end:
                status = int(end.code or 0) if not isinstance(end.code, str) else 1
        return Answer(status, out.getvalue(), err.getvalue())

    def do(self, *argv: str) -> str:
        """Run one command now; raises Refusal unless it ends with 0."""
        answer = self.run(*argv, at=self.now)
        if answer.status != 0:
            raise Refusal(argv, answer)
        return answer.out

    def ask(self, *argv: str, shape: str) -> Any:
        """Run one command with --json and hold the answer to its documented keys."""
        return check(json.loads(self.do(*argv, "--json")), shape)

    @contextlib.contextmanager
    def refusal(self, *naming: str, statuses: tuple[int, ...] = (1,)) -> Iterator[None]:
        """What runs inside must be refused: a message that names the values, no stack trace, nothing written."""
        before = self.sandbox.fingerprint()
        with pytest.raises(Refusal) as info:
            yield
        answer = info.value.answer
        assert answer.status in statuses, answer
        assert answer.err.strip(), "a refusal without a message on stderr"
        assert "Traceback" not in answer.err + answer.out
        for value in naming:
            assert value in answer.err, f"the message does not name {value!r}: {answer.err}"
        assert answer.out.strip() == "", f"a refusal that prints on stdout: {answer.out}"
        assert self.sandbox.fingerprint() == before, "something was written although the command was refused"

    def paper(self, contents: str | bytes, ending: str = "csv") -> str:
        """Write a file for the programme to read; returns its path."""
        self._papers += 1
        path = self.sandbox.folder / f"paper-{self._papers}.{ending}"
        path.write_bytes(contents.encode() if isinstance(contents, str) else contents)
        return str(path)

    def body(self, contents: Any) -> str:
        return self.paper(json.dumps(contents, ensure_ascii=False), "json")

    def programme(self, **changes: Any) -> "Play":
        """Write programme.yaml anew (see papers.programme)."""
        text = yaml.safe_dump(papers.programme(**changes), sort_keys=False)
        (self.sandbox.folder / "programme.yaml").write_text(text, encoding="utf-8")
        return self

    # billing

    def partners(self, *codes: str, not_ready: tuple[str, ...] = ()) -> None:
        self.do("partners", "import", self.paper(partner_list(*codes, not_ready=not_ready)))

    def ingest(self, register: str | bytes, *options: str) -> dict[str, Any]:
        return cast(dict[str, Any], self.ask("ingest", self.paper(register), *options, shape="ingest"))

    def bill(self, billed: Bills) -> dict[str, Any]:
        """Ingest one invoice a partner and month; nothing of it may be quarantined."""
        report = self.ingest(papers.bills(billed))
        assert report["quarantined"] == []
        return report

    def quarantine(self) -> list[dict[str, Any]]:
        return cast(list[dict[str, Any]], self.ask("quarantine", "list", shape="quarantine"))

    def resolve(self, quarantined: int) -> None:
        self.do("quarantine", "resolve", str(quarantined), "--reason", "looked at it")

    def doubles(self) -> list[dict[str, Any]]:
        return cast(list[dict[str, Any]], self.ask("doubles", "list", shape="doubles"))

    def close(self, issuer: str, month: str) -> None:
        self.do("close", issuer, month)

    # ranking

    def rank(self, month: str) -> dict[str, Any]:
        return cast(dict[str, Any], self.ask("rank", month, shape="rank"))

    def places(self, month: str) -> list[str]:
        return [entry["partner"] for entry in self.rank(month)["entries"] if entry["place"] is not None]

    def entry(self, month: str, partner: str) -> dict[str, Any]:
        return next(entry for entry in self.rank(month)["entries"] if entry["partner"] == partner)

    def publish(self, month: str, *options: str) -> dict[str, Any]:
        return cast(dict[str, Any], self.ask("publish", month, *options, shape="publish"))

    def activate(self, month: str, *options: str) -> dict[str, Any]:
        return cast(dict[str, Any], self.ask("activate", month, *options, shape="activate"))

    def hand_to_winner(self, month: str) -> str | None:
        """Publish and activate a month; returns the holder."""
        self.publish(month)
        return cast("str | None", self.activate(month)["holder"])

    def diff(self, month: str, one: int, other: int) -> list[dict[str, Any]]:
        return cast(list[dict[str, Any]], self.ask("diff", month, str(one), str(other), shape="diff")["moved"])

    # partners and tenures

    def decline(self, month: str, partner: str) -> None:
        self.do("decline", month, partner, "--reason", "no capacity")

    def accept(self, partner: str) -> None:
        self.do("partners", "accept", partner)

    def suspend(self, partner: str) -> None:
        self.do("partners", "suspend", partner, "--reason", "debts")

    def resume(self, partner: str) -> None:
        self.do("partners", "resume", partner, "--reason", "paid")

    def switch(self, partner: str) -> None:
        self.do("tenure", "switch", partner, "--reason", "the operator wants it")

    def status(self) -> dict[str, Any]:
        return cast(dict[str, Any], self.ask("status", shape="status"))

    def holder(self) -> str | None:
        return cast("str | None", self.status()["holder"])

    # leads

    def add(self, body: Any) -> dict[str, Any]:
        return cast(dict[str, Any], self.ask("lead", "add", self.body(body), shape="lead add"))

    def lead(self, **changes: Any) -> int:
        """A new request of a new client arrives now; returns its id."""
        answer = self.add(lead_body(changes.pop("requested_at", self.now), **changes))
        assert answer["created"] is True and answer["attached_to"] is None
        return cast(int, answer["lead"])

    def show(self, lead: int) -> dict[str, Any]:
        return cast(dict[str, Any], self.ask("lead", "show", str(lead), shape="lead show"))

    def state(self, lead: int) -> str:
        return cast(str, self.show(lead)["state"])

    def attempts(self, lead: int) -> list[tuple[str, str | None]]:
        """Who had the lead, and why each attempt ended."""
        return [(attempt["partner"], attempt["end_reason"]) for attempt in self.show(lead)["attempts"]]

    def checkpoint(self, lead: int, kind: str, attempt: int = -1) -> dict[str, Any]:
        found = self.show(lead)["attempts"][attempt]["checkpoints"]
        return cast(dict[str, Any], next(checkpoint for checkpoint in found if checkpoint["kind"] == kind))

    def verdicts(self, lead: int, attempt: int = -1) -> dict[str, str | None]:
        found = self.show(lead)["attempts"][attempt]["checkpoints"]
        return {checkpoint["kind"]: checkpoint["verdict"] for checkpoint in found}

    def assign(self, lead: int, partner: str) -> None:
        self.do("lead", "assign", str(lead), partner, "--reason", "the operator knows why")

    def close_lead(self, lead: int) -> None:
        self.do("lead", "close", str(lead), "--reason", "a test request")

    def open(self, lead: int, partner: str) -> None:
        self.do("lead", "open", str(lead), partner)

    def calling(self, lead: int, partner: str) -> None:
        self.do("calling", str(lead), partner)

    def contact(self, lead: int, partner: str, **changes: Any) -> dict[str, Any]:
        """Log a contact now: a complete first call unless told otherwise."""
        body = contact_body(partner, changes.pop("happened_at", self.now), **changes)
        return cast(dict[str, Any], self.ask("contact", str(lead), self.body(body), shape="contact"))

    def follow_up(self, lead: int, partner: str, **changes: Any) -> dict[str, Any]:
        return self.contact(lead, partner, **{"checklist": papers.FOLLOW_UP} | changes)

    def no_answer(self, lead: int, partner: str, kind: str = "call") -> dict[str, Any]:
        return self.contact(lead, partner, kind=kind, checklist=[], outcome="no_answer")

    # violations and the guard

    def violations(self) -> list[dict[str, Any]]:
        return cast(list[dict[str, Any]], self.ask("violation", "list", shape="violation list"))

    def record(self, lead: int, kind: str) -> None:
        self.do("violation", "record", str(lead), "--checkpoint", kind, "--reason", "the client complained")

    def reverse(self, violation: int) -> None:
        self.do("violation", "reverse", str(violation), "--reason", "the client was wrong")

    def sweep(self) -> dict[str, int]:
        return cast(dict[str, int], self.ask("sweep", shape="sweep"))

    def settle(self) -> "Play":
        """Sweep at this instant until a round finds nothing more to do."""
        for _ in range(8):
            report = self.sweep()
            if not any(report[work] for work in ("judged", "violations", "switches", "handed_over")):
                return self
        raise AssertionError(f"the guard does not come to rest: {report}")

    # mail

    def mails(self, to: str) -> list[EmailMessage]:
        """Every mail to this address in the local mailbox."""
        parser = BytesParser(policy=email.policy.default)
        found = []
        for path in sorted(self.sandbox.home.rglob("*")):
            if path.is_file() and b"message-id:" in path.read_bytes()[:4000].lower():
                mail = parser.parsebytes(path.read_bytes())
                if to in str(mail["To"]):
                    found.append(mail)
        return found

    def operator_mails(self) -> int:
        return len(self.mails("operator@vendor.example"))


def text_of(mail: EmailMessage) -> str:
    """Subject and every part of a mail as one text."""
    parts = [part.get_content() for part in mail.walk() if part.get_content_maintype() == "text"]
    return "\n".join([str(mail["Subject"]), *parts])

"""The invariants' mutants: what of the machinery is taken out, and the invariant that the checker must find broken."""

from dataclasses import dataclass


@dataclass(frozen=True)
class InvariantMutant:
    """What is forgotten, and each place where (`old` stands in the file once): (file, old, new)."""

    invariant: str
    what: str
    patches: tuple[tuple[str, str, str], ...]


INVARIANTS = [
    InvariantMutant(
        "I1",
        "a lead is acknowledged before its commit (which is then refused)",
        (
            (
                "rasti/ledger/book.py",
                '                self.points(f"{step}.before_commit")\n',
                '                try:\n                    self.points(f"{step}.before_commit")\n'
                "                except Exception:\n"
                '                    if step == "receive_lead":\n                        return\n'
                "                    raise\n",
            ),
        ),
    ),
    InvariantMutant(
        "I1",
        "nobody is told when a walk finds nobody",
        (
            (
                "rasti/ledger/tenure_walk.py",
                'tx.send(MessageKind.ALERT_EXHAUSTED, f"{walk.id}",',
                'dict(f="{walk.id}",',
            ),
        ),
    ),
    InvariantMutant(
        "I1",
        "of a lead that does not reach its partner the operators hear only once",
        (("rasti/steward/guard.py", '    _tried("guard.alert_again_failed", alert_again, guard)\n', ""),),
    ),
    InvariantMutant(
        "I2",
        "no UNIQUE index on a lead's open attempt, and an assignment forgets the former one",
        (
            (
                "models/migrations/versions/0001_first_tables.py",
                '"uq_attempt_open",\n            ["lead_id"],\n            unique=True,',
                '"uq_attempt_open",\n            ["lead_id"],\n            unique=False,',
            ),
            ("rasti/ledger/desk.py", "            end_attempt(tx, former, AttemptEnd.ASSIGNED)\n", ""),
        ),
    ),
    InvariantMutant(
        "I3",
        "a mail is written down as sent before it is sent",
        (
            (
                "rasti/steward/relay.py",
                '        book.reach("mail.before_send")\n',
                '        done = messages.complete(book, claim, external_id=mail["Message-ID"], hasten=hasten)\n'
                '        book.reach("mail.before_send")\n',
            ),
            (
                "rasti/steward/relay.py",
                '    done = messages.complete(book, claim, external_id=mail["Message-ID"], hasten=hasten)\n'
                "    # Not done",
                "    # Not done",
            ),
        ),
    ),
    InvariantMutant(
        "I3",
        "a claim keeps nobody else away",
        (
            (
                "rasti/ledger/messages.py",
                "        or_(col(Message.claimed_until).is_(None), col(Message.claimed_until) <= now),\n",
                "",
            ),
        ),
    ),
    InvariantMutant(
        "I3",
        "a Message-ID that depends on the claim",
        (
            (
                "rasti/steward/mails.py",
                'identity = f"{message.id} {message.dedupe_key}',
                'identity = f"{message.claimed_until} {message.id} {message.dedupe_key}',
            ),
        ),
    ),
    InvariantMutant(
        "I4",
        "a violation that was acted on is acted on again",
        (
            (
                "rasti/ledger/fallback.py",
                "    if violation.acted_at is not None:\n",
                "    if False:\n",
            ),
        ),
    ),
    InvariantMutant(
        "I4",
        "no UNIQUE constraint on a checkpoint's violation, and an operator's does not look for the first",
        (
            (
                "models/migrations/versions/0001_first_tables.py",
                '        sa.UniqueConstraint("checkpoint_id", name=op.f("uq_violation_checkpoint_id")),\n',
                "",
            ),
            ("rasti/ledger/violations.py", "        if first is not None:\n", "        if False:\n"),
        ),
    ),
    InvariantMutant(
        "I5",
        "the checklist of a contact is not looked at",
        (("rasti/rules/regulation.py", "contact.checklist >= CHECKLISTS[kind]", "bool(kind)"),),
    ),
    InvariantMutant(
        "I5",
        "what ends an attempt does not first judge what is overdue",
        (("rasti/ledger/settle.py", "                judge_overdue(tx, lead)\n", ""),),
    ),
    InvariantMutant(
        "I5",
        "a bounce of a lead's mail starts its clock anew",
        (
            (
                "rasti/ledger/bounces.py",
                "        message.bounced_at, message.bounce = tx.now, status\n",
                "        message.bounced_at, message.bounce = tx.now, status\n"
                "        from models import Attempt\n\n"
                "        attempt = tx.session.get(Attempt, message.attempt_id or 0)\n"
                "        if message.kind is MessageKind.LEAD and attempt is not None:\n"
                "            attempt.clock_starts_at = tx.now\n",
            ),
        ),
    ),
    InvariantMutant(
        "I6",
        "no UNIQUE index on the open tenure, and an operator's switch forgets the former one",
        (
            (
                "models/migrations/versions/0001_first_tables.py",
                '"uq_tenure_open",\n            ["seat"],\n            unique=True,',
                '"uq_tenure_open",\n            ["seat"],\n            unique=False,',
            ),
            (
                "rasti/ledger/tenures.py",
                "            end_tenure(tx, tenure, TenureEnd.SWITCHED)\n",
                "            pass\n",
            ),
        ),
    ),
    InvariantMutant(
        "I6",
        "a tenure ends in one transaction, the next begins in another",
        (
            (
                "rasti/ledger/tenure_walk.py",
                "    end_tenure(tx, tenure, why)\n    found",
                "    end_tenure(tx, tenure, why)\n    tx.session.commit()\n"
                "    tx.book.reach('move_on.after_commit')\n    found",
            ),
        ),
    ),
    InvariantMutant(
        "I7",
        "an incomplete month is published like any other",
        (
            ("rasti/ledger/rankings.py", "            _check_complete(view, allow_incomplete, reason)\n", ""),
            ("tests/durability/simulation/desk.py", "        if not ranking.complete:\n", "        if False:\n"),
        ),
    ),
    InvariantMutant(
        "I7",
        "a changed invoice leaves the former one counting",
        (
            ("rasti/ledger/invoices.py", "is_current=False", "is_current=True"),
            (
                "models/migrations/versions/0001_first_tables.py",
                '"uq_invoice_revision_current",\n            ["invoice_id"],\n            unique=True,',
                '"uq_invoice_revision_current",\n            ["invoice_id"],\n            unique=False,',
            ),
        ),
    ),
    InvariantMutant(
        "I8",
        "a contact is acknowledged before its commit (which is then refused)",
        (
            (
                "rasti/ledger/book.py",
                '                self.points(f"{step}.before_commit")\n',
                '                try:\n                    self.points(f"{step}.before_commit")\n'
                "                except Exception:\n"
                '                    if step == "log_contact":\n                        return\n'
                "                    raise\n",
            ),
        ),
    ),
    InvariantMutant(
        "I9",
        "an end of a tenure is not audited",
        (
            (
                "rasti/ledger/tenure_walk.py",
                "    tx.audit(Event.TENURE_ENDED, partner_code=tenure.partner_code, tenure=tenure.id, reason=reason)\n",
                "",
            ),
        ),
    ),
    InvariantMutant(
        "I9",
        "what became of a message is written down also when the claim on it has run out",
        (
            (
                "rasti/ledger/messages.py",
                "    MESSAGES.c.state == MessageState.PENDING,\n"
                '    MESSAGES.c.claimed_by == bindparam("claimant"),\n'
                '    MESSAGES.c.claimed_until == bindparam("until"),\n',
                "",
            ),
            ("rasti/ledger/messages.py", '"claimant": claim.claimant, "until": claim.until, ', ""),
        ),
    ),
    InvariantMutant(
        "I10",
        "a claim never expires",
        (
            (
                "rasti/ledger/messages.py",
                "or_(col(Message.claimed_until).is_(None), col(Message.claimed_until) <= now)",
                "col(Message.claimed_until).is_(None)",
            ),
        ),
    ),
    InvariantMutant(
        "I10",
        "the guard judges, and leaves the fallback to others",
        (
            (
                "rasti/steward/guard.py",
                "_due(partial(violations_to_act_on, recorded_now=recorded), guard, grace)",
                "()",
            ),
        ),
    ),
    InvariantMutant(
        "I10",
        "what a server refuses by policy is given up",
        (
            (
                "rasti/clients/smtp_answers.py",
                '(_TALK, "5", "5.3. 5.5. 5.7.", Meaning.DENIED)',
                '(_TALK, "5", "5.3. 5.5. 5.7.", Meaning.MAIL)',
            ),
        ),
    ),
]

"""Where bounces are read from: a Maildir, and an IMAP server on this machine."""

import os
import ssl
from pathlib import Path

import pytest

from rasti.clients.bounce_folder import FolderUnreadable, ImapFolder, Maildir, open_bounce_folder
from rasti.clients.bounces import LARGEST
from rasti.mail_folder import ImapAddress, MaildirAddress, parse_mail_folder
from tests.imap_server import ImapServer, imap_server
from tests.returned_mail import drop, new_maildir


@pytest.fixture
def maildir(tmp_path: Path) -> Path:
    return new_maildir(tmp_path / "mail")


def contents(folder: Maildir | ImapFolder) -> list[bytes]:
    """What the folder shows as unseen."""
    try:
        return [content for _name, content in folder.unseen()]
    finally:
        folder.close()


def imap(server: ImapServer, **options: object) -> ImapFolder:
    address = ImapAddress("imap", "127.0.0.1", server.port, "leads", server.password)
    return ImapFolder(address, timeout=5, **options)  # type: ignore[arg-type]


def test_what_was_seen_is_not_shown_again_and_stays_where_it_is(maildir: Path) -> None:
    first, second = drop(maildir, b"one"), drop(maildir, b"two")
    folder = Maildir(maildir)
    for name, content in folder.unseen():
        if content == b"one":
            folder.mark_seen(name)
    assert contents(Maildir(maildir)) == [b"two"]
    assert (maildir / "cur" / f"{first.name}:2,S").read_bytes() == b"one"
    assert second.exists()


def test_what_a_mail_program_has_moved_but_nobody_has_read_is_shown(maildir: Path) -> None:
    for flags in ("", "F", "RS"):
        drop(maildir, flags.encode()).rename(maildir / "cur" / f"{flags or 'none'}.host:2,{flags}")
    assert sorted(contents(Maildir(maildir))) == [b"", b"F"]
    Maildir(maildir).mark_seen("cur/F.host:2,F")
    assert (maildir / "cur" / "F.host:2,FS").exists()


def test_only_the_beginning_of_a_huge_mail_is_read(maildir: Path) -> None:
    with drop(maildir, b"beginning").open("ab") as file:
        file.truncate(10 * 1024**3)  # with a hole, which takes no room
    (content,) = contents(Maildir(maildir))
    assert len(content) == LARGEST


def test_what_is_no_mail_is_passed_over(maildir: Path) -> None:
    (maildir / "new" / ".hidden").write_bytes(b"x")
    (maildir / "new" / "folder").mkdir()
    (maildir / "new" / "gone").symlink_to(maildir / "nowhere")
    os.mkfifo(maildir / "new" / "pipe")  # whoever opened it would wait for ever
    assert contents(Maildir(maildir)) == []


def test_a_mail_that_another_steward_took_is_no_error(maildir: Path) -> None:
    drop(maildir, b"one")
    folder, other = Maildir(maildir), Maildir(maildir)
    ((name, _content),) = folder.unseen()
    other.mark_seen(name)
    folder.mark_seen(name)
    assert contents(folder) == []


@pytest.mark.parametrize("missing", ["", "new", "cur"])
def test_a_folder_that_is_no_maildir_is_named(tmp_path: Path, missing: str) -> None:
    folder = tmp_path / "mail"
    if missing:
        (new_maildir(folder) / missing).rmdir()
    with pytest.raises(FolderUnreadable, match=str(folder)):
        contents(Maildir(folder))


def test_unseen_mails_of_a_server_are_read_and_marked() -> None:
    with imap_server(ImapServer()) as server:
        server.add(b"one")
        server.seen.add(server.add(b"two"))
        server.add(b"three")
        folder = imap(server)
        shown = list(folder.unseen())
        assert [content for _name, content in shown] == [b"one", b"three"]
        assert server.seen == {"2"}, "looking at a mail marks nothing"
        folder.mark_seen(shown[0][0])
        folder.close()
        assert contents(imap(server)) == [b"three"]
        assert not any("EXPUNGE" in command or "DELETED" in command for command in server.commands)


def test_only_the_beginning_of_a_huge_mail_is_asked_of_a_server() -> None:
    with imap_server(ImapServer()) as server:
        server.add(b"x" * 3 * LARGEST)
        (content,) = contents(imap(server))
        assert len(content) == LARGEST


def test_an_empty_folder_of_a_server_shows_nothing() -> None:
    with imap_server(ImapServer()) as server:
        assert contents(imap(server)) == []


def refusal(server: ImapServer, folder: ImapFolder) -> str:
    """What is said of a folder that cannot be read: where it is, and nobody's name or password."""
    with pytest.raises(FolderUnreadable) as error:
        contents(folder)
    assert server.password not in str(error.value)
    assert "leads" not in str(error.value)
    assert f":{folder.address.port}" in str(error.value)
    return str(error.value)


def test_a_wrong_password_is_said_without_it() -> None:
    with imap_server(ImapServer()) as server:
        folder = imap(server)
        server.password = "another"
        assert "MailboxLoginError" in refusal(server, folder)


def test_a_folder_in_which_nothing_can_be_marked_is_not_read() -> None:
    with imap_server(ImapServer(read_only=True)) as server:
        server.add(b"one")
        refusal(server, imap(server))


@pytest.mark.parametrize("command", ["LOGIN", "UID SEARCH", "UID FETCH"])
def test_a_server_that_stops_answering_is_waited_for_so_long_only(command: str) -> None:
    with imap_server(ImapServer(silent_after=command)) as server:
        server.add(b"one")
        folder = imap(server)
        folder.timeout = 0.2
        assert "TimeoutError" in refusal(server, folder)


def test_a_server_that_is_away_is_said() -> None:
    with imap_server(ImapServer()) as server:
        pass
    assert "ConnectionRefusedError" in refusal(server, imap(server))


@pytest.mark.parametrize("trusted", [True, False])
def test_tls_is_used_and_an_unknown_certificate_refused(certificate: Path, trusted: bool) -> None:
    trust = ssl.create_default_context(cafile=certificate) if trusted else None
    with imap_server(ImapServer(), certificate=certificate) as server:
        server.add(b"one")
        folder = ImapFolder(ImapAddress("imaps", "localhost", server.port, "leads", server.password), tls=trust)
        if trusted:
            assert contents(folder) == [b"one"]
        else:
            assert "SSLCertVerificationError" in refusal(server, folder)
            assert server.commands == []


def test_a_password_that_is_no_ascii_is_not_the_end() -> None:
    with imap_server(ImapServer(password="пароль")) as server:
        assert "cannot be read" in refusal(server, imap(server)), "this server knows no AUTHENTICATE"


def test_an_address_names_a_folder_of_files_or_of_a_server() -> None:
    assert parse_mail_folder("maildir:/var/mail/rasti") == MaildirAddress(Path("/var/mail/rasti"))
    assert parse_mail_folder("maildir:var/a%20b") == MaildirAddress(Path("var/a%20b"))
    assert parse_mail_folder(
        "imaps://leads%40vendor.example:p%2Fw%3A%40@mail.vendor.example/Bounces%2FNew"
    ) == ImapAddress("imaps", "mail.vendor.example", 993, "leads@vendor.example", "p/w:@", "Bounces/New")
    assert parse_mail_folder("imap://u:p@localhost:1143") == ImapAddress("imap", "localhost", 1143, "u", "p", "INBOX")
    assert parse_mail_folder("imap+starttls://u:p@h.example") == ImapAddress(
        "imap+starttls", "h.example", 143, "u", "p"
    )
    assert isinstance(open_bounce_folder(MaildirAddress(Path("x"))), Maildir)
    assert isinstance(open_bounce_folder(ImapAddress("imaps", "h", 993, "u", "p")), ImapFolder)
    assert "secret" not in repr(parse_mail_folder("imaps://u:secret@h.example"))


@pytest.mark.parametrize(
    "text",
    [
        "maildir:",
        "/var/mail/rasti",
        "imaps://mail.vendor.example",
        "imaps://:secret@mail.vendor.example",
        "imaps://u:secret@",
        "imaps://u:secret@h.example:port",
        "imaps://u:secret@[h.example",
        "imaps://u:secret@h.example/INBOX?x=1",
        "imaps://u:secret%0D%0A@h.example",
        "imaps://u:secret%FF@h.example",
        "imap://u:secret@mail.vendor.example",
        "pop3://u:secret@h.example",
    ],
)
def test_an_address_that_names_none_is_refused_without_its_password(text: str) -> None:
    with pytest.raises(ValueError, match="must") as error:
        parse_mail_folder(text)
    assert "secret" not in str(error.value)

"""Whatever address is taken, the mail that is made for it goes to it alone, to whoever reads its bytes (RFC 5322)."""

import email
import email.policy
from email.parser import BytesParser
from email.utils import getaddresses

from hypothesis import given
from hypothesis import strategies as st

from rasti.clients.envelope import envelope_of
from rasti.rules.addresses import Sender, read_address
from rasti.steward.mails import addressed

# What the grammar of addresses, encoded words, groups, comments, routes and headers is made of.
_WORDS = "ann client .example почта РФ xn--p1ai имя victim@evil.test Bcc: mailto: =?utf-8?q? =40 =2C ?="
_PIECES = [*_WORDS.split(), *"@.,;:<>()[]\"\\%!|-_=?'+#&/*~`{}^＠。ß \t\r\n\x00\u202e\u0301"]
_ANYTHING = st.lists(st.sampled_from(_PIECES), max_size=8).map("".join)
_TYPED = (
    st.text()
    | st.emails()
    | _ANYTHING
    | st.builds("{}@{}".format, _ANYTHING, st.sampled_from(["client.example", "почта.рф"]))
)


def _recipients(written: bytes) -> list[list[str]]:
    """The recipients that three readers find: of Python before and since 2012, and one who decodes the header first."""
    new = BytesParser(policy=email.policy.default).parsebytes(written)
    old = email.message_from_bytes(written)
    names = ("To", "Cc", "Bcc")
    decoded = [
        str(email.header.make_header(email.header.decode_header(str(old[name])))) for name in names if name in old
    ]
    return [
        [address.addr_spec for name in names if name in new for address in new[name].addresses],
        [address for _name, address in getaddresses([str(old[name]) for name in names if name in old])],
        [address for _name, address in getaddresses(decoded)],
    ]


@given(_TYPED)
def test_every_reader_of_a_mail_finds_the_one_recipient_that_was_stored(typed: str) -> None:
    try:
        address = read_address(typed)
    except ValueError:
        return
    mail = addressed(Sender("", read_address("rasti@localhost", dotless=True)), address)
    mail.set_content("Здравствуйте!\n")
    for policy in (mail.policy, mail.policy.clone(linesep="\r\n"), mail.policy.clone(utf8=True)):
        assert _recipients(mail.as_bytes(policy=policy)) == [[address.sent]] * 3
    assert envelope_of(mail).recipient == address.sent
    if typed.isascii():
        assert address.sent == typed

"""Mail addresses: taken is what all of the mail chain reads as one mailbox, the one that was typed."""

import pytest

from rasti.rules.addresses import MailAddress, email_key, read_address, read_sender

GOOD = {
    "ann@client.example": "ann@client.example",
    "Ann.O'Neil+1c@Client.Example": "Ann.O'Neil+1c@Client.Example",
    "ann@client.test": "ann@client.test",
    "ann@client.local": "ann@client.local",
    "a" * 64 + "@client.example": "a" * 64 + "@client.example",
    "info@почта.рф": "info@xn--80a1acny.xn--p1ai",
    "Info@ПОЧТА.РФ": "Info@xn--80a1acny.xn--p1ai",
    "info@партнёр.рф": "info@xn--80a0aefbk0i.xn--p1ai",
    "info@партне\N{COMBINING DIAERESIS}р.рф": "info@xn--80a0aefbk0i.xn--p1ai",
    "info@xn--80a1acny.xn--p1ai": "info@xn--80a1acny.xn--p1ai",
    "info@straße.example": "info@xn--strae-oqa.example",
}

BAD = [
    *("", "@", "ann", "ann@", "@client.example", "ann@client", "ann@localhost"),
    *("=?utf-8?q?victim=40evil.test=2C?=x@client.example", "x=?utf-8?q?=40?=@client.example"),
    *("a(b)c@client.example", "ann@client.example(c)", "(c)ann@client.example"),
    *("g:a@b.example", "g:a@b.example;", "team:boss@client.example", "mailto:ann@client.example"),
    *("a@b.example,c@d.example", "a@b.example c@d.example", "a@b.example;c@d.example", "a@b@c.example"),
    *('"a b"@client.example', '"a@b.example"@client.example', "Ann <ann@client.example>", "<ann@client.example>"),
    *("..a@b..example", "a..b@client.example", ".a@client.example", "a.@client.example", "ann@client..example"),
    *("ann@client.example.", "ann@.client.example", "ann@-client.example", "ann@cli_ent.example", "ann@xn--a.example"),
    *("victim%evil.test@client.example", "evil.test!victim@client.example", "|sh@client.example"),
    *(
        "-oQ@client.example",
        "ann?bcc=victim@client.example",
        "ann\\@client.example",
        "ann@[192.0.2.1]",
        "ann@192.0.2.1",
    ),
    *("ann＠client.example", "ann@client.example\n", "ann@client.example\r\nBcc: b@c.example"),
    *(" ann@client.example", "ann @client.example", "ann\x00@client.example", "ann@client\N{ZERO WIDTH SPACE}.example"),
    *("a" * 65 + "@client.example", "ann@" + "a" * 64 + ".example", "ann@" + "a." * 125 + "example"),
]


@pytest.mark.parametrize(("typed", "sent"), GOOD.items())
def test_an_address_is_sent_in_ascii_as_it_was_typed(typed: str, sent: str) -> None:
    assert read_address(typed).sent == sent


@pytest.mark.parametrize("typed", BAD)
def test_what_may_be_read_as_another_recipient_is_refused(typed: str) -> None:
    with pytest.raises(ValueError, match="is not one plain mail address"):
        read_address(typed)


@pytest.mark.parametrize("typed", ["имя@client.example", "имя@почта.рф", "é@client.example"])
def test_letters_before_the_at_that_mail_cannot_carry_are_refused_and_said(typed: str) -> None:
    with pytest.raises(ValueError, match="before the @"):
        read_address(typed)


@pytest.mark.parametrize("typed", ["rasti@localhost", "operator@mailhost"])
def test_a_domain_without_a_dot_is_for_settings(typed: str) -> None:
    assert read_address(typed, dotless=True).sent == typed
    with pytest.raises(ValueError, match="plain mail address"):
        read_address("ann@192.0.2.1", dotless=True)


@pytest.mark.parametrize(
    "same",
    [
        ("Info@ПОЧТА.РФ", "info@почта.рф", "info@xn--80a1acny.xn--p1ai", "INFO@XN--80A1ACNY.XN--P1AI"),
        ("Ivan@Client.Example", "ivan@client.example"),
        ("ИМЯ@ПОЧТА.РФ", "имя@xn--80a1acny.xn--p1ai"),  # stored by an earlier version
        ("", ""),
        ("НЕ АДРЕС", "не адрес"),
    ],
)
def test_one_mailbox_has_one_key_D17(same: tuple[str, ...]) -> None:
    assert len({email_key(text) for text in same}) == 1


def test_other_mailboxes_have_other_keys_D17() -> None:
    others = ["info@почта.рф", "info@почта.example", "inf@почта.рф", "info@пoчта.рф", "почта.рф"]  # with a Latin o
    assert len({email_key(text) for text in others}) == len(others)


@pytest.mark.parametrize(
    ("text", "name", "sent"),
    [
        ("rasti@localhost", "", "rasti@localhost"),
        ("Leads <leads@vendor.example>", "Leads", "leads@vendor.example"),
        ("Заявки 1С <info@почта.рф>", "Заявки 1С", "info@xn--80a1acny.xn--p1ai"),
        ('"Leads, 1C \\"cloud\\"" <leads@vendor.example>', 'Leads, 1C "cloud"', "leads@vendor.example"),
        ("<leads@vendor.example>", "", "leads@vendor.example"),
    ],
)
def test_a_sender_may_have_a_name(text: str, name: str, sent: str) -> None:
    found = read_sender(text)
    assert (found.name, found.address.sent) == (name, sent)


@pytest.mark.parametrize(
    "text",
    [
        *("", "nobody", "имя@vendor.example", "Leads <имя@vendor.example>", "Leads <leads@vendor.example", "Leads <>"),
        *("a@b.example <c@d.example>", "Leads <a@b.example> <c@d.example>", "Leads <a@b.example>, <c@d.example>"),
        *(
            "=?utf-8?q?a?= <leads@vendor.example>",
            "Leads\n<leads@vendor.example>",
            "Leads <=?utf-8?q?a?=@vendor.example>",
        ),
    ],
)
def test_a_sender_that_cannot_be_sent_from_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match=r"^(is|has) "):
        read_sender(text)


def test_an_address_is_a_value() -> None:
    assert read_address("ann@client.example") == MailAddress("ann", "client.example")

"""When two spellings of an issuer or of an invoice's number are the same, and two numbers nearly the same (D1)."""

from unicodedata import category, normalize

# Ends the key of an invoice that was stored, long ago, beside one of the same key; no file can write it.
APART = "\x1f"


def spelling_key(text: str) -> str:
    """What is compared instead of the text: NFC, case folded, white space as one blank, what has no width left out.

    White space is all that Unicode calls so (U+00A0, U+2009, U+202F, ...); its ends are cut. Without width are the
    characters of Unicode's category Cf (U+200B, U+FEFF, the soft hyphen, ...).
    """
    if not text.isprintable():  # mostly nothing is to be looked at one by one
        text = "".join(character for character in text if category(character) != "Cf")
    if not text.isascii():
        # Decomposed first, so that whatever folds to the same letters is the same (Unicode, D145).
        text = normalize("NFD", text)
    return normalize("NFC", " ".join(text.casefold().split()))


def bare_number(number_key: str) -> str:
    """The key of a number without the zeros it begins with, which spreadsheet programs take away."""
    return number_key.partition(APART)[0].lstrip("0")


def padded_number(number_key: str) -> str | None:
    """The bare number of a key that is another; None: the key is bare itself."""
    bare = bare_number(number_key)
    return None if bare == number_key else bare

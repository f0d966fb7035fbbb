"""Issuers and numbers as they are compared: spellings of one thing have one key, other things have others (D1)."""

from unicodedata import normalize

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rasti.rules.spelling import APART, bare_number, padded_number, spelling_key

SPACES = [" ", "  ", "\u00a0", "\u2009", "\u202f", "\u3000", "\t", " \u00a0 "]
NO_WIDTH = ["\u200b", "\u200c", "\u200d", "\u2060", "\ufeff", "\u00ad"]
HOUSE = "ООО «Чайный дом»"


@pytest.mark.parametrize("space", SPACES, ids=ascii)
def test_any_white_space_is_one_blank_and_its_ends_are_cut(space: str) -> None:
    assert spelling_key(f"{space}ООО{space}«Чайный{space}дом»{space}") == spelling_key(HOUSE)


@pytest.mark.parametrize("mark", NO_WIDTH, ids=ascii)
def test_what_has_no_width_is_left_out(mark: str) -> None:
    assert spelling_key(f"{mark}ООО «Чай{mark}ный дом»{mark}") == spelling_key(HOUSE)
    assert spelling_key(mark) == ""


@pytest.mark.parametrize(
    ("one", "other"),
    [("ГРМ-7", "грм-7"), ("Straße", "STRASSE"), ("Й", "и\u0306"), ("é", "E\u0301"), ("B-1", "b-1"), ("ς", "Σ")],
)
def test_case_and_composition_make_no_difference(one: str, other: str) -> None:
    assert spelling_key(one) == spelling_key(other)


@pytest.mark.parametrize(("one", "other"), [("000123", "123"), ("B 1", "B1"), ("B-1", "B_1"), ("С-1", "C-1")])
def test_other_characters_make_another_thing(one: str, other: str) -> None:
    assert spelling_key(one) != spelling_key(other)


words = st.lists(
    st.text(st.characters(exclude_categories=["Cs", "Zs", "Zl", "Zp", "Cc", "Cf"]), min_size=1), max_size=4
)


@given(parts=words, joints=st.lists(st.sampled_from(SPACES), min_size=5, max_size=5), data=st.data())
def test_a_key_stays_the_same_however_it_is_written(parts: list[str], joints: list[str], data: st.DataObject) -> None:
    key = spelling_key(" ".join(parts))
    text = joints[4] + "".join(part + joint for part, joint in zip(parts, joints, strict=False))
    place = data.draw(st.integers(0, len(text)))
    text = text[:place] + data.draw(st.sampled_from(NO_WIDTH)) + text[place:]
    form = data.draw(st.sampled_from(["NFC", "NFD"]))
    assert spelling_key(normalize(form, text).casefold()) == spelling_key(normalize(form, text)) == key


@given(st.text())
def test_a_key_is_its_own_key(text: str) -> None:
    key = spelling_key(text)
    assert spelling_key(key) == key
    assert key == " ".join(key.split())


@pytest.mark.parametrize(
    ("key", "bare", "padded"),
    [("123", "123", None), ("000123", "123", "123"), ("0", "", ""), ("", "", None), ("b-01", "b-01", None),
     (f"7{APART}9", "7", "7"), (f"07{APART}9", "7", "7")],
)  # fmt: skip
def test_the_bare_number_has_no_zeros_before_it(key: str, bare: str, padded: str | None) -> None:
    assert bare_number(key) == bare
    assert padded_number(key) == padded

"""The digest of a set is that of its members, not of their way into it (D5)."""

import hashlib

from hypothesis import given
from hypothesis import strategies as st

from rasti.rules.set_digest import BYTES, as_bytes, set_sum

members = st.text(max_size=3).map(lambda text: hashlib.sha256(text.encode()).hexdigest())


@given(st.lists(members, unique=True), st.lists(members, unique=True), st.randoms())
def test_any_way_to_a_set_gives_its_digest(first: list[str], last: list[str], chance: object) -> None:
    """Members come and go in any order, one by one or together."""
    steps = [(member, 1) for member in set(last) - set(first)] + [(member, -1) for member in set(first) - set(last)]
    chance.shuffle(steps)  # type: ignore[attr-defined]
    total = set_sum(first)
    for member, sign in steps:
        total = int.from_bytes(as_bytes(total + sign * set_sum([member])), "big")
    assert as_bytes(total) == as_bytes(set_sum(sorted(last)))


@given(st.sets(members), st.sets(members))
def test_different_sets_have_different_digests(one: set[str], other: set[str]) -> None:
    assert (as_bytes(set_sum(one)) == as_bytes(set_sum(other))) == (one == other)


def test_the_empty_set_is_zero_and_every_digest_has_the_same_length() -> None:
    assert as_bytes(set_sum([])) == bytes(BYTES)
    assert len(as_bytes(-1)) == len(as_bytes(set_sum(["00" * 32] * 1000))) == BYTES

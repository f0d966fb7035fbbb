"""The digest of a set that can be kept while its members come and go (D5)."""

import hashlib
from collections.abc import Iterable

BYTES = 512


def set_sum(members: Iterable[str]) -> int:
    """The sum of what SHAKE-256 makes of each member's SHA-256 (hexadecimal), to be added or taken away.

    The digest is that sum modulo 2**4096: the same whatever the order in which members came and went. With a modulus
    of n bits, two sets of one digest take about 2**(2 * sqrt(n)) steps to find (Wagner's generalised birthday; the
    construction is AdHash of Bellare and Micciancio): 2**128 here, as for SHA-256.
    """
    shake, number = hashlib.shake_256, int.from_bytes
    return sum(number(shake(bytes.fromhex(member)).digest(BYTES), "big") for member in members)


def as_bytes(total: int) -> bytes:
    """A sum as the digest that is kept."""
    return (total % (1 << 8 * BYTES)).to_bytes(BYTES, "big")

"""Proof that the tests hold the rules and the checker the invariants: each is broken in a copy, and must turn red."""

"""Proof of durability: what dies, and an outside witness who says whether anything was lost or done twice."""

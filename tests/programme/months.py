"""Steps that the stories of tenures share."""

from typing import Any

from .play import Play


def skipped(answer: dict[str, Any]) -> list[tuple[str, str]]:
    return [(skip["partner"], skip["reason"]) for skip in answer["skipped"]]


def october(play: Play) -> Play:
    """2019-09 is billed: BETA, then GAMMA, then DELTA; it is the night of October 1st."""
    play.at("2019-10-01 00:05").bill(
        {"BETA": {"2019-09": "26000.00"}, "GAMMA": {"2019-09": "18000.00"}, "DELTA": {"2019-09": "12000.00"}}
    )
    return play

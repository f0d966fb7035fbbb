"""The difference between two versions of a ranking: who moved, because of what (D5)."""

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from decimal import Decimal

from rasti.rules.kinds import NotRanked
from rasti.rules.ranking import Standing

# More partners with changed results than this are counted instead of named one by one.
_NAMED = 20


@dataclass(frozen=True)
class Cause:
    """Why a partner moved: a `str.format` template in English and its values."""

    template: str
    values: Mapping[str, object]

    def __str__(self) -> str:
        return self.template.format(**self.values)


@dataclass(frozen=True)
class Move:
    """A partner whose place changed; None: no place."""

    partner: str
    before: int | None
    after: int | None
    because: tuple[Cause, ...]


def moves(before: Iterable[Standing], after: Iterable[Standing], *, rules_changed: bool) -> list[Move]:
    """Who has another place in `after`, in the order of the new places, then of the lost ones."""
    old = {standing.partner: standing for standing in before}
    new = {standing.partner: standing for standing in after}
    causes = {partner: own for partner in old.keys() | new.keys() if (own := _own(old.get(partner), new.get(partner)))}
    moved = []
    for partner in old.keys() | new.keys():
        was, now = _place(old.get(partner)), _place(new.get(partner))
        if was != now:
            because = list(causes.get(partner, ()))
            if rules_changed:
                because.append(Cause("the rules changed", {}))
            if not because:
                because = _others(partner, old, new, causes)
            moved.append(Move(partner, was, now, tuple(because)))
    return sorted(moved, key=lambda move: (move.after is None, move.after or move.before or 0, move.partner))


def _place(standing: Standing | None) -> int | None:
    return None if standing is None else standing.place


def _own(was: Standing | None, now: Standing | None) -> list[Cause]:
    """What changed about the partner itself."""
    causes = []
    if before_after := _change(was, now, "previous_billed"):
        causes.append(Cause("billed the month before: {before} -> {after}", before_after))
    if before_after := _change(was, now, "billed"):
        causes.append(Cause("billed in the month: {before} -> {after}", before_after))
    if before_after := _change(was, now, "kits_sold"):
        causes.append(Cause("support kits: {before} -> {after}", before_after))
    reasons = [None if standing is None else standing.reason for standing in (was, now)]
    if was and now and reasons[0] != reasons[1]:
        causes += _of_reasons(*reasons)
    return causes


def _change(was: Standing | None, now: Standing | None, name: str) -> dict[str, str] | None:
    """The value before and after, if they differ; who was not there was billed nothing."""
    nothing = 0 if name == "kits_sold" else Decimal("0.00")
    before, after = (nothing if standing is None else getattr(standing, name) for standing in (was, now))
    return None if before == after else {"before": str(before), "after": str(after)}


# What stands in the partner list or follows from who held the leads; the other reasons follow from the amounts.
_STATES = {
    NotRanked.NO_CABINET_ACCESS: (Cause("has no cabinet access", {}), Cause("has cabinet access now", {})),
    NotRanked.SUSPENDED: (Cause("suspended", {}), Cause("no longer suspended", {})),
    NotRanked.HOLDS_THE_LEADS: (
        Cause("held the leads of the month", {}),
        Cause("did not hold the leads of the month", {}),
    ),
}


def _of_reasons(was: NotRanked | None, now: NotRanked | None) -> list[Cause]:
    """Only the first reason in the order of D3 is stored: a later one may have been there before, and says nothing."""
    order = list(NotRanked)
    if now is not None and (was is None or order.index(now) < order.index(was)):
        return [_STATES[now][0]] if now in _STATES else []
    return [_STATES[was][1]] if was in _STATES else []


def _others(
    partner: str, old: Mapping[str, Standing], new: Mapping[str, Standing], causes: Collection[str]
) -> list[Cause]:
    """Whose change made this partner, itself unchanged, go up or down."""
    if len(causes) > _NAMED:
        return [Cause("the results of {count} other partners changed", {"count": len(causes)})]
    found = []
    for other in sorted(causes):
        was, now = (_is_above(side.get(other), side[partner]) for side in (old, new))
        if now and not was:
            found.append(Cause("{other} moved ahead", {"other": other}))
        elif was and not now:
            found.append(Cause("{other} fell behind", {"other": other}))
    return found


def _is_above(other: Standing | None, standing: Standing) -> bool:
    places = _place(other), standing.place
    return places[0] is not None and (places[1] is None or places[0] < places[1])

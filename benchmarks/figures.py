"""A measured number beside a reference of the same run, and what we aim at."""

from dataclasses import dataclass
from math import isinf


@dataclass(frozen=True)
class Goal:
    """A bound: of the ratio to the reference, or of our own number."""

    of: str  # "ratio" or "ours"
    sign: str  # "<=" or ">="
    bound: float

    def __str__(self) -> str:
        if isinf(self.bound):
            return "measured"  # a reference is all that is asked for
        return f"{self.of} {self.sign} {_short(self.bound)}"

    def is_met(self, value: float) -> bool:
        return value <= self.bound if self.sign == "<=" else value >= self.bound


def ratio_at_most(bound: float) -> Goal:
    """Ours is at most so many times the reference."""
    return Goal("ratio", "<=", bound)


def ratio_at_least(bound: float) -> Goal:
    """Ours is at least so many times the reference."""
    return Goal("ratio", ">=", bound)


def at_most(bound: float) -> Goal:
    """Our number is at most this, in the unit that the figure's name says."""
    return Goal("ours", "<=", bound)


@dataclass(frozen=True)
class Figure:
    """One figure; the name says what, against what, and the unit. No reference: there is none, or it did not start."""

    name: str
    ours: float
    reference: float | None = None
    goal: Goal | None = None

    @property
    def ratio(self) -> float | None:
        """Ours over the reference."""
        return self.ours / self.reference if self.reference else None

    @property
    def is_ok(self) -> bool:
        """Whether the goal is met; a ratio that could not be measured is short of it."""
        if self.goal is None:
            return True
        value = self.ours if self.goal.of == "ours" else self.ratio
        return value is not None and self.goal.is_met(value)

    def line(self) -> str:
        """`name<TAB>ours<TAB>reference<TAB>ratio<TAB>goal<TAB>ok|short`."""
        cells = (_short(self.ours), _short(self.reference), _short(self.ratio), self.goal or "-")
        return "\t".join((self.name, *map(str, cells), "ok" if self.is_ok else "short"))


def _short(number: float | None) -> str:
    if number is None:
        return "-"
    return f"{number:,.0f}".replace(",", "") if abs(number) >= 1000 else f"{number:.4g}"

"""The invariants, each a function that reads the evidence and returns what is wrong with it."""

from dataclasses import dataclass, field


@dataclass
class Finding:
    """What was found about one invariant: how much was looked at, and each breach in words."""

    figure: str
    breaches: list[str] = field(default_factory=list)

    def expect(self, holds: bool, breach: str) -> None:
        """Note a breach unless it holds."""
        if not holds:
            self.breaches.append(breach)

"""A clock that a test moves."""

from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

MOSCOW = ZoneInfo("Europe/Moscow")


def moscow(text: str) -> datetime:
    """An instant, UTC; without an offset it is Moscow time: `2019-09-03 11:01`."""
    instant = datetime.fromisoformat(text)
    if instant.tzinfo is None:
        instant = instant.replace(tzinfo=MOSCOW)
    return instant.astimezone(UTC)


class MovableClock:
    """Stands still until moved; a `Book` takes it as its clock."""

    def __init__(self, text: str = "2019-09-02 10:00") -> None:
        self.now = moscow(text)

    def __call__(self, session: object = None) -> datetime:  # noqa: ARG002
        return self.now

    def set(self, text: str | datetime) -> datetime:
        """Move to an instant, also backwards; Moscow time unless the text has an offset."""
        self.now = moscow(text) if isinstance(text, str) else text.astimezone(UTC)
        return self.now

    def advance(self, by: timedelta | None = None, **parts: float) -> datetime:
        """Move on by a duration: `advance(hours=1, seconds=1)`."""
        self.now += (by or timedelta(0)) + timedelta(**parts)
        return self.now

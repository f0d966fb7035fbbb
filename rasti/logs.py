"""Logs: a constant event name, ids as fields, one line an outcome. No names, no addresses."""

import logging
import sys

_FIELDS = "fields"


def log(event: str, *, level: int = logging.INFO, error: BaseException | None = None, **fields: object) -> None:
    """Write one line; `error` adds where it comes from, but not what it says: that may hold a person's data."""
    if error is not None:
        fields |= {"error": type(error).__name__, "at": _origin(error)}
    logging.getLogger("rasti").log(level, event, extra={_FIELDS: fields})


def log_to_stderr(level: int = logging.INFO) -> None:
    """Show the log of this process on stderr."""
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(LineFormatter())
    logger = logging.getLogger("rasti")
    logger.handlers[:] = [handler]
    logger.setLevel(level)
    logger.propagate = False


class LineFormatter(logging.Formatter):
    """`2019-09-02T10:00:00+0300 INFO message.sent message=12 kind=lead`"""

    def __init__(self) -> None:
        super().__init__("%(asctime)s %(levelname)s %(message)s", "%Y-%m-%dT%H:%M:%S%z")

    def formatMessage(self, record: logging.LogRecord) -> str:
        fields: dict[str, object] = getattr(record, _FIELDS, {})
        return " ".join([super().formatMessage(record), *(f"{name}={value}" for name, value in fields.items())])


def _origin(error: BaseException) -> str:
    trace = error.__traceback__
    while trace is not None and trace.tb_next is not None:
        trace = trace.tb_next
    return f"{trace.tb_frame.f_code.co_filename}:{trace.tb_lineno}" if trace else "unknown"

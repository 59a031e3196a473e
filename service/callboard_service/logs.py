"""Log lines of the service: JSON for programs, plain for a terminal.

INFO has one line per request and per run, each with its facts; WARNING is for this week, ERROR for
now. The message is constant, the facts are fields. What the library waits for is said once in a
while, not at each try.
"""

from __future__ import annotations

import json
import logging
import sys
from datetime import UTC, datetime
from typing import Any, Final, TextIO

from callboard_service.cli.text import one_line

_OWN: Final = frozenset(vars(logging.makeLogRecord({}))) | {"message", "asctime", "taskName"}
"""What every record has; the rest came as `extra`."""
QUIET_S: Final = 30.0
"""A line of the library is not said again within it."""
MOST_KNOWN: Final = 200
"""Lines remembered for that."""


class JsonFormatter(logging.Formatter):
    """One JSON object a line: at, level, logger, message, the facts, exception."""

    def format(self, record: logging.LogRecord) -> str:
        line: dict[str, Any] = {
            "at": _instant(record).isoformat().replace("+00:00", "Z"),
            "level": record.levelname.lower(),
            "logger": record.name,
            "message": record.getMessage(),
            **facts_of(record),
        }
        if (exception := _exception_of(self, record)) is not None:
            line["exception"] = exception
        return json.dumps(line, default=str, separators=(",", ":"))


class TextFormatter(logging.Formatter):
    """Time, level, message, facts as key=value."""

    def format(self, record: logging.LogRecord) -> str:
        facts = (
            f"{name}={value}"
            for name, value in facts_of(record).items()
            if value is not None and name != "event"
        )
        words = [f"{_instant(record):%H:%M:%S}", record.levelname.lower().ljust(7)]
        line = " ".join([*words, record.getMessage(), *facts])
        # A line break in a fact would look like a line of its own, and the rest could act on the
        # terminal: handlers log through here.
        line = one_line(line)
        if (exception := _exception_of(self, record)) is not None:
            line += "\n" + "\n".join(map(one_line, exception.split("\n")))
        return line


class OnceInAWhile(logging.Filter):
    """Lets a line of the library that says what was just said pass only every QUIET_S seconds.

    While the database is away each actor tries again twice a second, and says each time at INFO
    what it waits for. Lines with an `event`, warnings and errors all pass, and so do those of
    handlers and of other libraries.
    """

    def __init__(self) -> None:
        super().__init__()
        self._said_at: dict[tuple[str, str], float] = {}

    def filter(self, record: logging.LogRecord) -> bool:
        if record.levelno > logging.INFO or hasattr(record, "event"):
            return True
        if not record.name.startswith("callboard."):
            return True
        line = record.name, record.getMessage()
        last = self._said_at.get(line)
        if last is not None and 0 <= record.created - last < QUIET_S:
            return False
        self._said_at.pop(line, None)  # the newest is the last one
        self._said_at[line] = record.created
        if len(self._said_at) > MOST_KNOWN:
            del self._said_at[next(iter(self._said_at))]
        return True


def _exception_of(formatter: logging.Formatter, record: logging.LogRecord) -> str | None:
    """The traceback; where a run has masked it, there is only its text."""
    if record.exc_info:
        return formatter.formatException(record.exc_info)
    return record.exc_text


def facts_of(record: logging.LogRecord) -> dict[str, Any]:
    """What came with a record as `extra`."""
    return {name: value for name, value in vars(record).items() if name not in _OWN}


def set_up_logs(form: str, level: str, out: TextIO | None = None) -> None:
    """Send every logger's lines to `out` (standard error), in place of what was set up before.

    Args:
        form: json, text, or auto: text where `out` is a terminal.
    """
    out = out or sys.stderr
    is_text = form == "text" or (form == "auto" and out.isatty())
    handler = logging.StreamHandler(out)
    handler.setFormatter(TextFormatter() if is_text else JsonFormatter())
    if level != "debug":
        handler.addFilter(OnceInAWhile())
    root = logging.getLogger()
    root.handlers[:] = [handler]
    root.setLevel(level.upper())
    # It says at INFO what our own line says better.
    logging.getLogger("aiohttp.access").setLevel(logging.WARNING)


def _instant(record: logging.LogRecord) -> datetime:
    return datetime.fromtimestamp(record.created, UTC)

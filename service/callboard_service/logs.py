"""Log lines of the service: JSON for programs, plain for a terminal.

INFO has one line per request and per run, each with its facts; WARNING is for this week, ERROR for
now. The message is constant, the facts are fields.
"""

from __future__ import annotations

import json
import logging
import sys
from datetime import UTC, datetime
from typing import Any, Final, TextIO

_OWN: Final = frozenset(vars(logging.makeLogRecord({}))) | {"message", "asctime", "taskName"}
"""What every record has; the rest came as `extra`."""


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
        if record.exc_info:
            line["exception"] = self.formatException(record.exc_info)
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
        # A line break in a fact would look like a line of its own.
        line = line.replace("\r", "\\r").replace("\n", "\\n")
        if record.exc_info:
            line += "\n" + self.formatException(record.exc_info)
        return line


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
    root = logging.getLogger()
    root.handlers[:] = [handler]
    root.setLevel(level.upper())
    # It says at INFO what our own line says better.
    logging.getLogger("aiohttp.access").setLevel(logging.WARNING)


def _instant(record: logging.LogRecord) -> datetime:
    return datetime.fromtimestamp(record.created, UTC)

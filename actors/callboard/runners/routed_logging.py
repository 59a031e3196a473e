"""RunLogHandler: leads what a run logs by `logging` to its log.

It stands first at the root logger, so the loggers' own levels decide, and handlers after it find
`record.trace_id`. Outside of runs it does nothing. `logging.basicConfig` takes any handler at the
root for a configuration: configure logging before a board opens, or with `force=True`.
"""

from __future__ import annotations

import logging
from typing import Final

from callboard.runners.context import current
from callboard.runners.log_fields import bounded_fields, fields_of
from callboard.runners.masking import Mask

_EXCEPTION: Final = logging.Formatter()


class RunLogHandler(logging.Handler):
    """One for the process, however many boards there are."""

    def __init__(self) -> None:
        super().__init__()
        self.setFormatter(logging.Formatter("%(message)s"))
        self.users = 0

    def emit(self, record: logging.LogRecord) -> None:
        context = current.get()
        if context is None or not context.output.is_open:
            self._pass(record)
            return
        try:
            output = context.output
            output.record(record.levelname, self.format(record), fields_of(record))
            if output.mask is not None:
                _mask(record, output.mask)
            record.__dict__.setdefault("trace_id", context.trace_id)
        except Exception:  # noqa: BLE001 - as every logging handler: bad arguments are reported there
            self.handleError(record)

    def _pass(self, record: logging.LogRecord) -> None:
        """Where we are the only handler, Python would have written it to stderr without us."""
        last = logging.lastResort
        if last is not None and record.levelno >= last.level and self._is_alone(record.name):
            last.handle(record)

    def _is_alone(self, name: str) -> bool:
        logger: logging.Logger | None = logging.getLogger(name)
        while logger is not None:
            if any(handler is not self for handler in logger.handlers):
                return False
            logger = logger.parent if logger.propagate else None
        return True


def _mask(record: logging.LogRecord, mask: Mask) -> None:
    """Take the run's secrets out of the record, for the handlers that come after."""
    record.msg, record.args = mask.cut_text(record.getMessage()), ()
    if record.exc_info:
        text = record.exc_text or _EXCEPTION.formatException(record.exc_info)
        record.exc_info, record.exc_text = None, mask.cut_text(text)
    if record.stack_info:
        record.stack_info = mask.cut_text(record.stack_info)
    for name in fields_of(record) or ():
        if name in record.__dict__:
            record.__dict__[name] = mask.json(bounded_fields({name: record.__dict__[name]})[name])


def join_logging() -> RunLogHandler:
    """The handler at the root logger, installed if there is none."""
    handlers = logging.getLogger().handlers
    handler = next((item for item in handlers if isinstance(item, RunLogHandler)), None)
    if handler is None:
        handler = RunLogHandler()
        handlers.insert(0, handler)
    handler.users += 1
    return handler


def leave_logging(handler: RunLogHandler) -> None:
    """The last one who leaves takes it away."""
    handler.users -= 1
    if handler.users == 0:
        logging.getLogger().removeHandler(handler)
        handler.close()


def is_installed(handler: RunLogHandler) -> bool:
    return handler in logging.root.handlers

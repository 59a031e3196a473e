"""RunLogHandler: leads what a run logs by `logging` to its log.

It stands first at the root logger, so the loggers' own levels decide, and handlers after it find
`record.trace_id`. Outside of runs it does nothing. `logging.basicConfig` takes any handler at the
root for a configuration: configure logging before a board opens, or with `force=True`.
"""

from __future__ import annotations

import logging

from callboard.runners.context import current


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
        record.__dict__.setdefault("trace_id", context.trace_id)
        try:
            context.output.record(record.levelname, self.format(record))
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

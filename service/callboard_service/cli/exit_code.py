"""What the exit code of a command says."""

from __future__ import annotations

from enum import IntEnum
from typing import Final


class ExitCode(IntEnum):
    """The same for every command."""

    DONE = 0
    RUN_FAILED = 1
    USAGE = 2
    REFUSED = 3
    UNREACHABLE = 4
    INTERRUPTED = 130


HELP: Final = (
    "Exit codes: 0 done; 1 the run that was waited for did not succeed; 2 usage, or a field is "
    "wrong; 3 not found or refused; 4 the server (or, for serve, migrate and doctor, the database) "
    "cannot be reached or does not serve; 130 interrupted."
)

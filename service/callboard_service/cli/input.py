"""What a command reads from a file or from stdin."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any, Final

from callboard_service.cli.exit_code import ExitCode
from callboard_service.cli.failures import CliFailure

STDIN: Final = "-"
MOST_BYTES: Final = 16 << 20


def read_bytes(name: str) -> bytes:
    """The content of a file, or of stdin for `-`.

    Raises:
        CliFailure: it cannot be read, or is beyond all bounds.
    """
    try:
        if name == STDIN:
            content = sys.stdin.buffer.read(MOST_BYTES + 1)
        else:
            with Path(name).open("rb") as file:
                content = file.read(MOST_BYTES + 1)
    except OSError as error:
        raise CliFailure(ExitCode.USAGE, f"{name}: {error.strerror or error}") from None
    if len(content) > MOST_BYTES:
        raise CliFailure(ExitCode.USAGE, f"{name}: has more than {MOST_BYTES} bytes")
    return content


def read_object(name: str) -> dict[str, Any]:
    """The JSON object in a file, or in stdin for `-`.

    Raises:
        CliFailure: it cannot be read, or holds no object.
    """
    return object_in(read_bytes(name), name)


def object_in(content: bytes, name: str) -> dict[str, Any]:
    """The JSON object that a file's content is.

    Raises:
        CliFailure: it is none.
    """
    try:
        value = json.loads(content)
    except ValueError as error:
        raise CliFailure(ExitCode.USAGE, f"{name}: is not JSON: {error}") from None
    if not isinstance(value, dict):
        raise CliFailure(ExitCode.USAGE, f"{name}: is not a JSON object")
    return value

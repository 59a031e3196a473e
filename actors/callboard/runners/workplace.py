"""Workplace: a private directory of the node for what its commands leave and what they are given.

    <name>.json    a result that the command of that name may write (RESULT_VARIABLE leads to it)
    <name>.txt     its arguments, when they are too long for a variable
    <name>/        what was fetched for it

It is made at the first use and removed with `close`; the warden removes it after a killed node.
"""

from __future__ import annotations

import os
import shutil
import tempfile
from contextlib import suppress
from pathlib import Path
from typing import Final

import orjson

from callboard.domain.json import Json
from callboard.domain.run import RunError
from callboard.runners.regular_file import read_regular
from callboard.runners.result import MAX_RESULT_BYTES, BadResult, to_result, too_large

RESULT_VARIABLE: Final = "CALLBOARD_RESULT_FILE"


class Workplace:
    """Its methods touch the file system."""

    def __init__(self) -> None:
        self._root: str | None = None

    def open(self) -> str | None:
        """The directory; None where none can be made: then commands have no result file."""
        if self._root is None:
            with suppress(OSError):
                self._root = tempfile.mkdtemp(prefix="callboard-")  # for this user alone
        return self._root

    def close(self) -> None:
        """Remove it with all that is in it."""
        root, self._root = self._root, None
        if root is not None:
            shutil.rmtree(root, ignore_errors=True)

    def result_path(self, name: str) -> str | None:
        """Where the command of that name may write its result."""
        root = self.open()
        return None if root is None else f"{root}/{name}.json"

    def put(self, name: str, file: str, content: bytes) -> str:
        """The path of a new file for the command of that name.

        Raises:
            OSError: it cannot be written.
        """
        folder = Path(self._opened(), name)
        folder.mkdir(mode=0o700)
        path = folder / file
        path.write_bytes(content)
        return str(path)

    def put_arguments(self, name: str, arguments: str) -> str:
        """The path of a file with them.

        Raises:
            OSError: as put.
        """
        path = Path(self._opened(), f"{name}.txt")
        path.write_text(arguments)
        return str(path)

    def clear(self, name: str) -> None:
        """Remove the command's result and arguments."""
        if self._root is not None:
            for suffix in ("json", "txt"):
                with suppress(OSError):
                    os.unlink(f"{self._root}/{name}.{suffix}")

    def clear_files(self, name: str) -> None:
        """Remove what was put there for it; takes its time when it wrote more beside it."""
        if self._root is not None:
            shutil.rmtree(Path(self._root, name), ignore_errors=True)

    def _opened(self) -> str:
        root = self.open()
        if root is None:
            raise OSError(f"no directory can be made in {tempfile.gettempdir()}")
        return root


def has_result(path: str) -> bool:
    """Whether something is there."""
    return os.path.lexists(path)


def read_result(path: str) -> Json:
    """What the command wrote there, as `to_result` has it; None when it wrote nothing.

    Of more than MAX_RESULT_BYTES the rest is not read: nobody knows whether it is JSON.

    Raises:
        BadResult: it is not JSON.
    """
    try:
        written = read_regular(path, MAX_RESULT_BYTES + 1, follow=False)
        size = os.lstat(path).st_size
    except FileNotFoundError:
        return None
    except OSError as error:
        raise _not_json(error.strerror or str(error)) from None
    if not written.strip():
        return None
    if len(written) > MAX_RESULT_BYTES:
        return too_large(size, written)
    try:
        return to_result(orjson.loads(written))
    except orjson.JSONDecodeError as error:
        raise _not_json(str(error)) from None


def _not_json(why: str) -> BadResult:
    message = f"what the command wrote to its result file is not JSON: {why}"
    return BadResult(RunError(type="ResultNotJson", message=message))

"""The content of a file that somebody else may have put there: bounded, and never waiting."""

from __future__ import annotations

import os
import stat


def read_regular(path: str, limit: int, *, follow: bool = True) -> bytes:
    """At most `limit` bytes of its beginning.

    Args:
        follow: whether a symbolic link may lead to it.
    Raises:
        OSError: it cannot be read, or is no regular file: a FIFO would make us wait.
    """
    flags = os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC | (0 if follow else os.O_NOFOLLOW)
    with open(os.open(path, flags), "rb") as file:
        if not stat.S_ISREG(os.fstat(file.fileno()).st_mode):
            raise OSError("it is not a regular file")
        return file.read(limit)

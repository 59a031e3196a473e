"""The directory of an embedded server: what lies where, and where its socket is.

    <directory>/pgdata            PostgreSQL's data directory
    <directory>/postgres.log      what the server writes; the part before it is postgres.log.1
    <directory>/owner.lock        held by the process that runs the server
    <directory>/socket            private directory of the socket, or a link to it

A socket's path must be short. Where `<directory>/socket` is too long, or not open to the server's
user, the socket lives below the user's runtime or temporary directory, and the link tells all
processes where, whatever their environment says.
"""

from __future__ import annotations

import hashlib
import os
import stat
import tempfile
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import quote

from callboard.store.embedded.faults import DirectoryUnusable
from callboard.store.embedded.identity import Account, Disguise, Identity, can_enter, give_to
from callboard.store.embedded.settings import PORT

USER = "callboard"
DATABASE = "callboard"
LOG_LIMIT_BYTES = 1 << 20

# 107 bytes on Linux, 103 on macOS and the BSDs.
_LONGEST_SOCKET_PATH = 103
_SOCKET = f".s.PGSQL.{PORT}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Place:
    """The paths; `directory` is absolute and free of links."""

    directory: Path

    @property
    def data(self) -> Path:
        return self.directory / "pgdata"

    @property
    def log(self) -> Path:
        return self.directory / "postgres.log"

    @property
    def lock(self) -> Path:
        return self.directory / "owner.lock"

    @property
    def socket(self) -> Path:
        return self.directory / "socket"


def open_place(directory: Path) -> Place:
    """The place at `directory`, which is made, open to nobody else, when it is missing.

    Raises:
        DirectoryUnusable: it cannot be made, is not a directory, or is not writable.
    """
    try:
        resolved = directory.expanduser().resolve()
        resolved.mkdir(mode=0o700, parents=True, exist_ok=True)
    except (OSError, RuntimeError, ValueError) as error:
        reason = getattr(error, "strerror", None) or str(error)
        raise DirectoryUnusable(directory, f"it cannot be made ({reason})") from error
    if not os.access(resolved, os.R_OK | os.W_OK | os.X_OK):
        raise DirectoryUnusable(directory, f"it is not writable for uid {os.geteuid()}")
    return Place(directory=resolved)


def dsn_of(socket_directory: Path, database: str = DATABASE) -> str:
    """The DSN of a database behind the socket; the port is named lest PGPORT is taken."""
    host = quote(str(socket_directory), safe="/")
    return f"postgresql://{USER}@/{database}?host={host}&port={PORT}"


def find_socket_directory(place: Place) -> Path | None:
    """Where the present or last owner put the socket; None before there was one.

    Raises:
        DirectoryUnusable: it is open to others than the data's owner.
    """
    try:
        directory = Path(os.path.realpath(place.socket, strict=True))
        owner = place.data.stat()
    except FileNotFoundError:
        return None
    _check_private(directory, {owner.st_uid, os.geteuid()})
    return directory


def prepare_socket_directory(place: Place, identity: Identity) -> Path:
    """Make the socket's directory, private to the server's user; only for the elected owner."""
    if _fits(place.socket) and can_enter(identity, place.directory):
        if place.socket.is_symlink():
            place.socket.unlink()
        _make_private(place.socket, identity.owner)
        return place.socket
    target = _linked_directory(place, identity)
    if not place.socket.is_symlink() or Path(os.readlink(place.socket)) != target:
        _replace_by_link(place.socket, target)
    return target


def clear_socket(socket_directory: Path) -> None:
    """Remove what a dead server left there; only when no postmaster lives."""
    (socket_directory / _SOCKET).unlink(missing_ok=True)
    (socket_directory / f"{_SOCKET}.lock").unlink(missing_ok=True)


def leave_no_trace(place: Place) -> None:
    """Remove a socket directory outside; after a stop, before the next election."""
    if place.socket.is_symlink():
        try:
            Path(os.readlink(place.socket)).rmdir()
        except OSError:
            pass  # gone, or not empty after a stop by force: the next owner deals with it


def trim_log(place: Place) -> None:
    """Keep the log bounded: beyond the limit its end becomes `postgres.log.1`.

    The file stays the same one, because a running server goes on appending to it; lines written
    in the instant between copy and cut are lost.
    """
    try:
        if place.log.stat().st_size <= LOG_LIMIT_BYTES:
            return
    except FileNotFoundError:
        return
    with open(place.log, "r+b") as log:
        log.seek(-LOG_LIMIT_BYTES, os.SEEK_END)
        place.log.with_name("postgres.log.1").write_bytes(log.read(LOG_LIMIT_BYTES))
        log.truncate(0)


def log_tail(place: Place, *, after: int, lines: int = 8) -> str:
    """The last lines of the log that were written beyond byte `after`."""
    try:
        with open(place.log, "rb") as log:
            log.seek(after)
            text = log.read(LOG_LIMIT_BYTES).decode(errors="replace")
    except FileNotFoundError:
        return ""
    return "\n".join(text.splitlines()[-lines:])


def log_size(place: Place) -> int:
    """Bytes in the log; 0 when there is none."""
    try:
        return place.log.stat().st_size
    except FileNotFoundError:
        return 0


def _linked_directory(place: Place, identity: Identity) -> Path:
    """The first directory outside that fits and lets the server in; the present one if it can be.

    Others know the present one, and a new owner's environment may name other directories.
    """
    name = f"callboard-{identity.owner.uid}-{_mark(place)}"
    present = [Path(os.readlink(place.socket))] if place.socket.is_symlink() else []
    for target in (*present, *(parent / name for parent in _outside(identity))):
        if target.parent.is_dir() and _fits(target) and can_enter(identity, target.parent):
            _make_private(target, identity.owner)
            return target
    raise DirectoryUnusable(place.directory, "its path is too long for a socket, as is TMPDIR")


def _outside(identity: Identity) -> list[Path]:
    runtime = os.environ.get("XDG_RUNTIME_DIR", "")
    shared = [Path(tempfile.gettempdir()), Path("/tmp")]
    if identity.disguise is Disguise.USER or not os.path.isabs(runtime):
        return shared
    return [Path(runtime), *shared]


def _mark(place: Place) -> str:
    return hashlib.sha256(os.fsencode(place.directory)).hexdigest()[:16]


def _fits(directory: Path) -> bool:
    """Whether a socket in `directory` can be bound, and named in a DSN (which splits at commas)."""
    text = str(directory)
    try:
        length = len(text.encode())
    except UnicodeEncodeError:
        return False
    return "," not in text and length + 1 + len(_SOCKET) <= _LONGEST_SOCKET_PATH


def _make_private(directory: Path, owner: Account) -> None:
    try:
        directory.mkdir(mode=0o700)
        give_to(owner, directory)
    except FileExistsError:
        # Left by an earlier owner, who may have run the server as somebody else.
        _check_private(directory, {owner.uid, os.geteuid()})
        give_to(owner, directory)


def _check_private(directory: Path, uids: set[int]) -> None:
    """Refuse a directory that others could have prepared, or can enter."""
    status = os.lstat(directory)
    is_private = stat.S_ISDIR(status.st_mode) and not status.st_mode & 0o077
    if not is_private or status.st_uid not in uids:
        reason = f"must be a directory with mode 0700 that belongs to uid {min(uids)}"
        raise DirectoryUnusable(directory, f"as the socket's place it {reason}; remove it")


def _replace_by_link(path: Path, target: Path) -> None:
    fresh = path.with_name(f"{path.name}.new")
    fresh.unlink(missing_ok=True)
    fresh.symlink_to(target)
    if path.is_dir() and not path.is_symlink():
        clear_socket(path)
        path.rmdir()
    os.replace(fresh, path)

"""A copy of the programs where an unprivileged user reaches them.

Needed only when root runs the server as somebody else, and the programs lie where that user may
not go: a virtual environment in root's home. Nobody's permissions are changed; the copy belongs
to root, and only root can write it.
"""

from __future__ import annotations

import hashlib
import os
import shutil
import stat
import tempfile
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from callboard.store.embedded.binaries import Binaries
from callboard.store.embedded.faults import RootRefused
from callboard.store.embedded.identity import Identity, can_enter, can_run


def default_shelters() -> tuple[Path, ...]:
    """Where a copy may lie, the preferred place first."""
    return (Path("/var/cache"), Path(tempfile.gettempdir()))


def reachable_binaries(
    binaries: Binaries, identity: Identity, shelters: Sequence[Path] | None = None
) -> Binaries:
    """`binaries`, or a copy of them that the identity may run.

    The copy is kept for the next time; it takes some 40 MB.

    Raises:
        RootRefused: the identity can run neither the programs nor a copy of them.
    """
    if can_run(identity, binaries.program("postgres")):
        return binaries
    for shelter in default_shelters() if shelters is None else shelters:
        if os.access(shelter, os.W_OK) and can_enter(identity, shelter):
            moved = replace(binaries, directory=_copy(binaries, shelter) / "bin")
            if can_run(identity, moved.program("postgres")):
                return moved
    raise RootRefused(
        f"uid {identity.owner.uid} can run neither {str(binaries.directory)!r} nor a copy of it"
    )


def _copy(binaries: Binaries, shelter: Path) -> Path:
    """The copy of the installation; made in one step, so that none is ever half there."""
    source = binaries.directory.parent
    mark = hashlib.sha256(os.fsencode(source)).hexdigest()[:12]
    target = shelter / f"callboard-postgres-{binaries.version}-{mark}"
    if _is_trusted(target):
        return target
    fresh = Path(tempfile.mkdtemp(prefix=f"{target.name}.", dir=shelter))
    try:
        shutil.copytree(source, fresh, symlinks=True, dirs_exist_ok=True)
        _open_to_all(fresh)
        fresh.rename(target)
    finally:
        shutil.rmtree(fresh, ignore_errors=True)
    return target


def _open_to_all(copy: Path) -> None:
    """Let everybody read (and nobody else write) the copy."""
    copy.chmod(0o755)
    for path in copy.rglob("*"):
        if not path.is_symlink():
            path.chmod(0o755 if path.is_dir() or os.access(path, os.X_OK) else 0o644)


def _is_trusted(target: Path) -> bool:
    """Whether an earlier copy can be used: a directory of ours, closed to other writers.

    Raises:
        RootRefused: something else has taken its name.
    """
    try:
        status = os.lstat(target)
    except FileNotFoundError:
        return False
    is_ours = stat.S_ISDIR(status.st_mode) and status.st_uid == os.geteuid()
    if is_ours and not status.st_mode & 0o022:
        return True
    raise RootRefused(f"{str(target)!r} is not a copy of the programs that Callboard made")

"""As whom the server's programs run.

PostgreSQL refuses to run as root. A root process gets round that, in this order:
- data that belongs to an ordinary user is served as that user;
- a user namespace, in which root appears as uid 1000: no other user, no change of owners;
- an existing unprivileged user, to whom the data directory (and nothing else) is given.
"""

from __future__ import annotations

import enum
import os
import pwd
import shutil
import subprocess
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from callboard.store.embedded.faults import DirectoryUnusable, RootRefused

STAND_INS = ("callboard", "postgres", "nobody")
"""The unprivileged users that may serve for root, the preferred one first."""

_NAMESPACE = ("unshare", "--user", "--map-user=1000", "--map-group=1000", "--")
# The signal is lost when the parent died before it was asked for; hence the look at the parent.
_IF_PARENT_LIVES = ("sh", "-c", 'test "$PPID" = "$1" && shift && exec "$@"', "sh")
_PROBE_TIMEOUT_S = 10.0


class Disguise(enum.Enum):
    """How a program's process differs from ours."""

    NONE = "none"
    NAMESPACE = "namespace"
    USER = "user"


@dataclass(frozen=True, slots=True, kw_only=True)
class Account:
    """A user and group."""

    uid: int
    gid: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Situation:
    """What the choice rests on."""

    us: Account
    """The effective user of this process."""
    data_owner: Account | None
    """None when there is no data yet."""
    has_namespaces: bool
    """User namespaces are permitted."""
    has_setpriv: bool
    """There is a setpriv that knows death signals."""
    stand_in: Account | None
    """The unprivileged user that may serve for root."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Identity:
    """As whom programs run, and whose the files are."""

    disguise: Disguise
    owner: Account
    """Owns the data directory and the socket directory, seen from outside."""
    has_setpriv: bool

    def command(self, argv: Sequence[str], *, death_signal: str | None = None) -> list[str]:
        """`argv`, prefixed so that it runs as this identity.

        Args:
            death_signal: what the program gets when the thread that starts it ends, or the
                process dies: `INT`. Ignored where the machine cannot do that.
        """
        guard: list[str] = []
        mortal: list[str] = []
        if death_signal is not None and self.has_setpriv:
            mortal = ["--pdeathsig", death_signal]
            guard = [*_IF_PARENT_LIVES, str(os.getpid())]
        if self.disguise is Disguise.USER:
            uid, gid = str(self.owner.uid), str(self.owner.gid)
            drop = ["--reuid", uid, "--regid", gid, "--clear-groups"]
            return ["setpriv", *drop, *mortal, "--", *guard, *argv]
        # A change of namespace clears the signal: ask for it inside.
        prefix = [*_NAMESPACE] if self.disguise is Disguise.NAMESPACE else []
        return [*prefix, *(["setpriv", *mortal, "--", *guard] if mortal else []), *argv]


def identify(data: Path) -> Identity:
    """As whom a server on `data` runs on this machine."""
    return choose_identity(look_around(data), data)


def choose_identity(situation: Situation, data: Path) -> Identity:
    """The decision, a function of what was found.

    Raises:
        DirectoryUnusable: the data belongs to somebody else, and we are not root.
        RootRefused: we are root, and there is no way to be anybody else.
    """
    us, data_owner = situation.us, situation.data_owner
    if us.uid != 0:
        if data_owner is not None and data_owner.uid != us.uid:
            reason = f"its data belongs to uid {data_owner.uid}, and we are uid {us.uid}"
            raise DirectoryUnusable(data, f"{reason}; run as that user")
        return _identity(Disguise.NONE, us, situation)
    if data_owner is not None and data_owner.uid != 0:
        return _as_user(data_owner, situation)
    if situation.has_namespaces:
        return _identity(Disguise.NAMESPACE, us, situation)
    if situation.stand_in is None:
        wanted = ", ".join(STAND_INS)
        raise RootRefused(f"namespaces are not permitted, and no user of {wanted} exists")
    return _as_user(situation.stand_in, situation)


def look_around(data: Path) -> Situation:
    """What this machine, this process and the data directory offer."""
    us = Account(uid=os.geteuid(), gid=os.getegid())
    return Situation(
        us=us,
        data_owner=_owner_of(data),
        has_namespaces=us.uid == 0 and _succeeds([*_NAMESPACE, "true"]),
        has_setpriv=_succeeds(["setpriv", "--pdeathsig", "INT", "--", "true"]),
        stand_in=_stand_in() if us.uid == 0 else None,
    )


def can_enter(identity: Identity, directory: Path) -> bool:
    """Whether the identity reaches the inside of `directory`."""
    if identity.disguise is not Disguise.USER:
        return True
    return _succeeds(identity.command(["test", "-x", str(directory)]))


def can_run(identity: Identity, program: str) -> bool:
    """Whether the identity may run `program --version`."""
    # By way of env: setpriv itself starts a program with root's rights to reach it.
    return _succeeds(identity.command(["env", program, "--version"]))


def give_to(owner: Account, directory: Path) -> None:
    """Make `owner` the owner of `directory` and all inside it; links are not followed.

    The directory itself comes last, so that an interrupted change is done again.
    """
    if os.geteuid() != 0 or _owner_of(directory) == owner:
        return
    for parent, directories, files in os.walk(directory):
        for name in (*directories, *files):
            os.lchown(os.path.join(parent, name), owner.uid, owner.gid)
    os.lchown(directory, owner.uid, owner.gid)


def clean_environment(environment: Mapping[str, str]) -> dict[str, str]:
    """The environment for PostgreSQL's programs: without the client's PG* variables."""
    return {name: value for name, value in environment.items() if not name.startswith("PG")}


def _as_user(account: Account, situation: Situation) -> Identity:
    if not situation.has_setpriv:
        raise RootRefused(f"there is no setpriv (util-linux) to become uid {account.uid}")
    return _identity(Disguise.USER, account, situation)


def _identity(disguise: Disguise, owner: Account, situation: Situation) -> Identity:
    return Identity(disguise=disguise, owner=owner, has_setpriv=situation.has_setpriv)


def _owner_of(path: Path) -> Account | None:
    try:
        status = path.stat()
    except FileNotFoundError:
        return None
    return Account(uid=status.st_uid, gid=status.st_gid)


def _stand_in() -> Account | None:
    for name in STAND_INS:
        try:
            entry = pwd.getpwnam(name)
        except KeyError:
            continue
        return Account(uid=entry.pw_uid, gid=entry.pw_gid)
    return None


def _succeeds(argv: list[str]) -> bool:
    if sys.platform != "linux" or shutil.which(argv[0]) is None:
        return False
    try:
        done = subprocess.run(
            argv,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            timeout=_PROBE_TIMEOUT_S,
            check=False,
        )
    except (OSError, subprocess.SubprocessError):
        return False
    return done.returncode == 0

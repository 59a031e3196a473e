"""Family: all processes of one execution, found in /proc, also those that left its group.

A process belongs to it when
    it is in the session of the first one, or
    it carries the execution's mark, a variable that children inherit, or
    its parent belongs to it.
So a child that makes itself a daemon (fork, setsid, fork) is found, unless it cleared its
environment *and* its parents have ended: a program that means to stay can do that (`env -u`).
PR_SET_CHILD_SUBREAPER would know those as well, but it would make this process the parent of
strangers, which is the business of whoever embeds it.

Everything here reads files and may block: it is for threads. Without /proc only the group is known.
"""

from __future__ import annotations

import os
import signal
from collections.abc import Collection, Iterable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from typing import Final

MARK: Final = "CALLBOARD_EXECUTION"
"""Name of the variable that marks all processes of one execution."""
_PROC: Final = "/proc"
_STAT_BYTES: Final = 4_096
_ENVIRON_BYTES: Final = 4_194_304
"""More than the system lets a process begin with, usually."""
_PLAUSIBLE: Final = 10_000
"""Processes that may have begun, at the most, between the leader's begin and its first look."""
_TRIES: Final = 20
"""A process that is just becoming another program has no environment for some microseconds."""


@dataclass(frozen=True, slots=True)
class Member:
    """A living process; `began` tells it from a later one of the same id."""

    pid: int
    parent: int
    group: int
    session: int
    began: int
    """Ticks since the machine's start."""


class Family:
    """The processes that came from one command; `leader` is its id, group and session."""

    def __init__(self, leader: int, mark: str) -> None:
        """Args:
        mark: value of the variable MARK in the leader's environment.
        """
        self.leader = leader
        self._mark = f"{MARK}={mark}".encode()
        first = _read_member(leader)
        self._began = 0 if first is None else first.began
        self._known: Collection[int] = (leader,)
        self._looked_until = leader
        # Some containers show a load average, and so a last id, that is not their own.
        self._knows_last = 0 <= _last_pid() - leader < _PLAUSIBLE

    def living(self, *, soon: bool = False) -> tuple[Member, ...]:
        """Those that run, sleep or are stopped; zombies that nobody has buried do not count.

        Args:
            soon: the last look, or else the leader's begin, was a moment ago. Ids of processes are
                given out in a circle, so only those since then are new.
        """
        last = _last_pid()
        pids = _all_pids()
        if not pids:
            return self._group_alone()
        if soon and last and self._knows_last:
            pids = [pid for pid in pids if pid in self._known or self._is_new(pid, last)]
        members = map(_read_member, pids)
        young = {each.pid: each for each in members if each and each.began >= self._began}
        kin = {pid for pid, member in young.items() if self._is_marked(member)}
        self._known = _with_children(kin, young)
        self._looked_until = last
        return tuple(young[pid] for pid in self._known)

    def kill(self) -> int:
        """Kill all of them, once; how many there were: more may have come meanwhile."""
        found = self.living()
        if any(member.group == self.leader for member in found):
            with suppress(ProcessLookupError, PermissionError):
                os.killpg(self.leader, signal.SIGKILL)  # reaches all of them at one instant
        _signal_each(found, signal.SIGKILL)
        return len(found)

    def ask_outsiders(self) -> None:
        """SIGTERM to those that are not in the leader's group."""
        outside = [member for member in self.living() if member.group != self.leader]
        _signal_each(outside, signal.SIGTERM)

    def _is_new(self, pid: int, last: int) -> bool:
        first = self._looked_until
        return first <= pid <= last if first <= last else pid >= first or pid <= last

    def _is_marked(self, member: Member) -> bool:
        if member.session == self.leader:
            return True
        return self._mark in _environ_of(member.pid).split(b"\0")

    def _group_alone(self) -> tuple[Member, ...]:
        try:
            os.killpg(self.leader, 0)
        except ProcessLookupError:
            return ()
        except PermissionError:
            pass
        return (Member(self.leader, 0, self.leader, self.leader, 0),)


def _all_pids() -> list[int]:
    """Empty where there is no /proc."""
    with suppress(OSError):
        return [int(name) for name in os.listdir(_PROC) if name.isdigit()]
    return []


def _read_member(pid: int) -> Member | None:
    try:
        stat = _read(f"{_PROC}/{pid}/stat", _STAT_BYTES)
    except OSError:  # it has ended just now
        return None
    state, *numbers = stat.rpartition(b")")[2].split(None, 20)  # its name may hold anything
    if state == b"Z":
        return None
    parent, group, session = map(int, numbers[:3])
    return Member(pid, parent, group, session, int(numbers[18]))


def _environ_of(pid: int) -> bytes:
    """Its environment as it began; empty when that cannot be known."""
    environ = b""
    with suppress(OSError):  # it has ended, or is somebody else's
        for _ in range(_TRIES):
            environ = _read(f"{_PROC}/{pid}/environ", _ENVIRON_BYTES)
            if environ:
                break
    return environ


def _read(path: str, limit: int) -> bytes:
    """The cheapest way, for it is done for every process there is."""
    handle = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    try:
        return os.read(handle, limit)
    finally:
        os.close(handle)


def _last_pid() -> int:
    """The id that was given out last; 0 where that is not known."""
    try:
        return int(_read(f"{_PROC}/loadavg", _STAT_BYTES).split()[-1])
    except (OSError, ValueError):
        return 0


def _with_children(kin: Iterable[int], among: Mapping[int, Member]) -> Collection[int]:
    children: dict[int, list[int]] = {}
    for member in among.values():
        children.setdefault(member.parent, []).append(member.pid)
    waiting, found = list(kin), set[int]()
    while waiting:
        pid = waiting.pop()
        if pid not in found:
            found.add(pid)
            waiting.extend(children.get(pid, ()))
    return found


def _signal_each(members: Iterable[Member], number: signal.Signals) -> None:
    for member in members:
        with suppress(ProcessLookupError, PermissionError):
            _signal_one(member, number)


def _signal_one(member: Member, number: signal.Signals) -> None:
    """Through a descriptor, so that a process of the same id that began since is left alone."""
    try:
        handle = os.pidfd_open(member.pid)
    except (OSError, AttributeError):  # no such call here, or no descriptor to spare
        os.kill(member.pid, number)
        return
    try:
        present = _read_member(member.pid)
        if present is not None and present.began == member.began:
            signal.pidfd_send_signal(handle, number)
    finally:
        os.close(handle)

"""GroupWarden: a small process that outlives a killed node by a moment, to end its commands.

A node that gets SIGKILL can end nothing any more, and the parent's death signal reaches only the
first process of a command. So a shell holds the other end of a pipe, is told which process groups
run, and kills those that are left when the pipe ends. Without it a run that is executed again after
a crash could meet the children of its first execution.
"""

from __future__ import annotations

import os
import subprocess
from typing import Final

_SCRIPT: Final = """
trap '' HUP INT QUIT TERM
groups=' '
while read -r what group; do
    case "$what$groups" in
        +*) groups="$groups$group " ;;
        -*" $group "*) groups="${groups%% $group *} ${groups#* $group }" ;;
    esac
done
for group in $groups; do kill -s KILL -- "-$group"; done
for round in 1 2 3 4 5; do
    files=
    [ -n "$1" ] && files=$(grep -lsF -e "$1" /proc/[0-9]*/environ)
    [ -n "$files" ] || break
    for file in $files; do file=${file%/environ}; kill -s KILL "${file#/proc/}"; done
done
[ -n "$2" ] && rm -rf -- "$2"
"""
_END_TIMEOUT_S: Final = 2.0


class GroupWarden:
    """Knows the process groups of the commands that run; started with the first of them."""

    def __init__(self, *, mark: str = "", folder: str = "") -> None:
        """Args:
        mark: what the environment of every command holds, and that of nobody else's; none: "".
        folder: a directory that is removed in the end; none: "".
        """
        self._mark = mark
        self._folder = folder
        self._groups: set[int] = set()
        self._shell: subprocess.Popen[bytes] | None = None

    def watch(self, group: int) -> None:
        """Have the group killed should this process end before `forget`."""
        self._groups.add(group)
        if self._shell is not None:
            self._tell(f"+ {group}\n")
        if self._shell is None:
            self._start()

    def forget(self, group: int) -> None:
        """The group is over."""
        if group in self._groups:
            self._groups.discard(group)
            self._tell(f"- {group}\n")

    def close(self) -> None:
        """End the shell, and with it the groups that were not forgotten."""
        shell, self._shell = self._shell, None
        if shell is None or shell.stdin is None:
            return
        shell.stdin.close()
        try:
            shell.wait(_END_TIMEOUT_S)
        except subprocess.TimeoutExpired:
            shell.kill()
            shell.wait()

    def _start(self) -> None:
        try:
            self._shell = subprocess.Popen(
                ("/bin/sh", "-c", _SCRIPT, "warden", self._mark, self._folder),
                bufsize=0,
                cwd="/",
                env={"PATH": os.defpath},
                stdin=subprocess.PIPE,
                stdout=subprocess.DEVNULL,
                stderr=subprocess.DEVNULL,
                start_new_session=True,
            )
        except OSError:  # no shell, or no process to spare: commands run all the same
            return
        if self._shell.stdin is not None:
            os.set_blocking(self._shell.stdin.fileno(), False)
        self._tell("".join(f"+ {group}\n" for group in self._groups))

    def _tell(self, words: str) -> None:
        if self._shell is None or self._shell.stdin is None:
            return
        try:
            self._shell.stdin.write(words.encode())
        except BlockingIOError:  # somebody has suspended it
            pass
        except OSError:  # somebody has killed it; a new one will be told of all groups
            self.close()

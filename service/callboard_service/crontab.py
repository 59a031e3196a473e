"""A crontab file, read as cron itself reads it, into entries that can become jobs and triggers.

Assignments hold for the lines below them, an unescaped `%` ends the command and begins its input,
there are no continuation lines and no comments behind a command. Nothing is guessed: a line that
cannot be taken over as it stands is a problem, with its place and the reason.

Source: crontab(5); cronie's env.c, entry.c and do_command.c.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Final

from callboard.domain.cron import parse_vixie
from callboard.domain.cron_fault import CronTextError
from callboard.domain.dialect import VIXIE
from callboard.domain.zone import zone as named_zone
from callboard.errors import InvalidInput
from callboard_service.crontab_entry import CrontabEntry, CrontabFile, CrontabProblem
from callboard_service.crontab_name import name_entries

__all__ = [
    "CrontabEntry",
    "CrontabFile",
    "CrontabProblem",
    "detect_system_form",
    "parse_crontab",
    "split_input",
]

_WORD: Final = re.compile(r"[^ \t]+")
_ASSIGNMENT: Final = re.compile(r"""[ \t]*("[^"]*"|'[^']*'|[^ \t="']+)[ \t]*=[ \t]*""")
_VARIABLE: Final = re.compile(r"[A-Za-z_][A-Za-z0-9_]*", re.ASCII)
_USER: Final = re.compile(r"[A-Za-z_][A-Za-z0-9_.-]*\$?", re.ASCII)
_HEADER: Final = re.compile(r"\buser(?:-?name)?\b[ \t]+command\b", re.IGNORECASE)


def parse_crontab(
    text: str, *, system: bool, zone: str = "UTC", user: str | None = None
) -> CrontabFile:
    """The entries of a crontab.

    Args:
        system: whether each entry has a user column (`/etc/crontab`, `/etc/cron.d`).
        zone: what the times mean where no CRON_TZ is set.
        user: owner of a user crontab; goes into its entries.
    Raises:
        InvalidInput: on `zone`. Faults of the text are problems of the result.
    """
    named_zone(zone)
    reader = _CrontabReader(system=system, zone=zone, user=user)
    for number, line in enumerate(_lines(text), 1):
        reader.read(number, line)
    return CrontabFile(
        entries=tuple(name_entries(reader.entries)),
        problems=tuple(reader.problems),
        notes=tuple(reader.notes),
    )


def detect_system_form(
    text: str, *, known_users: frozenset[str] = frozenset({"root"})
) -> bool | None:
    """Whether a crontab has a user column; None when it can be read either way.

    Args:
        known_users: names that are taken for users and not for commands.
    """
    sixths = list(_sixth_words(text))
    if not sixths:
        return None
    if not all(_USER.fullmatch(word) and rest for word, rest in sixths):
        return False
    comments = (line for line in _lines(text) if line.lstrip(" \t").startswith("#"))
    if any(_HEADER.search(line) for line in comments):
        return True
    return True if all(word in known_users for word, _ in sixths) else None


def _lines(text: str) -> list[str]:
    # str.splitlines would also split at form feeds and other characters that a command may contain.
    return [line.removesuffix("\r") for line in text.removeprefix("\ufeff").split("\n")]


def _sixth_words(text: str) -> Iterator[tuple[str, str]]:
    """For each entry the first word behind its times, and what follows that word."""
    for line in _lines(text):
        if not line.strip(" \t") or line.lstrip(" \t").startswith("#") or _ASSIGNMENT.match(line):
            continue
        words = line.split()
        rest = words[1:] if words[0].startswith("@") else words[len(VIXIE.fields) :]
        yield (rest[0] if rest else ""), " ".join(rest[1:])


class _BadLine(Exception):
    """A line cannot be taken over; `start` is the 0-based place of the trouble."""

    def __init__(self, start: int, reason: str, fix: str = "") -> None:
        super().__init__(reason)
        self.start = start
        self.reason = reason
        self.fix = fix


class _CrontabReader:
    """Reads line by line and remembers what holds for the lines below."""

    def __init__(self, *, system: bool, zone: str, user: str | None) -> None:
        self.entries: list[CrontabEntry] = []
        self.problems: list[CrontabProblem] = []
        self.notes: list[CrontabProblem] = []
        self._system = system
        self._default_zone = zone
        self._user = user
        self._environment: dict[str, str] = {}
        self._zone: str | None = zone
        """None below a CRON_TZ that names no zone."""
        self._comment: list[str] = []
        self._continued = False

    def read(self, number: int, line: str) -> None:
        stripped = line.strip(" \t")
        if stripped.startswith("#"):
            self._comment.append(stripped.lstrip("#").strip(" \t"))
            return
        try:
            if stripped:
                self._read_active(number, line)
        except _BadLine as bad:
            fix = "crontab has no continuation lines" if self._continued else bad.fix
            self.problems.append(
                CrontabProblem(line=number, column=bad.start + 1, reason=bad.reason, fix=fix)
            )
        self._comment = []
        self._continued = stripped.endswith("\\")

    def _read_active(self, number: int, line: str) -> None:
        if "\0" in line:
            raise _BadLine(line.index("\0"), "contains a NUL character")
        assignment = _ASSIGNMENT.match(line)
        if assignment is not None:
            self._assign(number, line, assignment)
        else:
            self.entries.append(self._entry(number, line))

    def _assign(self, number: int, line: str, assignment: re.Match[str]) -> None:
        name = _unquoted(assignment[1])
        if _VARIABLE.fullmatch(name) is None:
            raise _BadLine(assignment.start(1), f"{ascii(name)[:40]} is not a variable's name")
        value = _assigned_value(line, assignment.end())
        self._environment = {**self._environment, name: value}
        if name == "CRON_TZ":
            self._set_zone(value, assignment.end())
        note = _NOTES.get(name)
        if note is not None:
            column = assignment.start(1) + 1
            self.notes.append(CrontabProblem(line=number, column=column, reason=note))

    def _set_zone(self, value: str, start: int) -> None:
        self._zone = None
        try:
            named_zone(value or self._default_zone)
        except InvalidInput as error:
            problem = error.problems[0]
            raise _BadLine(start, f"CRON_TZ: {problem.reason}", problem.fix) from None
        self._zone = value or self._default_zone

    def _entry(self, number: int, line: str) -> CrontabEntry:
        start, is_quiet = self._start_of_times(line)
        expression, at = _times(line, start)
        user = self._user
        if self._system:
            user, at = _user_column(line, at)
        rest = line[at:].lstrip(" \t")
        command, stdin = split_input(rest)
        if not command.strip():
            raise _BadLine(len(line.rstrip()), "has no command")
        if self._zone is None:
            reason = f"its zone, CRON_TZ={self._environment['CRON_TZ']}, is not known"
            raise _BadLine(start, reason, "correct the assignment above")
        return CrontabEntry(
            line=number,
            name="",
            description="\n".join(self._comment).strip(),
            expression=expression,
            zone=self._zone,
            command=command,
            stdin=stdin,
            environment=self._environment,
            user=user,
            is_quiet=is_quiet,
        )

    def _start_of_times(self, line: str) -> tuple[int, bool]:
        start = len(line) - len(line.lstrip(" \t"))
        if line[start] != "-":
            return start, False
        if not self._system and self._user != "root":
            raise _BadLine(start, "a leading - is only for system crontabs and root's")
        return start + 1, True


_NOTES: Final = {
    "TZ": "TZ is only passed to the commands, as cron does; CRON_TZ sets the zone of the times",
    "RANDOM_DELAY": "RANDOM_DELAY is only passed to the commands; nothing is delayed",
}


def _assigned_value(line: str, start: int) -> str:
    value = line[start:].rstrip(" \t")
    quote = value[:1]
    if quote not in ('"', "'") or not quote:
        return value
    end = value.find(quote, 1)
    if end < 0:
        raise _BadLine(start, f"the quote {quote} is never closed")
    if end != len(value) - 1:
        raise _BadLine(start + end + 1, "there is text behind the closing quote")
    return value[1:-1]


def _unquoted(name: str) -> str:
    return name[1:-1] if name[0] in "\"'" else name


def _times(line: str, start: int) -> tuple[str, int]:
    """The expression that begins at `start`, and where it ends."""
    words = list(_WORD.finditer(line, start))
    if not words:
        raise _BadLine(start, "has no times")
    last = words[0] if words[0].group().startswith("@") else words[: len(VIXIE.fields)][-1]
    text = line[start : last.end()]
    try:
        parse_vixie(text)
    except CronTextError as error:
        fault = error.faults[0]
        where = f"{fault.field}: " if fault.field else ""
        raise _BadLine(start + fault.column - 1, where + fault.reason, fault.fix) from None
    return " ".join(text.split()), last.end()


def _user_column(line: str, at: int) -> tuple[str, int]:
    word = _WORD.search(line, at)
    if word is None:
        raise _BadLine(len(line), "has no user and no command", "a system crontab names the user")
    if _USER.fullmatch(word.group()) is None:
        reason = f"{ascii(word.group())[:40]} is not a user's name"
        fix = "a system crontab has the user before the command; a user crontab has none"
        raise _BadLine(word.start(), reason, fix)
    return word.group(), word.end()


def split_input(text: str) -> tuple[str, str | None]:
    """The command and its standard input, as cron's `%` rule divides them.

    `\\%` is a percent sign. The first bare `%` ends the command; every further one is a newline,
    and the input ends with one. None: there is no bare `%`.
    """
    command: list[str] = []
    characters = iter(text)
    for character in characters:
        if character == "\\":
            command.append(_escaped(next(characters, "")))
        elif character == "%":
            return "".join(command), _input_text("".join(characters))
        else:
            command.append(character)
    return "".join(command), None


def _input_text(text: str) -> str:
    characters = iter(text)
    parts = []
    for character in characters:
        if character == "\\":
            parts.append(_escaped(next(characters, "")))
        else:
            parts.append("\n" if character == "%" else character)
    body = "".join(parts)
    return body if not body or body.endswith("\n") else body + "\n"


def _escaped(character: str) -> str:
    return "%" if character == "%" else "\\" + character

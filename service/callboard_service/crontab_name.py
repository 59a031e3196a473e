"""Names for the entries of a crontab that are the same at every import."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from dataclasses import replace
from hashlib import sha256
from typing import Final

from callboard_service.crontab_entry import CrontabEntry

MAX_WORDS: Final = 5
MAX_LENGTH: Final = 60
_NAMED: Final = re.compile(r"name:[ \t]*([A-Za-z0-9][A-Za-z0-9_.:-]{0,254})", re.ASCII)
_NOT_A_TITLE: Final = re.compile(r"[*@]|\d+[ \t]+\d+[ \t]|\bcommand\b|\bdow\b", re.IGNORECASE)
_NOISE: Final = re.compile(r"[^A-Za-z0-9_.]+")
_NOT_A_PROGRAM: Final = re.compile(r"[A-Za-z_][A-Za-z0-9_]*=.*|-.*|[\d.]+[a-z]?", re.ASCII)
"""An assignment, an option, a number or a length of time."""
_WRAPPERS: Final = frozenset(
    {
        "cd",
        "chronic",
        "env",
        "exec",
        "flock",
        "ionice",
        "nice",
        "nohup",
        "sh",
        "sudo",
        "test",
        "timeout",
    }
)


def name_entries(entries: Iterable[CrontabEntry]) -> Iterator[CrontabEntry]:
    """The entries with their names, unique among them.

    A comment line `name: x` directly above names the entry; a short one is its title; otherwise
    the program's name and a hash of what is run when, so that moving a line changes nothing.
    """
    taken: set[str] = set()
    for entry in entries:
        name = _wanted_name(entry)
        if name in taken:
            name = f"{name}-{_fingerprint(entry)}"
        if name in taken:
            name = f"{name}-{entry.line}"
        taken.add(name)
        yield replace(entry, name=name)


def _wanted_name(entry: CrontabEntry) -> str:
    comments = entry.description.split("\n")
    for comment in comments:
        named = _NAMED.fullmatch(comment)
        if named is not None:
            return named[1]
    return _title(comments[-1]) or f"{_program(entry.command)}-{_fingerprint(entry)}"


def _title(comment: str) -> str:
    if (
        len(comment) > MAX_LENGTH
        or len(comment.split()) > MAX_WORDS
        or _NOT_A_TITLE.search(comment)
    ):
        return ""
    return _slug(comment)


def _program(command: str) -> str:
    """The first word of the command that names a program and does not merely wrap one."""
    words = [word for word in re.split(r"[\s;&|()]+", command) if word]
    for word in words:
        base = word.strip("\"'").rpartition("/")[2]
        if not _NOT_A_PROGRAM.fullmatch(word) and base and base not in _WRAPPERS:
            return _slug(base.rpartition(".")[0] or base) or "job"
    return "job"


def _slug(text: str) -> str:
    return _NOISE.sub("-", text).strip("-._")[:MAX_LENGTH].lower()


def _fingerprint(entry: CrontabEntry) -> str:
    parts = (entry.expression, entry.zone, entry.user or "", entry.command, entry.stdin or "")
    return sha256("\0".join(parts).encode(errors="surrogatepass")).hexdigest()[:6]

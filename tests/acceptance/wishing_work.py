"""Handlers that want to go on in another way, for any place that executes them."""

from __future__ import annotations

from pathlib import Path

from callboard import Cancel, Retry, Snooze


class Unavailable(ConnectionError):
    pass


def snooze_once(mark: str) -> Snooze | str:
    """Snoozes until there is a mark, and makes it."""
    if Path(mark).exists():
        return "rested"
    Path(mark).touch()
    return Snooze(0.2, "not now")


def retry_once(mark: str) -> Retry | str:
    if Path(mark).exists():
        return "there"
    Path(mark).touch()
    return Retry(after=0.2, reason="not there")


def cancel() -> Cancel:
    return Cancel("withdrawn")


def unavailable() -> None:
    raise Unavailable("down")

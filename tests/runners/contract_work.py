"""Handlers that behave in every way that the contract of runners speaks of; workers import them."""

from __future__ import annotations

import asyncio
import logging
import os
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path
from typing import NoReturn

from callboard import Cancel, Retry, RunContext, Snooze
from callboard.domain.json import Json

WAIT_S = 20.0
FLOOD_LINE = "0123456789" * 10
FLOOD_LINES = 30_000


class ShopError(Exception):
    """Of the handlers' own."""


def succeed() -> Json:
    return {"rows": [1, None, "č"]}


def fail() -> NoReturn:
    raise ShopError("no stock")


def talk() -> None:
    print("one")
    logging.getLogger("contract").warning("two")
    print("three", flush=True)


def obey(ctx: RunContext) -> None:
    print("ready")
    while True:
        ctx.wait_stopping(WAIT_S)
        ctx.raise_if_stopping()


def ignore(release: str) -> None:
    print("ready")
    while not Path(release).exists():
        time.sleep(0.01)


def flood() -> None:
    for _ in range(FLOOD_LINES):
        print(FLOOD_LINE)


def be_huge() -> Json:
    """A gigabyte as JSON, of a megabyte."""
    return ["x" * 1_048_576] * 1024


def say(word: str) -> None:
    for number in range(50):
        print(f"{word} {number}")


def have_child() -> None:
    with subprocess.Popen(["sleep", "1000"]) as child:
        print(f"pids {os.getpid()} {child.pid}")
        child.wait()


def retry() -> Retry:
    return Retry(after=7, reason="not yet")


def snooze() -> Snooze:
    return Snooze(for_=60)


def cancel() -> Cancel:
    return Cancel("withdrawn")


async def succeed_later() -> Json:
    await asyncio.sleep(0)
    return succeed()


async def fail_later() -> None:
    await asyncio.sleep(0)
    fail()


async def talk_later() -> None:
    talk()


async def obey_later() -> None:
    print("ready")
    await asyncio.sleep(WAIT_S)


async def ignore_later(release: str) -> None:
    print("ready")
    for _ in _until(release):
        try:
            await asyncio.sleep(0.01)
        except asyncio.CancelledError:
            continue


async def flood_later() -> None:
    flood()


async def be_huge_later() -> Json:
    return be_huge()


async def say_later(word: str) -> None:
    for number in range(50):
        print(f"{word} {number}")
        await asyncio.sleep(0)


async def retry_later() -> Retry:
    return retry()


async def snooze_later() -> Snooze:
    return snooze()


async def cancel_later() -> Cancel:
    return cancel()


def _until(release: str) -> Iterator[None]:
    while not Path(release).exists():
        yield

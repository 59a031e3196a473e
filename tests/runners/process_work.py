"""Handlers for worker processes: what they do to their worker, and what they see there."""

from __future__ import annotations

import asyncio
import contextlib
import ctypes
import logging
import os
import resource
import signal
import socket
import subprocess
import sys
import threading
import time
from pathlib import Path
from typing import Any

from callboard import RunContext, current_run
from callboard.domain.json import Json

kept: list[Any] = []
"""What a handler leaves behind in its worker."""


def pid() -> int:
    return os.getpid()


async def pid_later() -> int:
    await asyncio.sleep(0)
    return os.getpid()


def echo(value: Json) -> Json:
    return value


def half_of_a_pair(where: str) -> Json:
    half = "\ud800"
    if where == "error":
        raise ValueError(half)
    return {half: 1} if where == "key" else [half]


def typed(count: int) -> int:
    return count


def facts(ctx: RunContext, name: str) -> Json:
    assert current_run() is ctx
    return [ctx.run_id, ctx.job, ctx.group, ctx.attempt, str(ctx.slot), ctx.trace_id, name]


def log_with_levels(ctx: RunContext) -> None:
    logging.getLogger("shop").error("an error")
    ctx.log.debug("a detail", extra={"rows": 3})
    ctx.progress(1, 4, "loading")


def output_of_all_kinds() -> None:
    print("print")
    os.write(1, b"descriptor\n")
    ctypes.CDLL(None).printf(b"libc %d\n", 7)
    subprocess.run(["echo", "child"], check=True)
    sys.stderr.write("stderr")


def invalid_utf8() -> None:
    os.write(1, b"a\xffb\n")
    print("half of a pair: \ud800")


def flood_descriptor() -> None:
    block = b"0123456789\n" * 10_000
    for _ in range(200):
        os.write(1, block)


def wait_for_stop(ctx: RunContext) -> str:
    print("begun")
    return "asked" if ctx.wait_stopping(20) else "never asked"


def sleep_on() -> None:
    print("begun")
    time.sleep(1000)


def die(how: str) -> None:
    print("last words")
    match how:
        case "exit":
            os._exit(0)
        case "kill":
            os.kill(os.getpid(), signal.SIGKILL)
        case "abort":
            os.abort()
        case "segv":
            ctypes.string_at(0)


def use_memory(mb: int) -> int:
    return len(bytearray(mb * 1_000_000))


def spin() -> None:
    while True:
        pass


def open_files() -> int:
    with contextlib.ExitStack() as stack:
        return len([stack.enter_context(Path("/dev/null").open()) for _ in range(100)])


def bounds() -> Json:
    return list(resource.getrlimit(resource.RLIMIT_NOFILE))


def leave_child() -> int:
    child = subprocess.Popen(["sleep", "1000"])
    kept.append(child)
    return child.pid


def tell_everywhere(ctx: RunContext, secret: str) -> Json:
    print("printed", secret)
    os.write(1, f"written {secret}\n".encode())
    ctx.log.info("logged", extra={"secret": secret})
    ctx.progress(1, note=secret)
    return {"secret": secret, "length": len(secret)}


def start_children(count: int) -> None:
    for _ in range(count):
        print(subprocess.Popen(["sleep", "1000"]).pid)
    time.sleep(1000)


def start_daemon() -> None:
    daemon = subprocess.Popen(["sleep", "1000"], start_new_session=True)
    print(f"daemon {daemon.pid}")
    time.sleep(1000)


def fork() -> str:
    child = os.fork()
    if child == 0:
        print("in the child")
        return "from the child"
    os.waitpid(child, 0)
    return "from the parent"


def environment() -> Json:
    return dict(os.environ)


def grow() -> None:
    kept.append(bytearray(400_000_000))


def write_line(data: str, times: int = 1) -> None:
    """To the node, past everything."""
    line = _line_to_node()
    block = data.encode()
    for _ in range(times):
        line.sendall(block)
    print("written")
    time.sleep(20)


def _line_to_node() -> socket.socket:
    """The only socket that a worker has."""
    for name in os.listdir("/proc/self/fd"):
        with contextlib.suppress(OSError):
            if os.readlink(f"/proc/self/fd/{name}").startswith("socket:"):
                return socket.socket(fileno=int(name))
    raise AssertionError("there is none")


def start_thread_that_prints() -> None:
    context = threading.Thread(target=lambda: print("from a thread"))
    context.start()
    context.join()


class Shop:
    """Has handlers."""

    @staticmethod
    def open() -> str:
        return "open"

    @classmethod
    def name(cls) -> str:
        return cls.__name__

"""Commands and services as processes, and waiting for what they say."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any

PATIENCE_S = 60.0
COMMAND = (sys.executable, "-m", "callboard_service")


def plain_environment() -> dict[str, str]:
    """This process's, without anything that is meant for Callboard."""
    return {key: value for key, value in os.environ.items() if not key.startswith("CALLBOARD_")}


def wait_until(is_so: Callable[[], bool], what: Callable[[], str]) -> None:
    """Return when `is_so`; fail when that takes very long."""
    deadline = time.monotonic() + PATIENCE_S
    while not is_so():
        assert time.monotonic() < deadline, f"waited in vain: {what()}"
        time.sleep(0.02)


class Program:
    """A running process whose words are kept in files."""

    def __init__(
        self,
        directory: Path,
        argv: tuple[str, ...],
        *,
        env: Mapping[str, str] | None = None,
        stdin: str | None = None,
    ) -> None:
        directory.mkdir(parents=True, exist_ok=True)
        number = len(list(directory.glob("*.out")))
        self._out = directory / f"{number}.out"
        self._err = directory / f"{number}.err"
        with self._out.open("wb") as out, self._err.open("wb") as err:
            self.process = subprocess.Popen(
                argv,
                cwd=directory,
                env={**plain_environment(), "PYTHONUNBUFFERED": "1", **(env or {})},
                stdin=subprocess.DEVNULL if stdin is None else subprocess.PIPE,
                stdout=out,
                stderr=err,
                start_new_session=True,
            )
        if stdin is not None:
            assert self.process.stdin is not None
            self.process.stdin.write(stdin.encode())
            self.process.stdin.close()

    @property
    def out(self) -> str:
        return self._out.read_text()

    @property
    def err(self) -> str:
        return self._err.read_text()

    def documents(self) -> list[dict[str, Any]]:
        """The complete lines of stdout, as JSON."""
        return [json.loads(line) for line in self.out.splitlines(keepends=True) if line[-1] == "\n"]

    def wait_for(self, is_so: Callable[[Program], bool]) -> None:
        """Return when what it said satisfies; fail when it ends before."""

        def happened() -> bool:
            has_ended = self.process.poll() is not None
            if is_so(self):
                return True
            assert not has_ended, f"ended with {self.process.returncode}: {self.out}{self.err}"
            return False

        wait_until(happened, lambda: f"{self.process.args!r}: {self.out}{self.err}")

    def end(self, signal_number: int = signal.SIGTERM) -> int:
        """Signal it; its exit code."""
        with suppress(ProcessLookupError):
            self.process.send_signal(signal_number)
        return self.wait()

    def wait(self) -> int:
        return self.process.wait(PATIENCE_S)

    def close(self) -> None:
        """See to it that nothing is left of it."""
        with suppress(ProcessLookupError):
            os.killpg(self.process.pid, signal.SIGKILL)
        self.process.wait(PATIENCE_S)


class ServiceProcess:
    """`callboard serve` on a port of its own, which it keeps when it is started again."""

    def __init__(self, directory: Path, dsn: str, *, env: Mapping[str, str] | None = None) -> None:
        self.directory = directory
        self.dsn = dsn
        self._env = dict(env or {})
        self._port = "0"
        self.url = ""
        self.start()

    def start(self) -> None:
        """Start it, and return when it is ready."""
        options = ("--dsn", self.dsn, "--port", self._port, "--log-level", "warning")
        env = {"CALLBOARD_DRAIN_S": "1", **self._env}
        self.program = Program(self.directory, (*COMMAND, "serve", *options), env=env)
        self.program.wait_for(lambda program: "listens on" in program.out)
        self.url = next(word for word in self.program.out.split() if word.startswith("http"))
        self._port = self.url.rpartition(":")[2]
        self.program.wait_for(lambda _: self.is_ready())

    def is_ready(self) -> bool:
        """Whether it has its store."""
        try:
            with urllib.request.urlopen(f"{self.url}/readyz", timeout=10) as answer:
                return bool(answer.status == 200)
        except urllib.error.HTTPError as error:
            error.close()
            return False
        except OSError:  # it takes its time
            return False

    def kill(self) -> None:
        self.program.end(signal.SIGKILL)

    def stop(self) -> int:
        return self.program.end()

    def close(self) -> None:
        self.program.close()

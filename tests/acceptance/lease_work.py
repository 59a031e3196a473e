"""Handlers for nodes that are to lose their lease, or to keep it all the same."""

from __future__ import annotations

import os
import time
from pathlib import Path

BALLAST_MB = 200


def simmer(signal: str) -> None:
    """Waits until the file is there, and takes the whole process with it."""
    while not Path(signal).exists():
        time.sleep(0.01)
    os._exit(9)


def gorge(signal: str) -> None:
    """The same, but with a lot of memory in its hands."""
    ballast = bytearray(os.urandom(1 << 20)) * BALLAST_MB
    simmer(signal)
    del ballast

"""What the figures were measured on, in lines of text."""

from __future__ import annotations

import os
import platform
from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path

from benchmarks.server import Server


def facts(server: Server, python: Mapping[str, str], loops: Mapping[str, str]) -> dict[str, str]:
    """By name, in the order to show them.

    Args:
        python: versions of the interpreters, by who uses them; likewise `loops`.
    """
    settings = ", ".join(f"{name} {value}" for name, value in server.settings.items())
    load = ", ".join(f"{load:.1f}" for load in os.getloadavg())
    return {
        "measured": f"{datetime.now(UTC):%Y-%m-%d %H:%M} UTC",
        "machine": f"{os.cpu_count()} cores for client and server, {_cpu()}, {platform.system()}",
        "load": f"{load} before the run (1, 5, 15 minutes)",
        "PostgreSQL": f"{server.version}, {settings}",
        "commit": f"{server.commit_ms:.2f} ms for a single-row INSERT with its commit (median)",
        "Python": _by_user(python),
        "event loop": _by_user(loops),
    }


def _by_user(values: Mapping[str, str]) -> str:
    if len(set(values.values())) == 1:
        return next(iter(values.values()))
    return ", ".join(f"{value} ({user})" for user, value in values.items())


def _cpu() -> str:
    try:
        lines = Path("/proc/cpuinfo").read_text().splitlines()
    except OSError:
        return platform.machine()
    names = [line.partition(":")[2].strip() for line in lines if line.startswith("model name")]
    return names[0] if names else platform.machine()

"""The server's run-time settings: a small footprint, full durability, no TCP."""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path
from types import MappingProxyType

from callboard.errors import FieldProblem, InvalidInput

PORT = 5432
"""Only names the socket file: the server listens on no network."""

SMALL: Mapping[str, str] = MappingProxyType(
    {
        "autovacuum_naptime": "20s",
        "cluster_name": "callboard",
        "jit": "off",
        "lc_messages": "C",
        "log_checkpoints": "off",
        # What a client did wrong it is told; its words and values stay out of the log.
        "log_min_error_statement": "panic",
        "log_timezone": "UTC",
        "logging_collector": "off",
        "max_connections": "50",
        "max_logical_replication_workers": "0",
        "max_parallel_workers_per_gather": "0",
        "max_wal_senders": "0",
        "shared_buffers": "32MB",
        "timezone": "UTC",
        "wal_level": "minimal",
    }
)
"""The defaults; fsync and synchronous_commit stay on, which is PostgreSQL's own default."""

_OURS = frozenset(
    {
        "data_directory",
        "external_pid_file",
        "hba_file",
        "ident_file",
        "listen_addresses",
        "port",
        "unix_socket_directories",
        "unix_socket_group",
        "unix_socket_permissions",
    }
)
_NAME = re.compile(r"[a-z_][a-z0-9_]*(\.[a-z_][a-z0-9_]*)?")


def check_settings(settings: Mapping[str, str]) -> dict[str, str]:
    """A copy of the caller's settings.

    Raises:
        InvalidInput: a name is malformed, or is one that access control rests on; a value
            is not text or holds a NUL. Whether PostgreSQL knows a name it says itself.
    """
    problems = [found for item in settings.items() if (found := _problem(*item)) is not None]
    if problems:
        raise InvalidInput(*problems)
    return dict(settings)


def settings_arguments(
    major: int, socket_directory: Path, overrides: Mapping[str, str], kernel: str
) -> list[str]:
    """The `-c name=value` arguments of `postgres`, flat, sorted by name.

    Args:
        kernel: system and release, `Linux 6.1.0-18-amd64`.
    """
    defaults = {**SMALL, **_newer(major), **_after_crash(kernel)}
    chosen = {**defaults, **overrides, **_access(socket_directory)}
    return [word for name in sorted(chosen) for word in ("-c", f"{name}={chosen[name]}")]


def locale_arguments(major: int, platform: str) -> list[str]:
    """The locale options of `initdb`: bytewise order, Unicode character classes.

    Before 17 the C library must supply the locale; outside Linux it may not have `C.UTF-8`.
    """
    libc = "C.UTF-8" if platform == "linux" else "C"
    if major < 17:
        return [f"--locale={libc}"]
    return ["--locale-provider=builtin", "--builtin-locale=C.UTF-8", f"--locale={libc}"]


def sync_arguments(major: int, kernel: str) -> list[str]:
    """The options of `initdb` that make it sync the file system once (see `_after_crash`)."""
    return ["--sync-method=syncfs"] if major >= 17 and _has_honest_syncfs(kernel) else []


def _newer(major: int) -> dict[str, str]:
    """What older servers do not know. Workers for reads would be three more processes."""
    return {"io_method": "sync"} if major >= 18 else {}


def _after_crash(kernel: str) -> dict[str, str]:
    """Make a crash's recovery sync the file system once, not a thousand files one by one.

    It takes 0.2 s instead of 1 to 4 s on a busy machine. Before Linux 5.8 syncfs hid errors.
    """
    return {"recovery_init_sync_method": "syncfs"} if _has_honest_syncfs(kernel) else {}


def _has_honest_syncfs(kernel: str) -> bool:
    match = re.match(r"Linux (\d+)\.(\d+)", kernel)
    return match is not None and (int(match[1]), int(match[2])) >= (5, 8)


def _access(socket_directory: Path) -> dict[str, str]:
    quoted = str(socket_directory).replace('"', '""')
    return {
        "listen_addresses": "",
        "port": str(PORT),
        "unix_socket_directories": f'"{quoted}"',
        "unix_socket_permissions": "0700",
    }


def _problem(name: str, value: object) -> FieldProblem | None:
    field = f"settings.{name}"
    if not _NAME.fullmatch(name):
        return FieldProblem(field, "is not the name of a setting", "lower case, e.g. work_mem")
    if name in _OURS:
        return FieldProblem(
            field,
            "is fixed: the socket in a private directory is the whole access control",
            "leave it out, or run your own server and give its DSN",
        )
    if not isinstance(value, str) or "\0" in value:
        return FieldProblem(field, "is not text", "write it as in postgresql.conf: '64MB'")
    return None

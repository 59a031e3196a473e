"""PgBouncer in transaction mode between nodes and their database: each transaction may get another
session, and nothing that is said in one is remembered."""

from __future__ import annotations

import asyncio
import os
import shutil
import signal
import tempfile
from asyncio.subprocess import DEVNULL
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any, Final
from urllib.parse import parse_qsl, urlsplit

import asyncpg

from acceptance.nodes import until

PROGRAM: Final = "CALLBOARD_PGBOUNCER"
"""Names the program, where it is not on the path."""
CONFIG: Final = """
[databases]
{name} = host={host} port=5432 dbname={name} user={user}
[pgbouncer]
unix_socket_dir = {directory}
listen_port = 5432
auth_type = any
pool_mode = transaction
default_pool_size = 4
max_client_conn = 500
server_login_retry = 1
logfile = {directory}/log
"""
# It refuses to be root; in a namespace of its own it is somebody else, with the same rights.
AS_SOMEBODY: Final = ("unshare", "--user", "--map-user=1000", "--map-group=1000", "--")


def found_pooler() -> str | None:
    """The program, if there is one."""
    return os.environ.get(PROGRAM) or shutil.which("pgbouncer")


@asynccontextmanager
async def pooled(program: str, upstream: str) -> AsyncIterator[str]:
    """The DSN of the way through a pooler to the database of `upstream`."""
    parts = urlsplit(upstream)
    directory = Path(tempfile.mkdtemp(prefix="callboard-pooler-"))
    config = directory / "config"
    config.write_text(
        CONFIG.format(
            name=parts.path.removeprefix("/"),
            user=parts.username,
            host=dict(parse_qsl(parts.query))["host"],
            directory=directory,
        )
    )
    prefix = AS_SOMEBODY if os.geteuid() == 0 else ()
    process = await asyncio.create_subprocess_exec(
        *prefix, program, str(config), stdout=DEVNULL, stderr=DEVNULL
    )
    try:
        plain = parts._replace(query=f"host={directory}&port=5432").geturl()
        await until(lambda: _answers(plain), "the pooler answers")
        yield f"{plain}&statement_cache_size=0"
    finally:
        process.send_signal(signal.SIGTERM)
        await process.wait()
        shutil.rmtree(directory)


async def _answers(dsn: str) -> bool:
    try:
        connection: asyncpg.Connection[Any] = await asyncpg.connect(dsn, statement_cache_size=0)
    except (OSError, asyncpg.PostgresError):
        return False
    await connection.close()
    return True

"""A process of its own that writes into an embedded server; run as `worker.py DIRECTORY NAME`.

Each row that was committed is told by one line `n is_owner` in `DIRECTORY/NAME.acks`. It lives
through the loss of its connection. SIGTERM closes it in order. A later life of the same name
goes on where the lines end; a first life forgets the rows of another test's worker.
"""

from __future__ import annotations

import asyncio
import os
import signal
import sys
from pathlib import Path

import asyncpg

from callboard.store.embedded import EmbeddedServer

LOST = (OSError, asyncpg.PostgresError, asyncpg.InterfaceError, asyncpg.InternalClientError)
CREATE = "create table if not exists entry (worker text, n int, primary key (worker, n))"
# Whether the last insert before a loss was committed is not known; so it may be there already.
INSERT = "insert into entry values ($1, $2) on conflict do nothing"


async def main(directory: Path, name: str) -> None:
    stop = asyncio.Event()
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, stop.set)
    acks = os.open(directory / f"{name}.acks", os.O_WRONLY | os.O_CREAT | os.O_APPEND)
    async with await EmbeddedServer.open(directory) as server:
        n = read_last(directory / f"{name}.acks")
        if n == 0:
            await forget(server, name)
        while not stop.is_set():
            try:
                n = await write_rows(server, name, n, acks, stop)
            except LOST:
                n = read_last(directory / f"{name}.acks")
                await server.ensure_running()
    os.close(acks)


async def forget(server: EmbeddedServer, name: str) -> None:
    connection = await asyncpg.connect(server.dsn, timeout=5)
    try:
        await connection.execute(CREATE)
        await connection.execute("delete from entry where worker = $1", name)
    finally:
        connection.terminate()


async def write_rows(
    server: EmbeddedServer, name: str, n: int, acks: int, stop: asyncio.Event
) -> int:
    connection = await asyncpg.connect(server.dsn, timeout=5)
    try:
        while not stop.is_set():
            await connection.execute(INSERT, name, n + 1)
            n += 1
            os.write(acks, f"{n} {int(server.is_owner)}\n".encode())
            await asyncio.sleep(0.002)
        return n
    finally:
        connection.terminate()


def read_last(path: Path) -> int:
    lines = path.read_text().splitlines()
    return int(lines[-1].split()[0]) if lines else 0


if __name__ == "__main__":
    asyncio.run(main(Path(sys.argv[1]), sys.argv[2]))

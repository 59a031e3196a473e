"""Runs and your own rows, in one transaction: both or neither. Needs PostgreSQL; brings its own.

Prints:
    rolled back: 0 orders, the run was never there: True
    committed: 1 orders, shipped order 1
    completed with its effects: succeeded, 1 parcels, though it failed after the commit
"""

import asyncio
import tempfile
from pathlib import Path

import asyncpg

from callboard import Callboard, job, transactional
from callboard.store.contract import RunFilter
from callboard.store.embedded import EmbeddedServer


@job()
async def ship(order: int):
    return f"shipped order {order}"


@job()
async def pack(dsn: str):
    connection = await asyncpg.connect(dsn)
    try:
        async with connection.transaction():
            await connection.execute("insert into parcel default values")
            await transactional.complete(connection)
        raise RuntimeError("the light went out")
    finally:
        await connection.close()


async def main():
    with tempfile.TemporaryDirectory() as folder:
        async with await EmbeddedServer.open(Path(folder)) as server:
            async with Callboard(server.dsn) as board:
                await tour(board, server.dsn)


async def tour(board, dsn):
    connection = await asyncpg.connect(dsn)
    await connection.execute("create table customer_order (id int generated always as identity)")
    await connection.execute("create table parcel (id int generated always as identity)")
    await board.define(ship)
    await board.define(pack)

    transaction = connection.transaction()
    await transaction.start()
    await connection.execute("insert into customer_order default values")
    await board.start(ship, {"order": 0}, connection=connection)
    await transaction.rollback()
    orders = await connection.fetchval("select count(*) from customer_order")
    print(
        f"rolled back: {orders} orders, the run was never there:",
        await board.list_runs(RunFilter()) == [],
    )

    async with connection.transaction():
        await connection.execute("insert into customer_order default values")
        run = await board.start(ship, {"order": 1}, connection=connection)
    orders = await connection.fetchval("select count(*) from customer_order")
    print(f"committed: {orders} orders, {await run.result()}")

    run = await (await board.start(pack, {"dsn": dsn})).wait()
    parcels = await connection.fetchval("select count(*) from parcel")
    print(
        f"completed with its effects: {run.state}, {parcels} parcels,"
        " though it failed after the commit"
    )
    await connection.close()


if __name__ == "__main__":
    asyncio.run(main())

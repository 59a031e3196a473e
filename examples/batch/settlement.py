"""A batch job: orders from a file into PostgreSQL, totals by region and day, a report.

    load       chunks of 1000 rows, checked; wrong ones are skipped and kept for people
    total      one partition for each region, side by side; adds each chunk to the totals
    report     the totals as a CSV file

Kill it wherever you like and restart it: no order is stored twice, none is missing, and no amount
is added twice, although `total` adds to what is there. Each chunk commits together with the place
that it has come to. One file is settled at a time: it begins with empty tables.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import AsyncIterator, Sequence
from datetime import date
from pathlib import Path
from typing import Any

from callboard.batch import (
    BatchJob,
    ChunkStep,
    Params,
    Partition,
    Skip,
    StepContext,
    StepTransaction,
    csv_rows,
    identifying,
    reference,
)
from orders import REGIONS, BadOrder, Order, checked

TABLES = """
    create schema if not exists shop;
    create table if not exists shop.orders (
        id int8 primary key, region text not null, placed_on date not null, cents int8 not null
    );
    create index if not exists orders_region_idx on shop.orders (region, id);
    create table if not exists shop.daily (
        region text, day date, orders int8 not null, cents int8 not null,
        primary key (region, day)
    );
    truncate shop.orders, shop.daily
"""
ADD = """
    insert into shop.daily (region, day, orders, cents)
    select $1, * from unnest($2::date[], $3::int8[], $4::int8[])
    on conflict (region, day) do update
    set orders = daily.orders + excluded.orders, cents = daily.cents + excluded.cents
"""
PAGE = """
    select id, placed_on, cents from shop.orders
    where region = $1 and id > $2
    order by id
    limit 5000
"""


class SettleParams(Params):
    source: str = identifying(description="The file of orders.")
    orders: int = reference(description="How many it has: to tell how long it takes.")
    report: str = reference(description="Where the report goes.")


settlement = BatchJob("settlement", SettleParams, description="Settle a file of orders.")


@settlement.step
async def prepare(ctx: StepContext) -> None:
    """Make the tables, or empty them. A restart does not come here again: this is done."""
    async with ctx.transaction() as tx:
        await tx.execute(TABLES)


async def store(orders: Sequence[Order], tx: StepTransaction) -> None:
    await tx.copy_records_to_table(
        "orders", schema_name="shop", columns=Order._fields, records=orders
    )


load = settlement.add(
    ChunkStep(
        "load",
        read=csv_rows(lambda ctx: ctx.params.source),
        process=checked,
        write=store,
        size=1000,
        expected=lambda ctx: ctx.params.orders,
        skip=Skip(BadOrder, limit=100_000),
    )
)


def by_region(ctx: StepContext, grid: int) -> dict[str, dict[str, str]]:
    return {region: {"region": region} for region in REGIONS}


@settlement.reader
async def orders_of_region(ctx: StepContext, after: int | None) -> AsyncIterator[tuple[Any, int]]:
    """By key, not by number of rows: orders that come later do not move the place."""
    after = after or 0
    while rows := await ctx.db.fetch(PAGE, ctx.inputs["region"], after):
        for row in rows:
            yield row, row["id"]
        after = rows[-1]["id"]


async def total_region(ctx: StepContext) -> None:
    async for chunk in ctx.chunks(orders_of_region, size=1000):
        sums: defaultdict[date, list[int]] = defaultdict(lambda: [0, 0])
        for order in chunk:
            day = sums[order["placed_on"]]
            day[0] += 1
            day[1] += order["cents"]
        counts, cents = zip(*sums.values(), strict=True)
        async with chunk as tx:
            await tx.execute(ADD, ctx.inputs["region"], list(sums), list(counts), list(cents))


settlement.add(Partition("total", plan=by_region, step=total_region, grid=6, concurrency=3))


@settlement.step
async def report(ctx: StepContext) -> None:
    """Written beside and then put in its place: whoever reads it finds a whole one."""
    rows = await ctx.db.fetch("select region, day, orders, cents from shop.daily order by 1, 2")
    path = Path(ctx.params.report)
    lines = [f"{row['region']},{row['day']},{row['orders']},{row['cents']}\n" for row in rows]
    part = path.with_suffix(".part")
    part.write_text("region,day,orders,cents\n" + "".join(lines), encoding="utf-8")
    part.replace(path)
    ctx.job_state["days"] = len(rows)

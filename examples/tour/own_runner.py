"""A runner of one's own: jobs of kind sqlite, whose spec is checked when they are defined.

Prints:
    [['ADA', 42]]
"""

import asyncio
import sqlite3
from contextlib import closing

from callboard import Callboard, Job, Outcome, RunState


class SqliteRunner:
    kind = "sqlite"
    schema = {  # noqa: RUF012 - nobody changes it
        "type": "object",
        "properties": {"file": {"type": "string"}, "query": {"type": "string", "minLength": 1}},
        "required": ["file", "query"],
        "additionalProperties": False,
    }

    async def execute(self, job, run, *, log, control):
        connection = sqlite3.connect(job.spec["file"], check_same_thread=False)
        control.listen(lambda phase: connection.interrupt())  # a stop, or the job's timeout
        with closing(connection):
            query = (job.spec["query"], run.arguments)
            rows = await asyncio.to_thread(lambda: connection.execute(*query).fetchall())
        log.record("INFO", f"{len(rows)} rows")
        return Outcome(state=RunState.SUCCEEDED, result=rows)


async def main():
    async with Callboard(runners=[SqliteRunner()]) as board:
        spec = {"file": ":memory:", "query": "select upper(:name), 6 * 7"}
        await board.create_job(Job(name="shout", kind="sqlite", spec=spec))
        run = await board.start("shout", {"name": "ada"})
        print(await run.result())


if __name__ == "__main__":
    asyncio.run(main())

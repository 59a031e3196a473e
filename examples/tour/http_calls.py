"""Jobs that call a URL: without a handler, and only where they are allowed to.

Prints:
    order 7: succeeded, {'order': 7, 'by': 'ada'}
    busy: failed, HttpStatus, tried again after what the server said
    the metadata of the cloud: failed, HttpRefused
"""

import asyncio

from aiohttp import web

from callboard import BoardConfig, Callboard, Job, RetryPolicy
from callboard.store.contract import RunFilter


async def order(request):
    return web.json_response({"order": int(request.match_info["id"]), **await request.json()})


async def busy(request):
    return web.Response(status=503, headers={"Retry-After": "1"})


async def shop():
    app = web.Application()
    app.router.add_post("/orders/{id}", order)
    app.router.add_get("/busy", busy)
    runner = web.AppRunner(app)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    return runner, f"http://127.0.0.1:{runner.addresses[0][1]}"


async def main():
    runner, url = await shop()
    allowed = BoardConfig(egress_allow=("127.0.0.1",))
    async with Callboard("memory:", config=allowed) as board:
        spec = {
            "method": "POST",
            "url": url + "/orders/{{ arguments.id }}",
            "json": {"by": "{{ arguments.who }}"},
        }
        await board.create_job(Job(name="order", kind="http", spec=spec))
        run = await (await board.start("order", {"id": 7, "who": "ada"})).wait()
        print(f"order 7: {run.state}, {run.result['body']}")

        twice = RetryPolicy(max_attempts=2, initial_s=0)
        await board.create_job(
            Job(name="busy", kind="http", spec={"url": f"{url}/busy"}, retry=twice)
        )
        run = await (await board.start("busy")).wait()
        (retry, _) = await board.list_runs(RunFilter(chain_id=run.id))
        waits = (retry.due_at - run.ended_at).total_seconds()
        print(
            f"busy: {run.state}, {run.error.type}, tried again",
            "after what the server said" if waits > 0.9 else f"after {waits} s",
        )

        spec = {"url": "http://169.254.169.254/latest/meta-data"}
        await board.create_job(Job(name="spy", kind="http", spec=spec))
        run = await (await board.start("spy")).wait()
        print(f"the metadata of the cloud: {run.state}, {run.error.type}")
    await runner.cleanup()


if __name__ == "__main__":
    asyncio.run(main())

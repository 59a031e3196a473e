"""Webhooks: somebody is told of failures, of recoveries, and of slots that are late.

Prints:
    signed as it should be: True
    run.failed: report, no paper
    run.recovered: report, failing since run 1
    deadline.missed: nightly, start
"""

import asyncio
import time

from aiohttp import web

from callboard import BoardConfig, Callboard, every, job
from callboard.domain.deadlines import Deadlines
from callboard.domain.queue import Queue
from callboard.domain.webhook import Webhook
from callboard.domain.webhook_signature import HEADER, is_signed
from callboard.runners.secrets import EnvSecrets

KEY = "the key of both sides"
moods = ["no paper"]
messages: asyncio.Queue = asyncio.Queue()


@job()
async def report():
    if moods:
        raise RuntimeError(moods.pop())


@job(queue="closed")
async def tidy_up(): ...


async def receive(request):
    body = await request.read()
    genuine = is_signed(body, request.headers[HEADER], KEY, int(time.time()))
    await messages.put((genuine, await request.json()))
    return web.Response()


async def receiver():
    """The other side: a server of yours."""
    app = web.Application()
    app.router.add_post("/hook", receive)
    runner = web.AppRunner(app)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    return runner, f"http://127.0.0.1:{runner.addresses[0][1]}/hook"


async def main():
    runner, url = await receiver()
    config = BoardConfig(poll_s=0.2, egress_allow=("127.0.0.1",))
    secrets = {"env": EnvSecrets({"CALLBOARD_SECRET_HOOK_KEY": KEY})}
    async with Callboard("memory:", config=config, secrets=secrets) as board:
        hook = Webhook(name="ops", url=url, secret={"$secret": "env:HOOK_KEY"})
        await board.create_webhook(hook)
        await board.ping_webhook("default", "ops")
        print(f"signed as it should be: {(await messages.get())[0]}")

        await board.define(report)
        for _ in range(2):
            await (await board.start(report)).wait()
        told = (await messages.get())[1]
        print(f"{told['event']}: {told['job']}, {told['run']['error']['message']}")
        told = (await messages.get())[1]
        print(f"{told['event']}: {told['job']}, failing since run {told['failed_run_id']}")

        await board.create_queue(Queue(name="closed", paused=True))
        await board.define(tidy_up)
        soon = Deadlines(start_within_s=0.3)
        await board.schedule("nightly", every(seconds=0.5), tidy_up, deadlines=soon)
        told = (await messages.get())[1]
        print(f"{told['event']}: {told['trigger']}, {told['deadline']}")
    await runner.cleanup()


if __name__ == "__main__":
    asyncio.run(main())

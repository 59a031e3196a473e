"""Secrets by reference: the handler gets the value, everybody else the reference or ***.

Prints:
    the handler got it: True
    stored: {'password': {'$secret': 'vault:db'}}
    logged: connecting with ***
    error: ConnectionError: refused for ***
"""

import asyncio

from callboard import Callboard, job

VALUES = {"db": "correct horse battery staple"}
got = []


class Vault:
    """Where values come from is yours; `EnvSecrets` and `FileSecrets` are there, too."""

    async def get(self, key: str) -> str:
        return VALUES[key]


@job()
async def connect(password: str):
    got.append(password)
    print(f"connecting with {password}")
    raise ConnectionError(f"refused for {password}")


async def main():
    async with Callboard("memory:", secrets={"vault": Vault()}) as board:
        await board.define(connect)
        run = await board.start(connect, {"password": {"$secret": "vault:db"}})
        run = await run.wait()
        print("the handler got it:", got == [VALUES["db"]])
        print("stored:", dict(run.arguments))
        print("logged:", (await board.read_log(run.id))[0].text)
        print(f"error: {run.error.type}: {run.error.message}")


if __name__ == "__main__":
    asyncio.run(main())

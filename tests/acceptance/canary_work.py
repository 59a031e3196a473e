"""Handlers that tell a secret in every way they know."""

from __future__ import annotations

import base64
import json
import logging
import sys
from typing import Any
from urllib.parse import quote

import asyncpg

from callboard import RunContext
from callboard.transactional import complete


def tell_all(ctx: RunContext, secret: str, end: str) -> Any:
    """Print, log, report and then return or raise it."""
    print(f"plain {secret} and {json.dumps(secret)} and {secret!r}")
    print("url " + quote(secret, safe=""), base64.b64encode(f"user:{secret}".encode()).decode())
    for letter in secret:
        sys.stderr.write(letter)
    sys.stderr.write("\n")
    print("x" * 16_370 + secret + "y" * 20_000)
    ctx.log.warning("with %s", secret, extra={"token": secret, "deep": {secret: [secret]}})
    try:
        raise KeyError(secret)
    except KeyError:
        logging.getLogger("canary").exception("as an error %s", secret, extra={"token": secret})
    ctx.progress(1, 2, f"using {secret}")
    match end:
        case "return":
            return {"token": secret, secret: [secret]}
        case "large":
            return [secret] * 200_000
        case "raise":
            raise RuntimeError(f"no access with {secret}" + "z" * 10_000 + secret)
        case "chain":
            try:
                raise ValueError(secret)
            except ValueError as error:
                raise LookupError(f"cut {'x' * 4060}{secret}") from error
    raise AssertionError(end)


async def tell_all_on_the_loop(ctx: RunContext, secret: str, end: str) -> Any:
    return tell_all(ctx, secret, end)


async def complete_with_it(dsn: str, secret: str) -> None:
    """Complete the run in a transaction of its own, with the secret as its result."""
    connection = await asyncpg.connect(dsn)
    try:
        async with connection.transaction():
            await complete(connection, {"token": secret})
    finally:
        await connection.close()

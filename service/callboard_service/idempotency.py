"""Idempotency-Key: a POST that is sent again is not done again.

| the key's record | answer |
| --- | --- |
| none, or older than 24 h | the request is done, its answer is kept if it is a 2xx |
| another body | 409 idempotency_key_reused |
| answered | that answer, byte for byte, with `Idempotent-Replayed: true` |
| runs were started, but no answer is kept (the process died in between) | those runs |
| in work | 409 request_in_progress, with Retry-After; for starts of runs: those runs |
| in work for longer than a minute | whoever did it is dead: the request is done |

A refused request has done nothing, so its key is free again.
"""

from __future__ import annotations

import hashlib
import logging
from collections.abc import Awaitable, Callable
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any, Final

import orjson
from aiohttp import web

from callboard.board import Callboard
from callboard.errors import RefusedError, StoreError, UsageError
from callboard.store.contract import IdempotencyRecord
from callboard_service.body import header_text
from callboard_service.problems import RETRY_AFTER_S, Refusal
from callboard_service.wire.text import MalformedJson

logger = logging.getLogger(__name__)

HEADER: Final = "Idempotency-Key"
MAX_KEY: Final = 255
KEPT_FOR: Final = timedelta(hours=24)
GIVEN_UP_AFTER: Final = timedelta(minutes=1)
_KEPT_HEADERS: Final = ("Content-Type", "Location", "ETag")

Do = Callable[[str | None], Awaitable[web.StreamResponse]]


async def once(
    board: Callboard,
    request: web.Request,
    group: str,
    data: bytes,
    now: datetime,
    do: Do,
    *,
    is_repeatable: bool,
) -> web.StreamResponse:
    """The answer of `do(key)`, or the one that was given before under the request's key.

    Args:
        do: gets the key within its scope, None where the request has none.
        is_repeatable: `do` itself gives what the key has started, so it may be called again.

    Raises:
        Refusal: invalid_header, idempotency_key_reused, request_in_progress.
    """
    key = header_text(request, HEADER, most=MAX_KEY)
    if key is None:
        return await do(None)
    scope = group, request.method, request.path
    return await once_by(board, (*scope, key), data, now, do, is_repeatable=is_repeatable)


async def once_by(
    board: Callboard,
    key: tuple[str, ...],
    data: bytes,
    now: datetime,
    do: Do,
    *,
    is_repeatable: bool,
) -> web.StreamResponse:
    """The same by a key that the caller has found, with what it holds for before it.

    Raises:
        Refusal: idempotency_key_reused, request_in_progress.
    """
    record = IdempotencyRecord(key=scoped(key), digest=_digest(data), created_at=now)
    known = await _begin(board, record, is_repeatable=is_repeatable)
    if known is not None and known.answer is not None:
        return _replayed(known)
    return await _keep(board, record, do, is_new=known is None)


async def _begin(
    board: Callboard, record: IdempotencyRecord, *, is_repeatable: bool
) -> IdempotencyRecord | None:
    """What is known of the request; None: it is to be done anew."""
    known = await board.begin_request(record)
    if known is not None and _is_over(known, record.created_at):
        await board.abort_request(record.key)
        known = await board.begin_request(record)
    if known is None:
        return None
    if known.digest != record.digest:
        detail = f"the key was used with another body on {known.created_at:%Y-%m-%d %H:%M:%SZ}"
        raise Refusal("idempotency_key_reused", detail)
    if known.answer is None and not is_repeatable:
        detail = "a request with this key is being worked on"
        raise Refusal("request_in_progress", detail, headers={"Retry-After": str(RETRY_AFTER_S)})
    return known


def _is_over(known: IdempotencyRecord, now: datetime) -> bool:
    if known.created_at + KEPT_FOR <= now:
        return True
    unanswered = known.answer is None and not known.run_ids
    return unanswered and known.created_at + GIVEN_UP_AFTER <= now


async def _keep(
    board: Callboard, record: IdempotencyRecord, do: Do, *, is_new: bool
) -> web.StreamResponse:
    try:
        response = await do(record.key)
    except (UsageError, RefusedError, Refusal, MalformedJson, web.HTTPException):
        # Runs that a key has started stay with it, whatever is said later.
        if is_new:
            await _forget(board, record.key)
        raise
    if isinstance(response, web.Response) and 200 <= response.status < 300:
        try:
            # The runs that were started meanwhile stay in the record.
            begun = await board.begin_request(record) or record
            if begun.answer is not None:
                return _replayed(begun)
            answered = replace(begun, status=response.status, answer=_packed(response))
            await board.finish_request(answered)
        except StoreError as error:
            # It is done, and the client has to hear that; a repetition finds the runs.
            logger.warning(
                "an answer could not be kept for its Idempotency-Key",
                extra={"event": "http.answer_not_kept", "reason": str(error)},
            )
    return response


async def _forget(board: Callboard, key: str) -> None:
    try:
        await board.abort_request(key)
    except StoreError:
        pass  # the record is given up after a minute


def _packed(response: web.Response) -> bytes:
    """One line with the headers, then the body."""
    headers = {name: response.headers[name] for name in _KEPT_HEADERS if name in response.headers}
    body = response.body if isinstance(response.body, bytes) else b""
    return orjson.dumps(headers) + b"\n" + body


def _replayed(known: IdempotencyRecord) -> web.Response:
    head, _, body = (known.answer or b"{}\n").partition(b"\n")
    headers: dict[str, Any] = orjson.loads(head)
    headers["Idempotent-Replayed"] = "true"
    return web.Response(body=body, status=known.status or 200, headers=headers)


def scoped(key: tuple[str, ...]) -> str:
    """One text for a key with what it holds for."""
    return hashlib.blake2b(
        "\n".join(key).encode("utf-8", "surrogatepass"), digest_size=32
    ).hexdigest()


def _digest(data: bytes) -> str:
    return hashlib.blake2b(data, digest_size=32).hexdigest()

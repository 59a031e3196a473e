"""Requests that may come twice."""

from __future__ import annotations

from dataclasses import dataclass

from callboard.runtime import Command
from callboard.store.contract import IdempotencyRecord


@dataclass(frozen=True, slots=True, kw_only=True)
class BeginRequest(Command[IdempotencyRecord | None]):
    """Note a request with an Idempotency-Key. None: go on; otherwise what is known of it."""

    record: IdempotencyRecord


@dataclass(frozen=True, slots=True, kw_only=True)
class FinishRequest(Command[None]):
    """Keep the answer of a noted request."""

    record: IdempotencyRecord


@dataclass(frozen=True, slots=True, kw_only=True)
class AbortRequest(Command[None]):
    """Forget a noted request that failed."""

    key: str

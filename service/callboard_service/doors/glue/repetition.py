"""Calls that the SDK repeats: they bring the same `amz-sdk-invocation-id`, and are done once.

What is only read is simply read again. Starts are given the key with their body: the board finds
what it has started by it, in the very commit that starts it. The rest goes by the same records as
an Idempotency-Key (idempotency.py): an answer is kept and given again, a refusal is not. Where the
first try is still in work, or its process died, what comes to the same when it is done twice is
done; the others are told to try again (ThrottlingException), so that a job that a repetition finds
is never taken for somebody else's.
"""

from __future__ import annotations

from hashlib import sha256
from typing import Final

from aiohttp import web

from callboard_service.body import header_text
from callboard_service.idempotency import scoped

HEADER: Final = "amz-sdk-invocation-id"
_MOST: Final = 255
_READS: Final = ("Get", "List", "BatchGet")
_FIND_IT: Final = frozenset({"StartJobRun", "StartWorkflowRun"})
_NOT_TWICE: Final = frozenset(
    {
        "CreateJob",
        "CreateTrigger",
        "CreateWorkflow",
        "StartTrigger",
        "ResumeWorkflowRun",
        "StopWorkflowRun",
    }
)


def key_of(request: web.Request, group: str, operation: str) -> tuple[str, ...] | None:
    """The key of a call with its scope; None: it is done each time.

    Raises:
        Refusal: invalid_header.
    """
    if operation.startswith(_READS):
        return None
    given = header_text(request, HEADER, most=_MOST)
    return None if given is None else ("AWSGlue", group, operation, given)


def start_key(key: tuple[str, ...], operation: str, data: bytes) -> str | None:
    """The key by which an operation finds what it has started; None: it does not by itself."""
    return scoped((*key, sha256(data).hexdigest())) if operation in _FIND_IT else None


def is_repeatable(operation: str) -> bool:
    """Whether doing it again comes to the same."""
    return operation not in _NOT_TWICE
